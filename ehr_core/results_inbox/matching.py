"""Is this the person whom a result is about? Certain, possible or certainly not, and why. Pure.

`certain` needs two things that do not depend on each other: this site's record number or one of our own order numbers,
and the birth date with the family name. Nothing else is ever filed without a person's look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher

from data_contracts.api.results_inbox import Match, SentPatient
from ehr_core.store.names import folded

ALIKE_NAME = 0.8
"""Share of letters in common from which two names look alike, as on every list of patients here."""


@dataclass(frozen=True)
class Person:
    """A patient as matching sees them. None is not recorded; a partial birth date stays as written."""

    family: str | None
    given: str | None
    birth_date: str | None
    sex: str | None
    mrn: str | None
    names_our_order: bool = False


@dataclass(frozen=True)
class Matched:
    match: Match
    reasons: tuple[str, ...]

    @property
    def rank(self) -> int:
        return ("certain", "possible", "certainly_not").index(self.match)


def match_person(sent: SentPatient, person: Person) -> Matched:
    """Compares what both sides say; what one side does not say speaks neither for nor against."""
    number = _compare("Record number", sent.mrn, person.mrn)
    birth = _birth(sent.birth_date, person.birth_date)
    family = _name("Family name", sent.family, person.family)
    given = _name("Given name", sent.given, person.given)
    sex = _compare("Sex", sent.sex, person.sex)
    said = [one for one in (number, birth, family, given, sex) if one is not None]
    reasons = tuple(words for _, words in said)
    if person.names_our_order:
        reasons = ("It names an order of this patient.", *reasons)
    return Matched(_verdict(person, number, birth, family, given, sex), reasons)


Compared = tuple[bool, str] | None
"""(agrees, in words); None when one side is silent."""


def _verdict(
    person: Person, number: Compared, birth: Compared, family: Compared, given: Compared, sex: Compared
) -> Match:
    identified = _agrees(number) or person.names_our_order
    against = [one for one in (number, birth, family, given) if _differs(one)]
    if identified and _agrees(birth) and _agrees(family) and not against:
        return "certain"
    if _differs(birth) and (_differs(family) or _differs(number)):
        return "certainly_not"
    if _differs(family) and _differs(given) and not identified:
        return "certainly_not"
    if _differs(number) and _differs(sex) and _differs(birth):
        return "certainly_not"
    return "possible"


def _agrees(compared: Compared) -> bool:
    return compared is not None and compared[0]


def _differs(compared: Compared) -> bool:
    return compared is not None and not compared[0]


def _compare(what: str, sent: str | None, recorded: str | None) -> Compared:
    if not sent or not recorded:
        return None
    same = folded(sent).replace("-", "").strip() == folded(recorded).replace("-", "").strip()
    return same, f"{what} {'agrees' if same else 'differs'}."


def _birth(sent: date | None, recorded: str | None) -> Compared:
    """A recorded date of which only the year or month is known agrees as far as it goes, which proves nothing."""
    if sent is None or not recorded:
        return None
    written = sent.isoformat()
    if len(recorded) < len(written):
        return None if written.startswith(recorded) else (False, "Birth date differs.")
    same = written == recorded[: len(written)]
    return same, f"Birth date {'agrees' if same else 'differs'}."


def _name(what: str, sent: str | None, recorded: str | None) -> Compared:
    if not sent or not recorded:
        return None
    one, other = folded(sent).strip(), folded(recorded).strip()
    first, second = one.split(" ")[0], other.split(" ")[0]
    alike = one == other or first == second or SequenceMatcher(None, one, other).ratio() >= ALIKE_NAME
    if one == other:
        return True, f"{what} agrees."
    return alike, f"{what} is similar." if alike else f"{what} differs."
