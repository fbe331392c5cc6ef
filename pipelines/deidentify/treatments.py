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

from data_contracts.units.ucum import is_unit
from pipelines.deidentify.references import ReferenceForms

GONE = object()
REMEMBERED_VALUES = 20_000
YEARS_AHEAD = 100
TOKEN = re.compile(r"[^\s@]{1,100}")
LINK_ID = re.compile(r"/?\d{1,5}-\d(?:/\d{1,5}-\d)*|[a-z]{0,2}\d{1,3}(?:\.\d{1,2}){0,6}", re.ASCII)
LINK_DOMAIN = "linkId"
SYSTEM_URI = re.compile(r"(?:https?://|urn:)[^\s@?]{1,200}")
FHIR_DATE = re.compile(
    r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
FHIR_TIME = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?", re.ASCII)
PLACE_NAME = re.compile(r"[^\W\d_][^\d\n\t@/<>:;=]{0,59}")
UCUM = re.compile(r"http://unitsofmeasure\.org")
VERSION = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,2})?", re.ASCII)
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
    """What treatments share: the record codes, what is listed, the rules, and the list of dropped paths.

    `code_systems` and `canonicals` tell, by system and by address, whether a code or a name is one of theirs;
    `published` are words that somebody has given out for codes.
    """

    codes: RecordCodes
    reference_forms: ReferenceForms
    known_units: frozenset[str]
    code_systems: Mapping[str, Callable[[str], bool]]
    canonicals: Mapping[str, Callable[[str], bool]]
    published: frozenset[str]
    words: Mapping[str, frozenset[str]]
    resource_types: frozenset[str]
    rules: Mapping[str, Any]
    as_of: date | None
    dropped: list[Any] = field(default_factory=list)

    @property
    def largest_bare_number(self) -> float:
        """Bare numbers stay below this: an age over the oldest shown, or a record or telephone number, does not."""
        oldest = self.rules.get("oldest_age_shown")
        return 10.0 ** self.rules["bare_number_digits"] if oldest is None else oldest + 1.0


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


def unit_code(path: str, tools: Tools) -> Treat:
    """Keeps a unit's code: one that is listed, or an expression of UCUM's atoms."""
    return Matching("unit", is_unit, path, tools.dropped)


def listed_word(path: str, tools: Tools) -> Treat:
    """Keeps one of the words that FHIR lists for this element (the profile's `words`, by its name)."""
    return Matching("listed word", tools.words[path.rpartition(".")[2]].__contains__, path, tools.dropped)


def published_words(path: str, tools: Tools) -> Treat:
    """Keeps words that are given out for a code, letter for letter; what anybody has typed is dropped."""
    published, tally = tools.published, tools.dropped.append

    def treat(value: str) -> Any:
        if value in published:
            return value
        tally(path)
        return GONE

    return treat


def state_code(path: str, tools: Tools) -> Treat:
    """Keeps the two letters of a state or territory that the profile lists."""
    return Matching("state code", frozenset(tools.rules["states"]).__contains__, path, tools.dropped)


def resource_type(path: str, tools: Tools) -> Treat:
    """Keeps the name of a resource type that the profile lists."""
    return Matching("listed type", tools.resource_types.__contains__, path, tools.dropped)


def canonical(path: str, tools: Tools) -> Treat:
    """Keeps the name of a listed profile or questionnaire, with its version; any other address is dropped."""

    def listed(value: str) -> bool:
        base, slash, rest = value.rpartition("/")
        name, _, version = rest.partition("|")
        fits = tools.canonicals.get(base + slash)
        return fits is not None and fits(name) and VERSION.fullmatch(version) is not None

    return Matching("listed canonical name", listed, path, tools.dropped)


def link_id(path: str, tools: Tools) -> Treat:
    """Keeps a LOINC code or a short numbering; any other link id becomes a code that still joins with its question."""
    pseudonym = tools.codes.pseudonym
    return lambda value: value if LINK_ID.fullmatch(value) else pseudonym(LINK_DOMAIN, value)


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


def bare_number(path: str, tools: Tools) -> Treat:
    """The same for a number without a unit, unless it is so large that it may be an age, a record or a telephone."""
    return _below(path, tools, tools.largest_bare_number)


def money_value(path: str, tools: Tools) -> Treat:
    """The same for a sum of money, bounded by the profile's `money_digits`."""
    return _below(path, tools, 10.0 ** tools.rules["money_digits"])


def _below(path: str, tools: Tools, bound: float) -> Treat:
    is_number, tally, refused = number(path, tools), tools.dropped.append, f"{path} (may identify)"

    def treat(raw: Raw) -> Any:
        if abs(float(bytes(is_number(raw)))) < bound:
            return raw
        tally(refused)
        return GONE

    return treat


def numbers(path: str, tools: Tools) -> Treat:
    """The same for a list of bare numbers; an empty list goes, and one that holds a number too large."""
    largest, tally, refused = tools.largest_bare_number, tools.dropped.append, f"{path} (may identify)"

    def treat(raw: Raw) -> Any:
        text = bytes(raw)
        if text == b"[]":
            return GONE
        if not NUMBERS.fullmatch(text):
            raise Refused("wrong_type", path)
        if all(abs(float(one)) < largest for one in text.strip(b"[] ").split(b",")):
            return raw
        tally(refused)
        return GONE

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
    """None for a year that tells an age, and for one so far ahead that it is no year but somebody's number."""
    year = match.group()[:4]
    return year if _oldest_year_shown(tools) < int(year) < tools.as_of.year + YEARS_AHEAD else None


def _grouped_birth_year(match: re.Match[str], tools: Tools) -> str:
    return str(max(int(match.group()[:4]), _oldest_year_shown(tools)))


def _zip3(match: re.Match[str], tools: Tools) -> str:
    prefix = match[1]
    return "000" if prefix in tools.rules["restricted_zip3"] else prefix


TREATMENTS: dict[str, Callable[[str, Tools], Treat]] = {
    "listed_word": listed_word,
    "resource_type": resource_type,
    "link_id": link_id,
    "token": matching("code", TOKEN),
    "system_uri": matching("code system's name", SYSTEM_URI),
    "canonical": canonical,
    "unit_system": matching("unit system", UCUM),
    "unit_code": unit_code,
    "fhir_date": matching("date", FHIR_DATE),
    "fhir_time": matching("time", FHIR_TIME),
    "known_unit": known_unit,
    "published_words": published_words,
    "place_name": matching("place name", PLACE_NAME),
    "state_code": state_code,
    "zip5": rewritten("ZIP code", ZIP, lambda match, tools: match[1]),
    "zip3": rewritten("ZIP code", ZIP3, _zip3),
    "year": rewritten("year that may be shown", FHIR_DATE, _year),
    "grouped_birth_year": rewritten("date", FHIR_DATE, _grouped_birth_year),
    "reference": reference,
    "number": number,
    "bare_number": bare_number,
    "money_value": money_value,
    "dropped": dropped,
}
