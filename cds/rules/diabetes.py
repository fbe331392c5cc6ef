"""Diabetes in adults: low sugar in older people, what an illness beside it asks for, and an HbA1c asked for too soon.

Which test is due is said by the care gaps alone; nothing here interrupts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from cds.cards import Card, Reason, Rule, Severity, Tier, could_not_check, fires
from cds.coded import CodeGroup, active_conditions, codes_of, condition_group, ever_conditions, icd_10_cm
from cds.dates import months_after
from cds.engine import Check
from cds.facts import Condition, Facts, Medication, MissingFact, Proposal
from cds.heart_risk import takes_any
from cds.ingredients import members
from cds.kidney_function import kidney_function
from cds.knowledge import read_toml
from cds.lab_values import latest_value, recent_value
from cds.sourced import source_of
from data_contracts.guidelines import definition
from data_contracts.valuesets import value_set

KNOWLEDGE = "diabetes.toml"
ADA = source_of(KNOWLEDGE)
LIMITS = read_toml(KNOWLEDGE)["limits"]

LOW_SUGAR = Rule(
    "diabetes.low_sugar_in_older_adults",
    "Low blood sugar in an older adult",
    Severity.MONITOR,
    Tier.INLINE,
    ADA,
)
BESIDE = Rule(
    "diabetes.illness_beside",
    "Diabetes drug for an illness beside it",
    Severity.INFORMATION,
    Tier.PASSIVE,
    ADA,
    about_care=True,
)
FIRST_DRUG = Rule(
    "diabetes.first_drug",
    "First drug for type 2 diabetes",
    Severity.INFORMATION,
    Tier.PASSIVE,
    ADA,
    about_care=True,
)
TOO_SOON = Rule(
    "diabetes.hba1c_too_soon", "HbA1c again so soon", Severity.INFORMATION, Tier.PASSIVE, ADA, about_care=True
)
NOT_FOR = Rule(
    "diabetes.not_for_this_person",
    "Diabetes drug that does not suit this person",
    Severity.SERIOUS,
    Tier.INLINE,
    ADA,
)


@cache
def _of_classes(section: str) -> frozenset[str]:
    listed = read_toml(KNOWLEDGE)[section]
    named = frozenset(listed.get("ingredients", {}).values())
    return named.union(*(members(one) for one in listed["classes"]))


def _is_adult_with(facts: Facts, group: CodeGroup) -> bool:
    return facts.age_years >= LIMITS["adult_from_years"] and bool(active_conditions(facts, group))


def low_sugar(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """A drug that can cause low sugar, proposed to or taken by an older adult at special risk of it."""
    drugs = _drugs_that_lower_too_far(facts, proposal)
    if not drugs or facts.age_years < LIMITS["older_from_years"]:
        return
    reasons = tuple(_special_risk(facts))
    tight = _tight_control(facts) if not reasons else None
    if not reasons and tight is None:
        return
    because = reasons or (tight,)
    yield fires(
        LOW_SUGAR,
        f"{drugs[0].name} at {facts.age_years} years with {because[0].words}: low blood sugar is likely and dangerous.",
        detail="Ask about low sugars and falls. A looser goal (HbA1c below 8 %), a lower dose or a drug that does not "
        "cause low sugar may be safer. Glyburide is the riskiest of its class.",
        because=because,
        about=tuple(sorted({rxcui for one in drugs for rxcui in one.ingredients})),
    )


def _drugs_that_lower_too_far(facts: Facts, proposal: Proposal) -> list[Medication]:
    """The proposed drug if it is one; at the chart, those that are taken."""
    if proposal.medication is not None:
        candidates: tuple[Medication, ...] = (proposal.medication,)
    else:
        facts.need("medications")
        candidates = facts.medications
    lowering = _of_classes("can_cause_low_sugar")
    return [one for one in candidates if not lowering.isdisjoint(one.ingredients)]


def _special_risk(facts: Facts) -> Iterator[Reason]:
    groups = {
        "a low sugar before": ("hypoglycemia", ever_conditions),
        "dementia": ("dementia", active_conditions),
        "chronic kidney disease": ("chronic_kidney_disease", active_conditions),
    }
    for words, (group, look) in groups.items():
        for one in look(facts, condition_group(group)):
            yield Reason(words, one.name, one.onset, one.reference)


def _tight_control(facts: Facts) -> Reason | None:
    """The HbA1c where it is low for a drug of this kind; raises MissingFact where none of the last year is known."""
    hba1c = recent_value(facts, "hba1c", LIMITS["hba1c_counts_for_months"])
    if not hba1c.is_below(LIMITS["tight_below_percent"]):
        return None
    return Reason(
        f"an HbA1c below {LIMITS['tight_below_percent']:g} %", hba1c.figure, hba1c.on, hba1c.reference
    )


def illness_beside(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """The drug class that protects heart or kidneys, for somebody with type 2 diabetes who takes none of it."""
    if not _is_adult_with(facts, icd_10_cm(*read_toml(KNOWLEDGE)["type_2"]["icd-10-cm"])):
        return
    for beside in read_toml(KNOWLEDGE)["beside"]:
        found = active_conditions(facts, _group(beside["id"]))
        if not found:
            continue
        if not takes_any(facts, frozenset().union(*(members(one) for one in beside["classes"]))):
            yield _protecting(facts, beside, found)
        return


def _group(name: str) -> CodeGroup:
    return codes_of("ascvd") if name == "ascvd" else condition_group(name)


def _protecting(facts: Facts, beside: dict[str, Any], found: tuple[Condition, ...]) -> Card:
    cautions, missing = _cautions(facts, beside)
    if missing:
        return could_not_check(BESIDE, *missing, about=(beside["id"],))
    return fires(
        BESIDE,
        f"Type 2 diabetes with {beside['words']}: {beside['advice']}.",
        detail=" ".join(cautions) or "Nothing on record speaks against it.",
        because=tuple(Reason(one.name, None, one.onset, one.reference) for one in found[:3]),
        about=(beside["id"],),
    )


def _cautions(facts: Facts, beside: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """What speaks against a class in this person, and what is not known about it."""
    cautions, missing = [], ()
    if "sglt2_inhibitors" in beside["classes"]:
        if ever_conditions(facts, condition_group("ketoacidosis")):
            cautions.append("Ketoacidosis before: no SGLT2 inhibitor.")
        try:
            kidneys = kidney_function(facts, "egfr", LIMITS["egfr_counts_for_months"])
            if kidneys.value < LIMITS["sglt2_start_from_egfr"]:
                cautions.append(f"{kidneys.words}: an SGLT2 inhibitor is not begun below 20.")
        except MissingFact as absent:
            missing = absent.what
    if "glp1_agonists" in beside["classes"]:
        cautions += [
            words for group, words in AGAINST_GLP1.items() if ever_conditions(facts, condition_group(group))
        ]
    return cautions, missing


AGAINST_GLP1 = {
    "thyroid_c_cell_tumour": "Medullary thyroid cancer or MEN 2: no GLP-1 receptor agonist.",
    "pancreatitis": "Pancreatitis before: a GLP-1 receptor agonist with caution only.",
}


def first_drug(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """Metformin for somebody with type 2 diabetes who takes no drug for it, where the kidneys allow."""
    if not _is_adult_with(facts, icd_10_cm(*read_toml(KNOWLEDGE)["type_2"]["icd-10-cm"])):
        return
    if takes_any(facts, _of_classes("glucose_lowering")):
        return
    kidneys = kidney_function(facts, "egfr", LIMITS["egfr_counts_for_months"])
    if kidneys.value < LIMITS["metformin_start_from_egfr"]:
        return
    yield fires(
        FIRST_DRUG,
        "Type 2 diabetes without a drug on record: metformin is a first choice where nothing speaks against it.",
        detail=f"{kidneys.words}. An illness of heart or kidneys asks for its own class first.",
        because=kidneys.because,
        about=("first_drug",),
    )


def hba1c_too_soon(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """An HbA1c ordered before the last one can have changed: the pack's time for looking again."""
    order = proposal.order
    if order is None or order.code.token not in value_set("hba1c").tokens:
        return
    last = latest_value(facts, "hba1c")
    months = definition("glycemic_control").goal.recheck_months
    if last is None or last.on <= months_after(facts.as_of, -months):
        return
    yield fires(
        TOO_SOON,
        f"The last HbA1c ({last.figure}) is of {last.on.isoformat()}: a change shows after about {months} months.",
        because=(last.reason(facts.as_of),),
        about=("hba1c",),
    )


