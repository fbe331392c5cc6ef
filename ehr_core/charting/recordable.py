"""What may be recorded by hand: read from recordable.toml, and each value checked against it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from data_contracts.api.chart import RecordableResult
from data_contracts.code_systems import CodeSystem, code_system
from ehr_core.kernel.errors import InvalidResource, Issue

MOST_DECIMALS = 6
"""Digits after the point that a hand-typed value may have: no test here reports more."""

Kind = Literal["result", "procedure", "immunization"]
Finding = Literal["normal", "abnormal", "not_stated"]


@dataclass(frozen=True)
class UnitRange:
    """A unit (UCUM) with what may be typed in it and the usual range; an absent bound is not known."""

    unit: str
    low: Decimal
    high: Decimal
    reference_low: Decimal | None
    reference_high: Decimal | None


@dataclass(frozen=True)
class Answer:
    code: str
    display: str
    finding: Finding


@dataclass(frozen=True)
class Recordable:
    """One thing that may be recorded: a number in a unit, an answer, or only that it was done."""

    system: CodeSystem
    code: str
    name: str
    kind: Kind
    category: str | None
    units: tuple[UnitRange, ...]
    answers: tuple[Answer, ...]
    has_finding: bool
    abnormal_interpretation: str | None
    whole_numbers: bool
    evidence_for: tuple[str, ...]

    def checked_number(self, value: Decimal, unit: str | None) -> tuple[Decimal, UnitRange]:
        """The value with its digits as entered, and its unit's range. Raises InvalidResource naming the field."""
        found = next((listed for listed in self.units if listed.unit == unit), None)
        if found is None:
            allowed = " or ".join(f"'{listed.unit}'" for listed in self.units)
            raise refused(
                "unit", f"{self.name} is recorded in {allowed}. Choose the unit of the report, or convert."
            )
        if not found.low <= value <= found.high:
            raise refused(
                "value",
                f"{self.name} in {found.unit} is between {found.low} and {found.high}. "
                "Check the number, and that the unit is the report's.",
            )
        if -value.as_tuple().exponent > MOST_DECIMALS:
            raise refused("value", f"At most {MOST_DECIMALS} digits after the point can be recorded.")
        if self.whole_numbers and value != value.to_integral_value():
            raise refused("value", f"{self.name} is a whole number.")
        return Decimal(f"{value:f}"), found

    def checked_answer(self, code: str) -> Answer:
        """The listed answer of that code; raises InvalidResource naming the answers there are."""
        found = next((answer for answer in self.answers if answer.code == code), None)
        if found is None:
            listed = ", ".join(f"{answer.code} ({answer.display})" for answer in self.answers)
            raise refused("value_code", f"{self.name} is answered by one of: {listed or 'nothing coded'}.")
        return found

    def answer_of_finding(self, finding: Finding) -> Answer | None:
        """The answer that says normal or abnormal, for an item that has such answers."""
        return next((answer for answer in self.answers if answer.finding == finding != "not_stated"), None)

    def offer(self) -> RecordableResult:
        """What a form needs to know. The plausible range is that of the first unit."""
        return RecordableResult(
            code_system=self.system.uri,
            code=self.code,
            name=self.name,
            kind=self.kind,
            units=[listed.unit for listed in self.units],
            plausible_low=self.units[0].low if self.units else None,
            plausible_high=self.units[0].high if self.units else None,
            answers=[(answer.code, answer.display) for answer in self.answers],
            asks_finding=self.kind == "procedure" or self.has_finding or bool(self.units),
            source_ids=list(self.evidence_for),
        )


def refused(field: str, message: str) -> InvalidResource:
    return InvalidResource([Issue(field, message, "value")])


@lru_cache(maxsize=1)
def recordables() -> tuple[Recordable, ...]:
    """Every item of recordable.toml, in its order."""
    path = Path(__file__).with_name("recordable.toml")
    return tuple(_read(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["item"])


def find_recordable(code: str, *, system: str | None = None, kind: Kind | None = None) -> Recordable:
    """The item with that code. Raises InvalidResource, naming the field, when it is not one that is recorded here.

    `system` is a URI; without it, LOINC is meant.
    """
    wanted = system or code_system("loinc").uri
    for item in recordables():
        if (item.code, item.system.uri) == (code, wanted) and kind in (None, item.kind):
            return item
    what = f"a {kind} that" if kind else "something that"
    raise refused("code", f"This is not {what} may be recorded by hand. Choose from /api/recordable-results.")


def _read(entry: dict[str, Any]) -> Recordable:
    system = code_system(entry["system"])
    return Recordable(
        system=system,
        code=system.checked(entry["code"]),
        name=entry["name"],
        kind=entry["kind"],
        category=entry.get("category"),
        units=tuple(_unit(unit) for unit in entry.get("units", ())),
        answers=tuple(
            Answer(answer["code"], answer["display"], answer.get("finding", "not_stated"))
            for answer in entry.get("answers", ())
        ),
        has_finding=entry.get("finding", False),
        abnormal_interpretation=entry.get("interpretation"),
        whole_numbers=entry.get("whole_numbers", False),
        evidence_for=tuple(entry.get("evidence_for", ())),
    )


def _unit(entry: dict[str, Any]) -> UnitRange:
    reference = entry.get("reference", {})
    return UnitRange(
        entry["unit"],
        Decimal(entry["low"]),
        Decimal(entry["high"]),
        Decimal(reference["low"]) if "low" in reference else None,
        Decimal(reference["high"]) if "high" in reference else None,
    )
