"""High blood pressure in adults, by the AHA/ACC guideline of 2025: danger, whether to treat, and what to begin with.

Whether a reading or a change is due is said by the care gaps alone; nothing here interrupts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, fires
from cds.coded import active_conditions, codes_of, condition_group, icd_10_cm
from cds.dates import months_after
from cds.engine import Check
from cds.facts import Facts, MissingFact, Proposal
from cds.guideline import kept_out
from cds.heart_risk import antihypertensives, has_diabetes, prevent, takes_antihypertensive
from cds.ingredients import members
from cds.knowledge import read_toml
from cds.lab_values import latest_value
from cds.sourced import source_of
from data_contracts.guidelines import definition
from data_contracts.guidelines.pack import Pack

KNOWLEDGE = "blood_pressure.toml"
TOPIC = "blood_pressure_control"
AHA_2025 = source_of(KNOWLEDGE)

SEVERE = Rule("blood_pressure.severe", "Very high blood pressure", Severity.SERIOUS, Tier.INLINE, AHA_2025)
TREAT = Rule(
    "blood_pressure.treat",
    "High blood pressure without a drug",
    Severity.INFORMATION,
    Tier.PASSIVE,
    AHA_2025,
    about_care=True,
)
TWO_DRUGS = Rule(
    "blood_pressure.two_drugs",
    "Two drugs in one pill",
    Severity.INFORMATION,
    Tier.PASSIVE,
    AHA_2025,
    about_care=True,
)
FIRST_CHOICE = Rule(
    "blood_pressure.first_choice",
    "First choice for blood pressure",
    Severity.INFORMATION,
    Tier.PASSIVE,
    AHA_2025,
    about_care=True,
)
ALBUMIN = Rule(
    "blood_pressure.albumin",
    "Albumin in the urine with high blood pressure",
    Severity.INFORMATION,
    Tier.PASSIVE,
    AHA_2025,
    about_care=True,
)


@dataclass(frozen=True, slots=True)
class Pressure:
    """One reading in mm[Hg]."""

    systolic: float
    diastolic: float
    on: date
    reference: str | None

    def reaches(self, systolic: float, diastolic: float) -> bool:
        return self.systolic >= systolic or self.diastolic >= diastolic

    @property
    def reason(self) -> Reason:
        return Reason(
            "blood pressure", f"{self.systolic:g}/{self.diastolic:g} mm[Hg]", self.on, self.reference
        )


def pack() -> Pack:
    return definition(TOPIC)


def limits(section: str) -> dict:
    return read_toml(KNOWLEDGE)[section]


def latest_pressure(facts: Facts) -> Pressure | None:
    """The newest reading; None where there is none. Raises MissingFact where half of it is missing or unreadable."""
    systolic, diastolic = (
        latest_value(facts, "systolic_blood_pressure"),
        latest_value(facts, "diastolic_blood_pressure"),
    )
    if systolic is None and diastolic is None:
        return None
    if systolic is None or diastolic is None or systolic.on != diastolic.on:
        raise MissingFact("both numbers of the newest blood pressure")
    return Pressure(systolic.value, diastolic.value, systolic.on, systolic.reference)


def severe(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A reading of the last days in the range where organs are looked after first; lower in pregnancy."""
    pressure, limit = latest_pressure(facts), limits("severe")
    if pressure is None or pressure.on < facts.as_of - timedelta(days=limit["counts_for_days"]):
        return
    pregnant = facts.pregnancy.state == "pregnant"
    prefix = "pregnant_" if pregnant else ""
    if facts.age_years < limits("treat")["from_years"] and not pregnant:
        return
    if not pressure.reaches(limit[f"{prefix}systolic"], limit[f"{prefix}diastolic"]):
        return
    yield fires(
        SEVERE,
        f"{pressure.reason.value}: measure again now and look for organ damage.",
        detail="In pregnancy this is an emergency: treat within an hour."
        if pregnant
        else "Chest pain, breathlessness, weakness, trouble with speech or sight: emergency care. Without them, adjust "
        "treatment by mouth and see the person soon; do not lower it fast.",
        because=(pressure.reason,),
        about=("severe",),
    )


