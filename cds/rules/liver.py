"""Drugs in liver disease: by recorded disease, by Child–Pugh class, and by a raised ALT.

Speaks of people with a recorded liver disease or a recent high ALT. An ALT that was never measured is no card here: the
laboratory checks ask for it where the label does. Silent where the ordered dose already keeps to the reduced one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.dosing import daily_mg, figure, route_of
from cds.engine import Check
from cds.facts import Facts, Proposal
from cds.knowledge import read_rows
from cds.label_rules import capital, label_rule, severity_of
from cds.liver_function import LiverState, alt_times_limit, liver_state

TOPIC = "liver"
ACTS = {"avoid": "avoid", "reduce": "reduce the dose", "review": "weigh it"}
WHEN = ("chronic_liver_disease", "class_a", "class_b", "class_c", "alt")
SLACK = 1.01


@dataclass(frozen=True, slots=True)
class Step:
    """One row of liver.csv: from which state on, and what to do. `daily` is the most a day in mg, where set."""

    rxcui: str
    ingredient: str
    route: str
    since: str
    alt_times: float | None
    act: str
    daily: float | None
    severity: Severity
    tier: Tier
    words: str

    @property
    def rank(self) -> tuple[int, int]:
        """Graver first, then the later class."""
        return (self.severity, -WHEN.index(self.since))


def steps() -> tuple[Step, ...]:
    return tuple(_step(row) for row in read_rows("liver.csv"))


def _step(row: dict[str, str]) -> Step:
    return Step(
        rxcui=row["rxcui"],
        ingredient=row["ingredient"],
        route=row["route"],
        since=row["from"],
        alt_times=float(row["alt_times"]) if row["alt_times"] else None,
        act=row["act"],
        daily=float(row["daily"]) if row["daily"] else None,
        severity=severity_of(row["severity"]),
        tier=Tier(int(row["tier"])),
        words=row["words"],
    )


def check_liver(rule: Rule, known: tuple[Step, ...], facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """One card a drug: the gravest step that holds, or what is missing to tell whether one does."""
    if route_of(proposal.medication) not in (known[0].route, None):
        return
    state = liver_state(facts)
    by_alt = tuple(_by_alt(known, facts))
    holding = [(step, state.words, state.because) for step in known if _holds(step, state)]
    holding += by_alt
    unclear = [step for step in known if _holds(step, state) is None]
    if holding:
        step, words, because = min(holding, key=lambda one: one[0].rank)
        if card := _card(rule, step, words, because, facts, proposal):
            yield card
            return
    if unclear:
        gravest = min(unclear, key=lambda one: one.rank)
        card = could_not_check(rule, *state.missing, about=(gravest.rxcui,))
        yield card.on_tier(max(gravest.tier, Tier.INLINE))


def _holds(step: Step, state: LiverState) -> bool | None:
    if step.since == "alt":
        return False
    if step.since == "chronic_liver_disease":
        return state.has_disease
    return state.is_at_least(step.since[-1].upper())


def _by_alt(known: tuple[Step, ...], facts: Facts) -> Iterator[tuple[Step, str, tuple[Reason, ...]]]:
    meant = [step for step in known if step.alt_times is not None]
    found = alt_times_limit(facts) if meant else None
    if found is None:
        return
    times, value = found
    for step in meant:
        if value.comparator != "<" and times > step.alt_times:
            words = f"ALT {value.figure}, more than {step.alt_times:g} times the upper limit"
            yield step, words, (value.reason(facts.as_of),)


def _card(
    rule: Rule, step: Step, words: str, because: tuple[Reason, ...], facts: Facts, proposal: Proposal
) -> Card | None:
    tier, most = step.tier, ""
    if step.daily is not None and step.act == "reduce":
        daily = daily_mg(facts, proposal, step.rxcui)
        if daily is not None and daily <= step.daily * SLACK:
            return None
        tier = max(tier, Tier.INLINE) if daily is None else tier
        most = f" to {figure(step.daily, 'mg')} a day at the most"
    kind = {"avoid": "replace", "reduce": "dose", "review": "read"}[step.act]
    return fires(
        rule,
        f"{capital(step.ingredient)}: {words}: {ACTS[step.act]}{most}.",
        detail=step.words,
        because=because,
        suggestions=(Suggestion(kind, step.words),),
        about=(step.rxcui,),
        tier=tier,
        severity=step.severity,
    )


def _check(known: tuple[Step, ...]) -> Check:
    drug = known[0].ingredient
    gravest, loudest = min(one.severity for one in known), min(one.tier for one in known)
    rule = label_rule(TOPIC, drug, f"{capital(drug)} in liver disease", gravest, loudest)
    return Check((rule,), partial(check_liver, rule, known), frozenset({known[0].rxcui}))


CHECKS = tuple(
    _check(tuple(rows))
    for _, rows in groupby(sorted(steps(), key=lambda one: one.rxcui), key=lambda one: one.rxcui)
)
