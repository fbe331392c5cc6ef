"""Largest doses: one dose, and all that is taken in a day or week, by ingredient, route, age and weight.

Combination products are looked at by each ingredient, and one ingredient counts together over all medications.
Kilograms only; a dose by weight needs a weight that is recent enough for the age.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.dosing import amount, dosing_weight_kg, figure, route_of, sum_over, taken_with
from cds.engine import Check
from cds.facts import Facts, Medication, MissingFact, Proposal
from cds.knowledge import read_rows, read_toml
from cds.label_rules import capital, label_rule

TOPIC = "dose_limits"
FLOAT_SLACK = 1.000001
ROUNDING_BY_WEIGHT = read_toml("dosing.toml")["rounding_by_weight"]
WHOLE_BODY = frozenset(read_toml("dosing.toml")["whole_body"]["routes"])
SEVERITY_OF_TIER = {
    Tier.INTERRUPTS: Severity.SERIOUS,
    Tier.INLINE: Severity.MONITOR,
    Tier.PASSIVE: Severity.INFORMATION,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of dose_limits.csv: amounts in `unit`, `total` over `days`; None where the label sets no such limit."""

    rxcui: str
    ingredient: str
    route: str
    from_months: int
    below_months: int | None
    single: float | None
    single_per_kg: float | None
    total: float | None
    total_per_kg: float | None
    days: int
    unit: str
    tier: Tier
    note: str

    def holds_at(self, months: int) -> bool:
        return self.from_months <= months and (self.below_months is None or months < self.below_months)

    @property
    def per(self) -> str:
        return "a day" if self.days == 1 else f"in {self.days} days"


@dataclass(frozen=True, slots=True)
class Bound:
    """A largest amount, and how far beyond it an amount may be before a card says so."""

    value: float
    slack: float
    words: str

    def is_passed_by(self, amount: float) -> bool:
        return amount > self.value * self.slack


def limits() -> tuple[Limit, ...]:
    return tuple(_limit(row) for row in read_rows("dose_limits.csv"))


def _limit(row: dict[str, str]) -> Limit:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return Limit(
        rxcui=row["rxcui"],
        ingredient=row["ingredient"],
        route=row["route"],
        from_months=int(row["from_months"]),
        below_months=int(row["below_months"]) if row["below_months"] else None,
        single=number("single"),
        single_per_kg=number("single_per_kg"),
        total=number("total"),
        total_per_kg=number("total_per_kg"),
        days=int(row["per_days"]),
        unit=row["unit"],
        tier=Tier(int(row["tier"])),
        note=row["note"],
    )