def treat(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Whether the guideline asks for a drug, for somebody who takes none."""
    pressure = _recent_pressure(facts)
    if pressure is None or not _is_high(pressure) or takes_antihypertensive(facts):
        return
    if facts.age_years < limits("treat")["from_years"] or kept_out(pack(), facts):
        return
    stage_2 = pressure.reaches(limits("treat")["stage_2_systolic"], limits("treat")["stage_2_diastolic"])
    if stage_2:
        yield _advises(pressure, "a drug together with healthy habits, once the reading is confirmed.", ())
    elif risks := _high_risks(facts):
        yield _advises(pressure, f"a drug, because of {risks[0].words}.", risks)
    else:
        yield _by_prevent(facts, pressure)


def _by_prevent(facts: Facts, pressure: Pressure) -> Card:
    found = prevent(facts)
    because = (*found.because, Reason(found.equation, f"{found.percent:.1f} %"))
    if found.percent >= limits("treat")["prevent_from_percent"]:
        return _advises(
            pressure, f"a drug, because the 10-year risk by PREVENT is {found.percent:.1f} %.", because
        )
    months = limits("treat")["lifestyle_months"]
    return _advises(pressure, f"healthy habits first, then look again after {months} months.", because)


def _advises(pressure: Pressure, words: str, because: tuple[Reason, ...]) -> Card:
    return fires(
        TREAT,
        f"{pressure.reason.value}, no blood-pressure drug: the guideline advises {words}",
        detail=f"Goal: {pack().goal.words[:1].lower()}{pack().goal.words[1:]}. "
        f"Begin with {limits('first_choice')['words']}. Confirm with readings at home first.",
        because=(pressure.reason, *because),
        about=(TOPIC,),
    )


def _recent_pressure(facts: Facts) -> Pressure | None:
    """The newest reading, as long as the pack's reading counts."""
    pressure = latest_pressure(facts)
    months = pack().evidence[0].counts_for.months
    return pressure if pressure and pressure.on > months_after(facts.as_of, -months) else None


def _is_high(pressure: Pressure) -> bool:
    goal = pack().goal
    return pressure.reaches(goal.below, goal.diastolic_below)


def _high_risks(facts: Facts) -> tuple[Reason, ...]:
    groups = {
        "cardiovascular disease": codes_of("ascvd")
        | condition_group("heart_failure")
        | condition_group("stroke"),
        "chronic kidney disease": condition_group("chronic_kidney_disease"),
    }
    found = [
        Reason(words, one.name, one.onset, one.reference)
        for words, group in groups.items()
        for one in active_conditions(facts, group)
    ]
    if has_diabetes(facts):
        found.append(Reason("diabetes"))
    return tuple(found)


def two_drugs(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """One drug begun for a pressure that usually takes two."""
    chosen = [one for one in proposal.ingredients if one in antihypertensives()]
    pressure = _recent_pressure(facts)
    if len(chosen) != 1 or pressure is None or not _is_for_pressure_alone(facts, proposal):
        return
    treat_from = limits("treat")
    if not pressure.reaches(treat_from["stage_2_systolic"], treat_from["stage_2_diastolic"]):
        return
    if takes_antihypertensive(facts) or facts.age_years < treat_from["from_years"] or kept_out(pack(), facts):
        return
    yield fires(
        TWO_DRUGS,
        "From 140/90 mm[Hg] on the guideline begins with two drugs of different classes, best in one pill.",
        detail="One drug alone suits frail people and those whose pressure falls on standing.",
        because=(pressure.reason,),
        about=proposal.ingredients,
    )


def first_choice(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A drug of second choice begun for blood pressure alone."""
    preferred = frozenset().union(*(members(one) for one in limits("first_choice")["classes"]))
    chosen = [one for one in proposal.ingredients if one in antihypertensives()]
    if not _is_for_pressure_alone(facts, proposal) or any(one in preferred for one in chosen):
        return
    if takes_antihypertensive(facts) or kept_out(pack(), facts):
        return
    yield fires(
        FIRST_CHOICE,
        f"For blood pressure alone, begin with {limits('first_choice')['words']}.",
        about=proposal.ingredients,
    )


def _is_for_pressure_alone(facts: Facts, proposal: Proposal) -> bool:
    """Hypertension is the reason given, and no other illness that these drugs are taken for is active."""
    medication = proposal.medication
    reasons = (*proposal.reasons, *(medication.indications if medication else ()))
    hypertension = codes_of("hypertension")
    others = icd_10_cm(*limits("first_choice")["other_reasons"])
    return (
        bool(reasons)
        and all(hypertension.holds([one]) for one in reasons)
        and not active_conditions(facts, others)
    )


def albumin(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The urine test that the guideline adds for hypertension alone, and what a raised one asks for.

    In diabetes the care gaps speak of the test.
    """
    if not active_conditions(facts, codes_of("hypertension")) or kept_out(pack(), facts):
        return
    ratio = latest_value(facts, "urine_albumin_creatinine_ratio")
    if ratio is None and not has_diabetes(facts):
        yield fires(
            ALBUMIN,
            "High blood pressure, and no urine albumin-to-creatinine ratio on record.",
            detail="The guideline of 2025 asks for it in everybody with high blood pressure.",
            suggestions=(Suggestion("lab", "Albumin/Creatinine in Urine", "http://loinc.org|9318-7"),),
            about=("albumin",),
        )
    elif ratio and ratio.value >= limits("albumin")["protect_from_mg_per_g"] and not _is_protected(facts):
        yield fires(
            ALBUMIN,
            f"Albumin in the urine ({ratio.figure}): an ACE inhibitor or ARB protects the kidneys.",
            detail="One of the two, never both. Not in pregnancy. Check potassium and creatinine 1 to 2 weeks later.",
            because=(ratio.reason(facts.as_of),),
            about=("albumin",),
        )


def _is_protected(facts: Facts) -> bool:
    facts.need("medications")
    protecting = members("ace_inhibitors") | members("arbs")
    return any(not protecting.isdisjoint(one.ingredients) for one in facts.medications)


AT_THE_CHART = frozenset({"patient_view"})

CHECKS = (
    Check((SEVERE,), severe, None, AT_THE_CHART),
    Check((TREAT,), treat, None, AT_THE_CHART),
    Check((ALBUMIN,), albumin, None, AT_THE_CHART),
    Check((TWO_DRUGS,), two_drugs, antihypertensives()),
    Check((FIRST_CHOICE,), first_choice, antihypertensives()),
)
