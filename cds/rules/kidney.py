"""Drugs and kidney function: what to avoid or reduce, by eGFR or creatinine clearance as each drug's label says.

Silent where the ordered dose already keeps to the reduced one. Adults; kidney dosing of children is not covered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from cds.cards import Card, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import active_conditions, condition_group
from cds.dosing import daily_mg, dosing_weight_kg, figure, route_of
from cds.engine import Check
from cds.facts import Facts, MissingFact, Proposal
from cds.kidney_function import NAMES, KidneyFunction, Measure, is_changing, kidney_function
from cds.knowledge import read_rows
from cds.label_rules import capital, label_rule, severity_of

TOPIC = "kidney"
ADULT_FROM_YEARS = 18
ACTS = {"avoid": "avoid", "reduce": "reduce the dose", "review": "weigh it"}
SLACK = 1.01


@dataclass(frozen=True, slots=True)
class Band:
    """One row of kidney.csv: holds below (or above) a value in mL/min. `daily` is the most a day, in mg, where set."""

    rxcui: str
    ingredient: str
    measure: Measure
    route: str
    months: int
    unknown_tier: Tier
    below: float | None
    above: float | None
    act: str
    daily: float | None
    daily_per_kg: float | None
    severity: Severity
    tier: Tier
    words: str

    def holds_at(self, value: float) -> bool:
        return (self.below is not None and value < self.below) or (
            self.above is not None and value > self.above
        )

    @property
    def limit_words(self) -> str:
        return f"below {self.below:g}" if self.below is not None else f"above {self.above:g}"


def bands() -> tuple[Band, ...]:
    return tuple(_band(row) for row in read_rows("kidney.csv"))


def _band(row: dict[str, str]) -> Band:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return Band(
        rxcui=row["rxcui"],
        ingredient=row["ingredient"],
        measure=row["by"],
        route=row["route"],
        months=int(row["months"]),
        unknown_tier=Tier[row["unknown"].upper()],
        below=number("below"),
        above=number("above"),
        act=row["act"],
        daily=number("daily"),
        daily_per_kg=number("daily_per_kg"),
        severity=severity_of(row["severity"]),
        tier=Tier(int(row["tier"])),
        words=row["words"],
    )


def check_kidney(rule: Rule, known: tuple[Band, ...], facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """One card a drug: the band that holds, or what is missing to tell."""
    first = known[0]
    if route_of(proposal.medication) not in (first.route, None):
        return
    try:
        if facts.age_years < ADULT_FROM_YEARS:
            yield from _child(rule, first, facts)
            return
        found = kidney_function(facts, first.measure, first.months)
        band = _band_at(known, found.value)
        if band is None:
            _need_steady(facts)
        elif card := _card(rule, band, found, facts, proposal):
            yield card
    except MissingFact as missing:
        yield could_not_check(rule, *missing.what, about=(first.rxcui,)).on_tier(first.unknown_tier)


def _child(rule: Rule, first: Band, facts: Facts) -> Iterator[Card]:
    """Children are spoken of only where a kidney disease is recorded: then nobody has checked the dose against it."""
    if active_conditions(facts, condition_group("chronic_kidney_disease")):
        yield could_not_check(rule, "kidney doses for children in our knowledge", about=(first.rxcui,))


def _band_at(known: tuple[Band, ...], value: float) -> Band | None:
    """The narrowest band that holds."""
    holding = [one for one in known if one.holds_at(value)]
    return min(holding, key=lambda one: one.below if one.below is not None else float("inf"), default=None)


def _need_steady(facts: Facts) -> None:
    if is_changing(facts):
        raise MissingFact("steady kidney function (acute kidney injury is recorded)")


def _card(rule: Rule, band: Band, found: KidneyFunction, facts: Facts, proposal: Proposal) -> Card | None:
    tier, most = band.tier, None
    if band.act == "reduce":
        most = _most_a_day(band, facts)
        daily = daily_mg(facts, proposal, band.rxcui)
        if most is not None and daily is not None and daily <= most * SLACK:
            return None
        if most is not None and daily is None:
            tier = max(tier, Tier.INLINE)
    limit = "" if found.failure else f" ({band.limit_words})"
    return fires(
        rule,
        f"{capital(band.ingredient)}: {found.words}{limit}: {ACTS[band.act]}{_at_most(most)}.",
        detail=band.words,
        because=found.because,
        suggestions=_suggestions(band, proposal),
        about=(band.rxcui,),
        tier=tier,
        severity=band.severity,
    )


def _most_a_day(band: Band, facts: Facts) -> float | None:
    """The reduced daily dose in mg; None where the label gives none, or it goes by a weight that is not known."""
    if band.daily_per_kg is None:
        return band.daily
    try:
        return band.daily_per_kg * dosing_weight_kg(facts)
    except MissingFact:
        return None


def _at_most(most: float | None) -> str:
    return "" if most is None else f" to {figure(most, 'mg')} a day at the most"


def _suggestions(band: Band, proposal: Proposal) -> tuple[Suggestion, ...]:
    if band.act == "reduce":
        return (Suggestion("dose", band.words),)
    if band.act == "avoid":
        return (Suggestion("replace", f"Choose another drug than {band.ingredient}"),)
    return (Suggestion("read", band.words),)


def _check(known: tuple[Band, ...]) -> Check:
    first = known[0]
    title = f"{capital(first.ingredient)} by {NAMES[first.measure]}"
    gravest, loudest = min(one.severity for one in known), min(one.tier for one in known)
    rule = label_rule(TOPIC, first.ingredient, title, gravest, loudest)
    return Check((rule,), partial(check_kidney, rule, known), frozenset({first.rxcui}))


CHECKS = tuple(
    _check(tuple(rows))
    for _, rows in groupby(sorted(bands(), key=lambda one: one.rxcui), key=lambda one: one.rxcui)
)
