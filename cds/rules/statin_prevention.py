"""Statins to prevent heart attack and stroke: the risk, the intensity to propose, and harm that a statin did before.

Whether a statin is due is said by the care gaps alone; nothing here interrupts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds.cards import Card, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import active_conditions, icd_10_cm
from cds.engine import Check
from cds.facts import Facts, Medication, MissingFact, Proposal
from cds.guideline import ALLERGY, kept_out, population_of, why_excluded
from cds.heart_risk import pooled_cohort, takes_any
from cds.ingredients import ingredient_name, members
from cds.knowledge import read_toml
from cds.sourced import source_of
from data_contracts.guidelines import definition, guidelines
from data_contracts.guidelines.pack import Pack

KNOWLEDGE = "statin_prevention.toml"
TOPIC = "statin_therapy"
INTENSITIES = source_of(KNOWLEDGE, "source_intensity")

RISK = Rule(
    "statin_prevention.risk",
    "Risk of heart attack and stroke",
    Severity.INFORMATION,
    Tier.PASSIVE,
    source_of(KNOWLEDGE),
    about_care=True,
)
TO_PROPOSE = Rule(
    "statin_prevention.to_propose",
    "Statin intensity to propose",
    Severity.INFORMATION,
    Tier.PASSIVE,
    INTENSITIES,
    about_care=True,
)
INTENSITY = Rule(
    "statin_prevention.intensity",
    "Statin intensity",
    Severity.INFORMATION,
    Tier.PASSIVE,
    INTENSITIES,
    about_care=True,
)
HARM = Rule(
    "statin_prevention.harm_before", "A statin did harm before", Severity.SERIOUS, Tier.INLINE, INTENSITIES
)


OFFERED = "the USPSTF advises a statin (grade B)."
SELECTIVE = "a statin for some, by the person's view (grade C)."
TALK = "Talk about benefit, side effects and the person's own view."
ASK = "Ask what happened, on which statin and dose. Another statin, a lower dose or another drug may do."


def pack() -> Pack:
    return definition(TOPIC)


def risk(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The ten-year risk by the pooled cohort equations, where the USPSTF speaks of the person."""
    if not _asks_for_the_risk(facts):
        return
    found = pooled_cohort(facts)
    limits = read_toml(KNOWLEDGE)["uspstf"]
    if found.percent < limits["selective_from_percent"]:
        return
    offered = found.percent >= limits["offer_from_percent"]
    yield fires(
        RISK,
        f"10-year risk {found.percent:.1f} % by the pooled cohort equations: "
        + (
            "the USPSTF advises a statin (grade B)."
            if offered
            else "a statin for some, by the person's view (grade C)."
        ),
        detail=" ".join(
            (
                f"{found.equation}.",
                *found.notes,
                "Talk about benefit, side effects and the person's own view.",
            )
        ),
        because=found.because,
        about=(TOPIC,),
    )


def _asks_for_the_risk(facts: Facts) -> bool:
    """Age of the USPSTF's advice, a risk factor, no statin, and not in a group treated without counting the risk."""
    limits = read_toml(KNOWLEDGE)["uspstf"]
    if not limits["from_years"] <= facts.age_years <= limits["to_years"]:
        return False
    if takes_any(facts, members("statins")) or population_of(pack(), facts) or kept_out(pack(), facts):
        return False
    factors = read_toml(KNOWLEDGE)["risk_factors"]
    if active_conditions(facts, icd_10_cm(*factors["icd-10-cm"])):
        return True
    if facts.smokes is None:
        raise MissingFact("whether the person smokes")
    return facts.smokes


def to_propose(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The intensity for somebody of a benefit group who takes no statin."""
    group = population_of(pack(), facts)
    if group is None or takes_any(facts, members("statins")) or kept_out(pack(), facts):
        return
    population, why = group
    wanted = _wanted(population.id, facts)
    names = ", ".join(f"{name} {dose} mg" for name, dose in _doses(wanted).items())
    yield fires(
        TO_PROPOSE,
        f"{population.words}: {wanted} intensity, at least {names}.",
        because=why[:3],
        suggestions=tuple(
            Suggestion("order", f"{order.display}, {wanted} intensity", f"{order.system_uri}|{order.code}")
            for order in pack().next_step["due"].orders
        ),
        about=(TOPIC,),
    )


def intensity(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A proposed statin weaker than the person's group is treated with."""
    medication = proposal.medication
    group = population_of(pack(), facts)
    if medication is None or group is None or kept_out(pack(), facts):
        return
    population, why = group
    wanted = _wanted(population.id, facts)
    statin = next(one for one in medication.ingredients if one in members("statins"))
    daily = _daily_mg(medication, statin)
    if daily is None:
        yield could_not_check(INTENSITY, f"the daily dose of {medication.name}", about=(statin,))
    elif daily < _doses(wanted).get(ingredient_name(statin), float("inf")):
        names = ", ".join(f"{name} {dose} mg" for name, dose in _doses(wanted).items())
        yield fires(
            INTENSITY,
            f"{medication.name} {daily:g} mg a day is below {wanted} intensity.",
            detail=f"{population.words}: {wanted} intensity, at least {names}, if it is tolerated.",
            because=why[:3],
            about=(statin,),
        )


def _wanted(population_id: str, facts: Facts) -> str:
    known = read_toml(KNOWLEDGE)
    wanted = known["intensity_for"][population_id]
    return known["older"]["intensity"] if facts.age_years >= known["older"]["from_years"] else wanted


def _doses(wanted: str) -> dict[str, Any]:
    return read_toml(KNOWLEDGE)[wanted]


def _daily_mg(medication: Medication, statin: str) -> float | None:
    dose = medication.dose_of(statin)
    if dose is None or dose.unit != "mg" or medication.doses_per_day is None:
        return None
    return dose.amount * medication.doses_per_day


def harm_before(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A statin proposed to somebody whom one has harmed. A recorded allergy is the allergy check's card."""
    for name in ("statin_harm", "rhabdomyolysis"):
        exclusion = guidelines().exclusions[name]
        found = tuple(
            one for one in why_excluded(exclusion, facts) or () if not one.words.startswith(ALLERGY)
        )
        if found:
            yield fires(
                HARM,
                f"{exclusion.title}: {exclusion.why}",
                detail=ASK,
                because=found,
                about=(name,),
            )


AT_THE_CHART = frozenset({"patient_view"})

CHECKS = (
    Check((RISK,), risk, None, AT_THE_CHART),
    Check((TO_PROPOSE,), to_propose, None, AT_THE_CHART),
    Check((INTENSITY,), intensity, members("statins")),
    Check((HARM,), harm_before, members("statins")),
)
