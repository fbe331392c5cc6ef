"""What is typed at the front desk, read: dates as people write them, and a search as the beginning of a form. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
US = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")
PHONE = re.compile(r"(?:\+?1[\s.-]?)?(?:\(\d{3}\)|\d{3})[\s.-]?\d{3}[\s.-]?\d{4}")


def iso_date(typed: str | None) -> str | None:
    """03/14/1972 as 1972-03-14. What is no date stays as it was typed: the API says what is wrong with it."""
    said = (typed or "").strip()
    for shape, order in ((ISO, (1, 2, 3)), (US, (3, 1, 2))):
        if found := shape.fullmatch(said):
            year, month, day = (int(found[place]) for place in order)
            return f"{year:04d}-{month:02d}-{day:02d}"
    return said or None


@dataclass(frozen=True)
class Beginning:
    """What a search already says of the person: nobody types it twice."""

    family: str = ""
    given: str = ""
    birth_date: str = ""
    phone: str = ""


def beginning_of(search: str) -> Beginning:
    """'Reyes, Ana 03/14/1972': the family name before a comma, else after the first name."""
    rest = search
    birth, phone = "", ""
    for shape in (ISO, US):
        if found := shape.search(rest):
            birth, rest = iso_date(found.group()) or "", rest.replace(found.group(), " ")
    if found := PHONE.search(rest):
        phone, rest = found.group().strip(), rest.replace(found.group(), " ")
    if any(character.isdigit() for character in rest):
        rest = " ".join(word for word in rest.split() if not any(character.isdigit() for character in word))
    family, comma, given = rest.partition(",")
    if comma:
        return Beginning(family.strip(), given.strip(), birth, phone)
    *first, last = rest.split() or [""]
    return Beginning(last, " ".join(first), birth, phone)
