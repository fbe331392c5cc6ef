"""Apixaban in atrial fibrillation: 2.5 mg twice a day where two of three criteria hold, 5 mg where fewer do.

Too much bleeds, too little lets clots form: both are said. Where the known criteria decide, the others may be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import active_conditions, codes_of
from cds.dosing import amount, dosing_weight_kg
from cds.engine import Check
from cds.facts import Facts, MissingFact, Proposal
from cds.ingredients import rxcui_of
from cds.knowledge import override_reasons, read_toml
from cds.lab_values import recent_value
from cds.sourced import source_of

FILE = "apixaban_dose.toml"
LIMITS = read_toml(FILE)["limits"]
APIXABAN = rxcui_of("apixaban")
TOO_MUCH = Rule(
    "apixaban_dose.too_much",
    "Apixaban: dose for atrial fibrillation too high",
    Severity.SERIOUS,
    Tier.INTERRUPTS,
    source_of(FILE),
    override_reasons=override_reasons(),
)
TOO_LITTLE = Rule(
    "apixaban_dose.too_little",
    "Apixaban: dose for atrial fibrillation too low",
    Severity.MONITOR,
    Tier.INLINE,
    source_of(FILE),
    override_reasons=override_reasons(),
)


def check_dose(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Speaks of atrial fibrillation only: a clot is treated with other doses."""
    if not _for_atrial_fibrillation(facts, proposal):
        return
    dose = amount(proposal.medication, APIXABAN, "mg")
    met, missing = _criteria(facts)
    needed = LIMITS["criteria_needed"]
    if len(met) >= needed:
        if dose > LIMITS["reduced_mg"]:
            yield _too_much(met)
    elif len(met) + len(missing) >= needed:
        rule = TOO_MUCH if dose > LIMITS["reduced_mg"] else TOO_LITTLE
        yield could_not_check(rule, *missing, about=(APIXABAN,))
    elif dose < LIMITS["full_mg"]:
        yield _too_little(met)


def _for_atrial_fibrillation(facts: Facts, proposal: Proposal) -> bool:
    """By the indication of the order where there is one, else by the problem list."""
    group = codes_of("atrial_fibrillation")
    stated = (*proposal.reasons, *proposal.medication.indications)
    return group.holds(stated) if stated else bool(active_conditions(facts, group))


def _criteria(facts: Facts) -> tuple[list[Reason], list[str]]:
    """The criteria that hold, and what is missing for the others."""
    met: list[Reason] = []
    missing: list[str] = []
    for criterion in (_age, _weight, _creatinine):
        try:
            met += criterion(facts)
        except MissingFact as unknown:
            missing += unknown.what
    return met, missing


def _age(facts: Facts) -> list[Reason]:
    years = facts.age_years
    return [Reason("80 years or more", f"{years} years")] if years >= LIMITS["age_from_years"] else []


def _weight(facts: Facts) -> list[Reason]:
    weight = dosing_weight_kg(facts)
    latest = facts.latest_weight_kg
    holds = weight <= LIMITS["weight_to_kg"]
    return [Reason("60 kg or less", f"{weight:g} kg", latest.on, latest.reference)] if holds else []


def _creatinine(facts: Facts) -> list[Reason]:
    value = recent_value(facts, "creatinine", LIMITS["creatinine_months"])
    return [value.reason(facts.as_of)] if value.value >= LIMITS["creatinine_from_mg_per_dl"] else []


def _too_much(met: list[Reason]) -> Card:
    return fires(
        TOO_MUCH,
        "Apixaban for atrial fibrillation: 2.5 mg twice a day is the dose for this patient.",
        detail="Two of three hold: 80 years or more, 60 kg or less, creatinine 1.5 mg/dL or more. "
        "A larger dose only bleeds more.",
        because=tuple(met),
        suggestions=(Suggestion("dose", "2.5 mg twice a day"),),
        about=(APIXABAN,),
    )


def _too_little(met: list[Reason]) -> Card:
    return fires(
        TOO_LITTLE,
        "Apixaban for atrial fibrillation: 5 mg twice a day is the dose for this patient.",
        detail="Fewer than two of three hold: 80 years or more, 60 kg or less, creatinine 1.5 mg/dL or more. "
        "Less lets strokes happen without sparing bleeding.",
        because=tuple(met),
        suggestions=(Suggestion("dose", "5 mg twice a day"),),
        about=(APIXABAN,),
    )


CHECKS = (Check((TOO_MUCH, TOO_LITTLE), check_dose, frozenset({APIXABAN})),)
