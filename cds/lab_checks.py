"""The laboratory checks of lab_check.toml: which value says no to a drug, and how often it is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from cds.cards import Severity, Tier
from cds.dates import months_after
from cds.dosing import is_local, route_of
from cds.facts import Facts, Medication, MissingFact
from cds.ingredients import resolve
from cds.knowledge import read_toml
from cds.lab_values import LabValue, latest_value, values_before
from cds.label_rules import severity_of

FILE = "lab_check.toml"
ASKED = read_toml(FILE)["asked"]
KINDS = ("above", "below", "rise_percent", "fall_percent")


@dataclass(frozen=True, slots=True)
class Step:
    """One limit. `kind` is one of KINDS; trends compare with the value before, and hold only where there is one."""

    kind: str
    limit: float
    severity: Severity
    tier: Tier
    words: str

    def holds(self, value: LabValue, before: LabValue | None) -> bool:
        """Raises MissingFact where the laboratory gave a bound that does not tell."""
        if self.kind == "above":
            return value.is_above(self.limit)
        if self.kind == "below":
            return value.is_below(self.limit)
        if before is None or before.value == 0:
            return False
        change = 100 * (value.value - before.value) / before.value
        return change >= self.limit if self.kind == "rise_percent" else -change >= self.limit

    @property
    def limit_words(self) -> str:
        words = {"rise_percent": "risen by at least {} %", "fall_percent": "fallen by at least {} %"}
        return words.get(self.kind, self.kind + " {}").format(f"{self.limit:g}")


@dataclass(frozen=True)
class LabCheck:
    """One `[drug.key]` table of lab_check.toml."""

    key: str
    title: str
    members: frozenset[str]
    analyte: str
    counts_as: tuple[str, ...]
    every_months: int
    quiet: bool
    after_start: bool
    at_chart: bool
    from_years: int
    route: str | None
    steps: tuple[Step, ...]

    def meant_by(self, medication: Medication) -> tuple[str, ...]:
        """The ingredients of the medication that the check is about; none by a local route."""
        if is_local(medication) or (self.route and route_of(medication) != self.route):
            return ()
        return tuple(one for one in medication.ingredients if one in self.members)

    def taken(self, facts: Facts) -> tuple[Medication, ...]:
        """Current medications that the check is about, each once."""
        found = (one for rxcui in self.members for one in facts.medications_by_ingredient.get(rxcui, ()))
        return tuple({id(one): one for one in found if self.meant_by(one)}.values())

    def is_current(self, value: LabValue | None, facts: Facts) -> bool:
        return value is not None and value.on >= months_after(facts.as_of, -self.every_months)

    def step_at(self, value: LabValue, facts: Facts) -> tuple[Step, LabValue | None] | None:
        """The first step that surely holds, with the value before where it is a trend.

        Raises MissingFact where none surely holds and the laboratory's bound leaves one open.
        """
        before, unclear = self._before(value, facts), None
        for step in self.steps:
            try:
                if step.holds(value, before):
                    return step, before if step.kind.endswith("percent") else None
            except MissingFact as bound:
                unclear = bound
        if unclear:
            raise unclear
        return None

    def _before(self, value: LabValue, facts: Facts) -> LabValue | None:
        if not any(step.kind.endswith("percent") for step in self.steps):
            return None
        near, far = ASKED["trend_days"]["from"], ASKED["trend_days"]["to"]
        latest, earliest = value.on - timedelta(days=near), value.on - timedelta(days=far)
        return next((one for one in values_before(facts, self.analyte, latest) if one.on >= earliest), None)

    def newest_monitoring(self, facts: Facts) -> LabValue | None:
        """The newest value of the analyte or of what counts as well."""
        found = [latest_value(facts, key) for key in (self.analyte, *self.counts_as)]
        return max((one for one in found if one), key=lambda one: one.on, default=None)


def is_settled(medications: Iterable[Medication], facts: Facts) -> bool:
    """Whether one of them has been taken long enough for monitoring to be overdue; an unknown start counts as long."""
    since = facts.as_of - timedelta(days=ASKED["grace_days"])
    return any(one.started_on is None or one.started_on <= since for one in medications)


def applies_at_age(check: LabCheck, facts: Facts) -> bool:
    """Raises MissingFact without a birth date."""
    return facts.age_years >= check.from_years


@cache
def lab_checks() -> tuple[LabCheck, ...]:
    """Every check of the file, in its order. Raises ValueError for an ingredient or class that is not known."""
    return tuple(_check(key, table) for key, table in read_toml(FILE)["drug"].items())


def _check(key: str, table: dict) -> LabCheck:
    return LabCheck(
        key=key,
        title=table["title"],
        members=resolve(table["members"]),
        analyte=table["analyte"],
        counts_as=tuple(table.get("counts_as", ())),
        every_months=table["every_months"],
        quiet=table.get("quiet", False),
        after_start=table.get("after_start", False),
        at_chart=table.get("at") == "chart",
        from_years=table.get("from_years", ASKED["from_years"]),
        route=table.get("route"),
        steps=tuple(_step(step) for step in table.get("steps", ())),
    )


def _step(table: dict) -> Step:
    kind = next(one for one in KINDS if one in table)
    return Step(kind, table[kind], severity_of(table["severity"]), Tier(table["tier"]), table["words"])
