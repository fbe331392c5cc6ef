"""What happens to one value: each treatment keeps it, changes it or drops it, and refuses the wrong JSON type.

A treatment is made once per element (`make(path, tools)`) and then called for every value; the struct has made sure
that it is a string (numbers come raw). A dropped value returns GONE and is counted under the element's path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from msgspec import Raw

from pipelines.deidentify.references import ReferenceForms

GONE = object()
REMEMBERED_VALUES = 20_000
TOKEN = re.compile(r"[^\s@]{1,100}")
SYSTEM_URI = re.compile(r"(?:https?://|urn:)[^\s@?]{1,200}")
FHIR_DATE = re.compile(
    r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
FHIR_TIME = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?", re.ASCII)
PLACE_NAME = re.compile(r"[^\W\d_][^\d\n\t@/<>:;=]{0,59}")
STATE_CODE = re.compile(r"[A-Z]{2}")
ZIP = re.compile(r"(\d{5})(?:[- ]?\d{4})?", re.ASCII)
ZIP3 = re.compile(r"(\d{3})\d*(?:[- ]?\d{4})?", re.ASCII)
NUMBERS = re.compile(rb"\[\s*-?\d[\d.eE+-]*(?:\s*,\s*-?\d[\d.eE+-]*)*\s*\]")
NUMBER_STARTS = frozenset(b"-0123456789")


class Refused(Exception):
    """This resource must not pass: something in it is not what it claims to be."""

    def __init__(self, reason: str, path: str):
        self.reason, self.path = reason, path
        super().__init__(reason)


class RecordCodes(Protocol):
    """Who gives out the codes that stand for ids: a PseudonymKey, or random surrogates."""

    key_id: str

    def pseudonym(self, resource_type: str, resource_id: str) -> str: ...


@dataclass
class Tools:
    """What treatments share: the record codes, the known words, and the list of dropped paths."""

    codes: RecordCodes
    reference_forms: ReferenceForms
    known_units: frozenset[str]
    rules: Mapping[str, Any]
    as_of: date | None
    dropped: list[Any] = field(default_factory=list)


Treat = Callable[[Any], Any]


class Matching:
    """Keeps a string that has the pattern's shape, exactly as written; drops any other string.

    `passed` are values that passed; callers may look there first. When full, it starts anew.
    """

    def __init__(self, what: str, fits: Callable[[str], object], path: str, dropped: list[Any]):
        self.passed: set[str] = set()
        self._fits, self._refused, self._dropped = fits, f"{path} (not a {what})", dropped

    def __call__(self, value: str) -> Any:
        if not self._fits(value):
            self._dropped.append(self._refused)
            return GONE
        if len(self.passed) >= REMEMBERED_VALUES:
            self.passed.clear()
        self.passed.add(value)
        return value


def matching(what: str, pattern: re.Pattern[str]) -> Callable[[str, Tools], Treat]:
    return lambda path, tools: Matching(what, pattern.fullmatch, path, tools.dropped)


def known_unit(path: str, tools: Tools) -> Treat:
    """Keeps a written unit that is listed in data_contracts/units; any other words are dropped."""
    return Matching("known unit", tools.known_units.__contains__, path, tools.dropped)


def known_system(path: str, tools: Tools) -> Treat:
    """Keeps the name of a code system that the profile lists; the coding of any other system is dropped."""
    listed = tuple(tools.rules["known_systems"])
    return Matching("listed code system", lambda name: name.startswith(listed), path, tools.dropped)


def rewritten(what: str, pattern: re.Pattern[str], change: Callable[[re.Match[str], Tools], str | None]):
    """Keeps what `change` makes of a string that has the pattern's shape; None or another shape is dropped."""

    def make(path: str, tools: Tools) -> Treat:
        refused, tally = f"{path} (not a {what})", tools.dropped.append

        def treat(value: str) -> Any:
            match = pattern.fullmatch(value)
            changed = change(match, tools) if match else None
            if changed is None:
                tally(refused)
                return GONE
            return changed

        return treat

    return make


def reference(path: str, tools: Tools) -> Treat:
    """Rewrites Reference.reference so that it still points at the same, now pseudonymous, resource."""
    rewrite, tally, refused = tools.reference_forms.rewriter(path), tools.dropped.append, f"{path} (foreign)"

    def treat(value: str) -> Any:
        rewritten_reference = rewrite(value)
        if rewritten_reference is None:
            tally(refused)
            return GONE
        return rewritten_reference

    return treat


def number(path: str, tools: Tools) -> Treat:
    """Keeps a number's own bytes, digit for digit. It comes raw, so that it is one is checked here."""

    def treat(raw: Raw) -> Raw:
        if bytes(raw)[0] in NUMBER_STARTS:
            return raw
        raise Refused("wrong_type", path)

    return treat


def numbers(path: str, tools: Tools) -> Treat:
    """The same for a list of numbers; an empty list goes."""

    def treat(raw: Raw) -> Any:
        text = bytes(raw)
        if NUMBERS.fullmatch(text):
            return raw
        if text == b"[]":
            return GONE
        raise Refused("wrong_type", path)

    return treat


def dropped(path: str, tools: Tools) -> Treat:
    """Drops the value, whatever it is, and counts it."""
    tally = tools.dropped.append

    def treat(value: Any) -> Any:
        tally(path)
        return GONE

    return treat


def refused_modifier(path: str, tools: Tools) -> Treat:
    """An unknown modifier may turn the meaning round: the resource is refused as a whole."""

    def treat(value: Any) -> Any:
        raise Refused("unknown_modifier", path)

    return treat


def _oldest_year_shown(tools: Tools) -> int:
    """Years up to this one would tell that a person is over 89 (the profile's rule `oldest_age_shown`)."""
    return tools.as_of.year - tools.rules["oldest_age_shown"] - 1


def _year(match: re.Match[str], tools: Tools) -> str | None:
    year = match.group()[:4]
    return year if int(year) > _oldest_year_shown(tools) else None


def _grouped_birth_year(match: re.Match[str], tools: Tools) -> str:
    return str(max(int(match.group()[:4]), _oldest_year_shown(tools)))


def _zip3(match: re.Match[str], tools: Tools) -> str:
    prefix = match[1]
    return "000" if prefix in tools.rules["restricted_zip3"] else prefix


TREATMENTS: dict[str, Callable[[str, Tools], Treat]] = {
    "token": matching("code", TOKEN),
    "system_uri": matching("code system's name", SYSTEM_URI),
    "canonical": matching("canonical name", SYSTEM_URI),
    "fhir_date": matching("date", FHIR_DATE),
    "fhir_time": matching("time", FHIR_TIME),
    "known_unit": known_unit,
    "known_system": known_system,
    "place_name": matching("place name", PLACE_NAME),
    "state_code": matching("state code", STATE_CODE),
    "zip5": rewritten("ZIP code", ZIP, lambda match, tools: match[1]),
    "zip3": rewritten("ZIP code", ZIP3, _zip3),
    "year": rewritten("year that may be shown", FHIR_DATE, _year),
    "grouped_birth_year": rewritten("date", FHIR_DATE, _grouped_birth_year),
    "reference": reference,
    "number": number,
    "dropped": dropped,
}
