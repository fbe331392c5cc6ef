"""What two records are compared by: the facts of one person, folded. Read from a Patient, or from a form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehr_core.kernel.name_sounds import APOSTROPHES, GENERATIONS, folded, name_words

Resource = Mapping[str, Any]

SEXES = frozenset({"male", "female"})
PLACEHOLDERS = frozenset(
    (
        "baby",
        "babyboy",
        "babygirl",
        "boy",
        "girl",
        "newborn",
        "infant",
        "twin",
        "unknown",
        "unk",
        "doe",
        "test",
    )
)
"""Given names that stand for a name that is not known yet. They agree with nothing and differ from nothing."""
PHONE_DIGITS, FEWEST_DIGITS = 10, 7
UNIT = re.compile(r"\b(?:apt|apartment|unit|ste|suite|fl|floor|rm|room)\b\.?\s*\w*|#\s*\w+")
STREET_WORDS = {
    "street": "st",
    "avenue": "ave",
    "road": "rd",
    "drive": "dr",
    "lane": "ln",
    "boulevard": "blvd",
    "court": "ct",
    "place": "pl",
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
}
"""Words of a street line and the short form of each. Source: USPS Publication 28, Postal Addressing Standards."""


@dataclass(frozen=True)
class PersonName:
    """One name in folded words; empty where it is not recorded. `generation` is jr, sr, ii, iii or iv."""

    family: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    generation: str | None = None


@dataclass(frozen=True)
class Identity:
    """The facts of one person. Empty and None mean not recorded."""

    names: tuple[PersonName, ...] = ()
    birth_date: str | None = None
    sex: str | None = None
    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    identifiers: frozenset[tuple[str, str]] = frozenset()
    addresses: frozenset[tuple[str, str]] = field(default=frozenset())
    birth_order: int | None = None


def identity_of(patient: Resource) -> Identity:
    """The facts of a Patient, past names and addresses included: people are registered again under old ones."""
    telecom = patient.get("telecom") or ()
    return Identity(
        names=tuple(person_name(name) for name in patient.get("name") or () if not _is_empty(name)),
        birth_date=patient.get("birthDate"),
        sex=patient.get("gender") if patient.get("gender") in SEXES else None,
        phones=phone_keys(item.get("value") for item in telecom if item.get("system") in ("phone", "sms")),
        emails=frozenset(
            folded(item["value"]) for item in telecom if item.get("system") == "email" and item.get("value")
        ),
        identifiers=frozenset(
            (item.get("system") or "", item["value"])
            for item in patient.get("identifier") or ()
            if item.get("value")
        ),
        addresses=frozenset(filter(None, map(address_key, patient.get("address") or ()))),
        birth_order=patient.get("multipleBirthInteger"),
    )


def _is_empty(name: Resource) -> bool:
    return not (name.get("family") or name.get("given") or name.get("text"))


def person_name(name: Resource) -> PersonName:
    """The words of a HumanName; a name that is only a text is read as given names, then the family name."""
    family, given = name.get("family") or "", " ".join(name.get("given") or ())
    if not family and not given and name.get("text"):
        *before, family = name["text"].split()
        given = " ".join(before)
    said = " ".join((family, given, *(name.get("suffix") or ())))
    words = [word for word in name_words(given) if word not in PLACEHOLDERS]
    return PersonName(tuple(name_words(family)), tuple(words), _generation(said))


def _generation(said: str) -> str | None:
    found = (GENERATIONS.get(word) for word in re.split(r"\W+", APOSTROPHES.sub("", folded(said))))
    return next(filter(None, found), None)


def phone_keys(numbers: Iterable[str | None]) -> frozenset[str]:
    """The last ten digits of each number; a number that is too short to be one is left out."""
    found = (re.sub(r"\D", "", number or "")[-PHONE_DIGITS:] for number in numbers)
    return frozenset(digits for digits in found if len(digits) >= FEWEST_DIGITS)


def address_key(address: Resource) -> tuple[str, str] | None:
    """(street line without its unit, five digits of the postal code); None unless both are there."""
    line = folded((address.get("line") or [""])[0] or "")
    postal_code = re.sub(r"\D", "", address.get("postalCode") or "")[:5]
    words = [STREET_WORDS.get(word, word) for word in re.split(r"\W+", UNIT.sub("", line)) if word]
    return (" ".join(words), postal_code) if words and postal_code else None
