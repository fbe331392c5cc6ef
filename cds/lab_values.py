"""The newest value of an analyte in its standard unit, or what is wrong with it: an unknown unit is never assumed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from cds.cards import Reason
from cds.dates import months_after
from cds.facts import Facts, MissingFact, Result
from data_contracts.units import Analyte, load_analytes


@dataclass(frozen=True, slots=True)
class LabValue:
    """A number in the analyte's standard unit. `comparator` < or > where the laboratory gave a bound."""

    analyte: str
    name: str
    value: float
    unit: str
    on: date
    comparator: str | None = None
    reference: str | None = None

    @property
    def figure(self) -> str:
        return f"{self.comparator or ''}{self.value:.6g} {shown_unit(self.unit)}".strip()

    def reason(self, as_of: date) -> Reason:
        """The value with its day and age, as a card shows it."""
        return Reason(f"{self.name}, {age_of(self.on, as_of)}", self.figure, self.on, self.reference)

    def is_below(self, limit: float) -> bool:
        """Raises MissingFact where the laboratory's bound does not tell."""
        self._tells(self.value < limit if self.comparator != "<" else self.value <= limit, limit, "<")
        return self.value < limit or (self.comparator == "<" and self.value <= limit)

    def is_above(self, limit: float) -> bool:
        """Raises MissingFact where the laboratory's bound does not tell."""
        self._tells(self.value > limit if self.comparator != ">" else self.value >= limit, limit, ">")
        return self.value > limit or (self.comparator == ">" and self.value >= limit)

    def _tells(self, passed: bool, limit: float, towards: str) -> None:
        opposite = "<" if towards == ">" else ">"
        unclear = (self.comparator == towards and not passed) or (self.comparator == opposite and passed)
        if unclear:
            raise MissingFact(f"an exact {self.name} (recorded as {self.figure})")


@cache
def analyte(key: str) -> Analyte:
    """Raises KeyError for an analyte that analytes.toml does not hold."""
    return {one.key: one for one in load_analytes()}[key]


def latest_value(facts: Facts, key: str) -> LabValue | None:
    """The newest final result of the analyte; None where there is none.

    Raises MissingFact where results cannot be seen, and where the newest has no number, an unknown unit or an
    impossible value: an older one is not taken in its place.
    """
    found = facts.latest_result(analyte(key).loinc)
    return None if found is None else _read(analyte(key), found)


def recent_value(facts: Facts, key: str, months: int) -> LabValue:
    """The newest value, at most so many months old; raises MissingFact saying what there is instead."""
    value = latest_value(facts, key)
    if value is None:
        raise MissingFact(f"{_a(analyte(key).name)} (none is recorded)")
    if value.on < months_after(facts.as_of, -months):
        last = f"the last one, {value.figure}, is of {value.on.isoformat()}"
        raise MissingFact(f"{_a(analyte(key).name)} from the last {months_words(months)} ({last})")
    return value


def values_before(facts: Facts, key: str, day: date) -> Iterator[LabValue]:
    """Readable values up to that day, newest first; what cannot be read is left out: they only tell a trend."""
    known = analyte(key)
    found = [one for loinc in known.loinc for one in facts.results_by_loinc.get(loinc, ()) if one.on <= day]
    for one in sorted(found, key=lambda one: one.on, reverse=True):
        try:
            yield _read(known, one)
        except MissingFact:
            continue


def _read(known: Analyte, found: Result) -> LabValue:
    name = short_name(known.name)
    if found.value is None:
        raise MissingFact(f"a number in the {name} of {found.on.isoformat()}")
    value = known.normalise(found.value, found.unit)
    if value is None:
        raise MissingFact(
            f"the {name} of {found.on.isoformat()} in a unit that is known, and a possible value"
        )
    return LabValue(known.key, name, value, known.unit, found.on, found.comparator, found.reference)


def short_name(name: str) -> str:
    """`Creatinine in serum, plasma or blood` as `creatinine`; abbreviations keep their capitals."""
    head = re.sub(r"( in (serum|blood|urine)| \().*", "", name)
    return head if head[:2].isupper() else head[:1].lower() + head[1:]


def _a(name: str) -> str:
    short = short_name(name)
    return f"{'an' if short[0].lower() in 'aeiou' else 'a'} {short}"


def shown_unit(unit: str) -> str:
    return SHOWN_UNITS.get(unit, unit)


SHOWN_UNITS = {
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "{INR}": "",
    "10*3/uL": "thousand/µL",
    "m[IU]/L": "mIU/L",
    "ug/dL": "µg/dL",
    "{score}": "",
}


def months_words(months: int) -> str:
    return "month" if months == 1 else f"{months} months"


def age_of(day: date, as_of: date) -> str:
    """How old a value is: `today`, `12 days old`, `5 months old`."""
    days = (as_of - day).days
    if days <= 0:
        return "today"
    if days < 60:
        return f"{days} day{'s' if days > 1 else ''} old"
    return f"{days // 30} months old"
