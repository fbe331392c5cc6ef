"""Laboratory values that say no to a drug, and monitoring that is overdue.

At an order the value speaks where it is current. Where it is old or missing, who takes the drug has overdue monitoring,
and for who starts it the check could not be done. When the chart is opened all current medications are looked at, and
nothing interrupts. An unknown unit is never assumed. Adults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from cds.cards import Card, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.engine import Check
from cds.facts import Facts, Medication, MissingFact, Proposal
from cds.ingredients import ingredient_name
from cds.lab_checks import LabCheck, applies_at_age, is_settled, lab_checks
from cds.lab_values import LabValue, age_of, analyte, latest_value, short_name
from cds.label_rules import capital, label_rule

TOPIC = "lab_check"
LOINC = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class LabRules:
    """The two rules of a check: `value` where it has limits, `overdue` where the label asks for monitoring."""

    check: LabCheck
    value: Rule | None
    overdue: Rule | None

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(one for one in (self.value, self.overdue) if one)


def at_order(asked: LabRules, facts: Facts, proposal: Proposal) -> Iterator[Card]:
    medication = proposal.medication
    if not asked.check.meant_by(medication) or not applies_at_age(asked.check, facts):
        return
    value = latest_value(facts, asked.check.analyte)
    if asked.check.is_current(value, facts):
        yield from _by_value(asked, value, medication, facts)
    elif asked.check.at_chart or asked.overdue is None:
        return
    elif is_settled(asked.check.taken(facts), facts):
        yield from _overdue(asked, (medication,), facts)
    elif not asked.check.after_start:
        yield could_not_check(
            asked.value or asked.overdue,
            _missing(asked.check, value),
            about=_about(asked, medication),
            suggestions=_lab(asked),
        )


def at_chart(every: tuple[LabRules, ...], facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Every check that a current medication touches. One that lacks something does not silence the others."""
    facts.need("medications")
    for asked in every:
        taken = asked.check.taken(facts)
        if not taken:
            continue
        try:
            yield from _at_chart(asked, taken, facts)
        except MissingFact as missing:
            card = could_not_check(asked.rules[0], *missing.what, about=_about(asked, taken[0]))
            yield card.on_tier(Tier.PASSIVE)


def _at_chart(asked: LabRules, taken: tuple[Medication, ...], facts: Facts) -> Iterator[Card]:
    if not applies_at_age(asked.check, facts):
        return
    value = latest_value(facts, asked.check.analyte)
    if asked.check.is_current(value, facts):
        for card in _by_value(asked, value, taken[0], facts):
            yield card.on_tier(max(card.tier, Tier.INLINE))
    elif asked.overdue is not None and is_settled(taken, facts):
        yield from _overdue(asked, taken, facts)


def _by_value(asked: LabRules, value: LabValue, medication: Medication, facts: Facts) -> Iterator[Card]:
    found = asked.check.step_at(value, facts) if asked.value else None
    if found is None:
        return
    step, before = found
    shown = f"{value.name} {value.figure} ({age_of(value.on, facts.as_of)})"
    because = (value.reason(facts.as_of), *((before.reason(facts.as_of),) if before else ()))
    yield fires(
        asked.value,
        f"{capital(medication.name)}: {shown} is {step.limit_words}.",
        detail=step.words,
        because=because,
        suggestions=_lab(asked),
        about=_about(asked, medication),
        tier=step.tier,
        severity=step.severity,
    )


def _overdue(asked: LabRules, taken: tuple[Medication, ...], facts: Facts) -> Iterator[Card]:
    """Monitoring that is due for somebody who takes the drug, unless what counts as well is recent."""
    newest = asked.check.newest_monitoring(facts)
    if asked.check.is_current(newest, facts):
        return
    yield fires(
        asked.overdue,
        f"{capital(taken[0].name)}: {_missing(asked.check, newest)} is overdue.",
        detail=f"Looked at every {_every(asked.check)} by our knowledge.",
        because=(newest.reason(facts.as_of),) if newest else (),
        suggestions=_lab(asked),
        about=_about(asked, taken[0]),
    )


def _missing(check: LabCheck, newest: LabValue | None) -> str:
    name = short_name(analyte(check.analyte).name)
    if newest is None:
        return f"{name} (none is recorded)"
    return f"{name} (the last value, {newest.figure}, is of {newest.on.isoformat()})"


def _every(check: LabCheck) -> str:
    return "month" if check.every_months == 1 else f"{check.every_months} months"


def _about(asked: LabRules, medication: Medication) -> tuple[str, ...]:
    return (*asked.check.meant_by(medication), asked.check.analyte)


def _lab(asked: LabRules) -> tuple[Suggestion, ...]:
    known = analyte(asked.check.analyte)
    return (Suggestion("lab", known.name, f"{LOINC}|{known.loinc[0]}"),)


def _rules(check: LabCheck) -> LabRules:
    name = short_name(analyte(check.analyte).name)
    value = overdue = None
    if check.steps:
        gravest, loudest = min(one.severity for one in check.steps), min(one.tier for one in check.steps)
        value = _rule(check, check.key, f"{check.title}: {name}", gravest, loudest)
    if not check.quiet:
        title = f"{check.title}: {name} overdue"
        overdue = _rule(check, f"{check.key}_overdue", title, Severity.MONITOR, Tier.INLINE)
    return LabRules(check, value, overdue)


def _rule(check: LabCheck, key: str, title: str, severity: Severity, tier: Tier) -> Rule:
    looked_up = min(ingredient_name(one) for one in check.members)
    return label_rule(TOPIC, check.title, capital(title), severity, tier, key=key, looked_up=looked_up)


EVERY = tuple(_rules(one) for one in lab_checks())
CHECKS = (
    *(Check(one.rules, partial(at_order, one), one.check.members) for one in EVERY),
    Check(
        tuple(rule for one in EVERY for rule in one.rules),
        partial(at_chart, EVERY),
        None,
        frozenset({"patient_view"}),
    ),
)