def check_dose(rule: Rule, known: tuple[Limit, ...], facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Compares the proposed dose, and the total with everything else that holds the ingredient."""
    medication, rxcui = proposal.medication, known[0].rxcui
    route = route_of(medication)
    of_route = [one for one in known if one.route == route or route is None]
    if not of_route:
        return
    if len({one.route for one in of_route}) > 1:
        raise MissingFact(f"the route of {medication.name}")
    limit = _limit_at(of_route, facts.age_months)
    if limit is None:
        yield could_not_check(rule, f"a limit for {known[0].ingredient} at this age", about=(rxcui,))
        return
    yield from _compare(rule, limit, facts, proposal)


def _limit_at(known: list[Limit], months: int) -> Limit | None:
    """The row of that age; where two hold (older adults have their own), the one that begins later."""
    return max((one for one in known if one.holds_at(months)), key=lambda one: one.from_months, default=None)


def _compare(rule: Rule, limit: Limit, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    missing: list[str] = []
    weight = _weight(limit, facts, missing)
    passed = [*_single(limit, weight, proposal.medication, missing)]
    because: tuple[Reason, ...] = ()
    if limit.total is not None or limit.total_per_kg is not None:
        together = _same_ingredient(limit, facts, proposal, missing)
        summed = sum_over(together, limit.rxcui, limit.unit, limit.days)
        missing += [what for what in summed.missing if what not in missing]
        because = tuple(_because(limit, one, part) for one, part in summed.parts)
        over = _passed(_bounds(limit.total, limit.total_per_kg, weight), summed.known)
        if over:
            passed.insert(0, _sentence(limit, summed.known, over, limit.per))
    if passed:
        yield _card(rule, limit, passed, because)
    elif missing:
        yield could_not_check(rule, *missing, about=(limit.rxcui,))


def _weight(limit: Limit, facts: Facts, missing: list[str]) -> float | None:
    if limit.single_per_kg is None and limit.total_per_kg is None:
        return None
    try:
        return dosing_weight_kg(facts)
    except MissingFact as unknown:
        missing += unknown.what
        return None


def _single(limit: Limit, weight: float | None, medication: Medication, missing: list[str]) -> Iterator[str]:
    if limit.single is None and limit.single_per_kg is None:
        return
    try:
        dose = amount(medication, limit.rxcui, limit.unit)
    except MissingFact as unknown:
        missing += unknown.what
        return
    if over := _passed(_bounds(limit.single, limit.single_per_kg, weight), dose):
        yield _sentence(limit, dose, over, "in one dose")


def _same_ingredient(
    limit: Limit, facts: Facts, proposal: Proposal, missing: list[str]
) -> tuple[Medication, ...]:
    """What counts together: everything by the same route or, for routes into the whole body, by any of them."""
    try:
        facts.need("medications")
    except MissingFact as unknown:
        missing += unknown.what
    counted = WHOLE_BODY if limit.route in WHOLE_BODY else {limit.route}
    every = taken_with(facts, proposal, limit.rxcui)
    return tuple(one for one in every if route_of(one) is None or route_of(one) in counted)


def _bounds(fixed: float | None, per_kg: float | None, weight: float | None) -> list[Bound]:
    found = [] if fixed is None else [Bound(fixed, FLOAT_SLACK, "")]
    if per_kg is not None and weight is not None:
        found.append(Bound(per_kg * weight, ROUNDING_BY_WEIGHT, f" ({per_kg:g} per kg at {weight:g} kg)"))
    return found


def _passed(bounds: list[Bound], amount: float) -> Bound | None:
    """The smallest bound that the amount is beyond."""
    return min((one for one in bounds if one.is_passed_by(amount)), key=lambda one: one.value, default=None)


def _sentence(limit: Limit, amount: float, over: Bound, per: str) -> str:
    most = figure(over.value, limit.unit)
    return f"{capital(limit.ingredient)} {figure(amount, limit.unit)} {per}: the limit is {most}{over.words}."


def _because(limit: Limit, medication: Medication, part: float) -> Reason:
    how = ", as needed: counted in full" if medication.prn else ""
    value = f"{figure(part, limit.unit)} {limit.per}{how}"
    return Reason(medication.name, value, medication.started_on, medication.reference)


def _card(rule: Rule, limit: Limit, passed: list[str], because: tuple[Reason, ...]) -> Card:
    first, *others = passed
    return fires(
        rule,
        first,
        detail=" ".join((*others, limit.note)).strip(),
        because=because,
        suggestions=(Suggestion("dose", "Change the dose, or how often it is taken"),),
        about=(limit.rxcui,),
        tier=limit.tier,
        severity=SEVERITY_OF_TIER[limit.tier],
    )


def _check(known: tuple[Limit, ...]) -> Check:
    loudest = min(one.tier for one in known)
    drug = known[0].ingredient
    rule = label_rule(TOPIC, drug, f"Largest dose of {drug}", SEVERITY_OF_TIER[loudest], loudest)
    return Check((rule,), partial(check_dose, rule, known), frozenset({known[0].rxcui}))


CHECKS = tuple(
    _check(tuple(rows))
    for _, rows in groupby(sorted(limits(), key=lambda one: one.rxcui), key=lambda one: one.rxcui)
)