def not_for_this_person(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    """What FDA labels warn of with SGLT2 inhibitors and GLP-1 receptor agonists, by recorded problems."""
    proposed = frozenset(proposal.ingredients)
    for class_id, groups in LABEL_WARNINGS.items():
        if members(class_id).isdisjoint(proposed):
            continue
        for group, words in groups.items():
            for one in ever_conditions(facts, condition_group(group))[:1]:
                yield fires(
                    NOT_FOR,
                    words,
                    because=(Reason(one.name, None, one.onset, one.reference),),
                    about=(*sorted(proposed & members(class_id)), group),
                )


LABEL_WARNINGS = {
    "sglt2_inhibitors": {
        "type_1_diabetes": "SGLT2 inhibitor in type 1 diabetes: ketoacidosis, also with nearly normal sugar.",
        "ketoacidosis": "SGLT2 inhibitor after ketoacidosis: it may come back, also with nearly normal sugar.",
    },
    "glp1_agonists": {
        "thyroid_c_cell_tumour": "GLP-1 receptor agonist with medullary thyroid cancer or MEN 2: the label forbids it.",
        "pancreatitis": "GLP-1 receptor agonist after pancreatitis: other drugs first.",
    },
}

AT_THE_CHART = frozenset({"patient_view"})

CHECKS = (
    Check((LOW_SUGAR,), low_sugar, _of_classes("can_cause_low_sugar")),
    Check((LOW_SUGAR,), low_sugar, None, AT_THE_CHART),
    Check((BESIDE,), illness_beside, None, AT_THE_CHART),
    Check((FIRST_DRUG,), first_drug, None, AT_THE_CHART),
    Check((TOO_SOON,), hba1c_too_soon),
    Check((NOT_FOR,), not_for_this_person, members("sglt2_inhibitors") | members("glp1_agonists")),
)
