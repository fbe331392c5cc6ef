"""Recorded allergies as the rules read them, those to drugs apart, with what is known of the reaction. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cds.facts import Allergy, AllergyList
from ehr_core.charting.allergies import absence_codes, judge_allergies
from ehr_core.kernel.fhir_json import codes, codings, words
from ehr_core.medications.products import RXNORM, Lookup
from ehr_core.workflows.patient_facts.days import day_in
from ehr_core.workflows.patient_facts.events import coded

Resource = dict[str, Any]

NOT_TRUE = frozenset({"refuted", "entered-in-error"})
NOT_DRUGS = frozenset({"food", "environment"})
OVER = frozenset({"inactive", "resolved"})
WORST_FIRST = ("severe", "moderate", "mild")


def drug_allergies(found: Iterable[Resource], lookup: Lookup) -> Iterator[Allergy]:
    """Allergies to drugs that are true and not over.

    One without a category may be to a drug, and is handed in; so is one to 'biologic'. What only denies is no allergy.
    """
    return (_allergy(one, lookup) for one in found if _holds(one) and not _is_no_drug(one))


def other_allergies(found: Iterable[Resource], lookup: Lookup) -> Iterator[Allergy]:
    """Allergies to foods and to the surroundings that are true and not over."""
    return (_allergy(one, lookup) for one in found if _holds(one) and _is_no_drug(one))


def _holds(one: Resource) -> bool:
    absent = any(coding in absence_codes() for coding in codings(one.get("code")))
    return not absent and not _is_over(one)


def _is_no_drug(one: Resource) -> bool:
    kinds = set(one.get("category") or ())
    return bool(kinds) and kinds <= NOT_DRUGS


def list_state(found: list[Resource]) -> AllergyList:
    """What the whole list says: allergies, an asked-for denial, or nothing that anybody asked for."""
    state, _ = judge_allergies(found)
    if state == "known":
        return "recorded"
    return "none_known" if state == "none_known" else "not_asked"


def _is_over(allergy: Resource) -> bool:
    return bool(
        codes(allergy.get("verificationStatus")) & NOT_TRUE or codes(allergy.get("clinicalStatus")) & OVER
    )


def _allergy(one: Resource, lookup: Lookup) -> Allergy:
    reactions = one.get("reaction") or ()
    severities = {reaction.get("severity") for reaction in reactions}
    substances = (one.get("code"), *(reaction.get("substance") for reaction in reactions))
    verification = codes(one.get("verificationStatus"))
    return Allergy(
        name=next(filter(None, map(words, substances)), "a substance without a name"),
        ingredients=tuple(dict.fromkeys(_ingredients(substances, lookup))),
        codes=tuple(code for concept in substances for code in coded(concept)),
        coded=any(coded(concept) for concept in substances),
        reactions=tuple(filter(None, map(words, _manifestations(reactions)))),
        severity=next((grade for grade in WORST_FIRST if grade in severities), None),
        criticality=one.get("criticality") if one.get("criticality") in ("low", "high") else None,
        intolerance=None if one.get("type") is None else one["type"] == "intolerance",
        verification=None
        if not verification
        else "confirmed"
        if "confirmed" in verification
        else "unconfirmed",
        recorded_on=day_in(one.get("recordedDate")),
        last_reaction_on=day_in(one.get("lastOccurrence")),
        reference=f"AllergyIntolerance/{one['id']}",
    )


def _manifestations(reactions: Iterable[Resource]) -> Iterator[Resource]:
    return (said for reaction in reactions for said in reaction.get("manifestation") or ())


def _ingredients(substances: Iterable[Resource | None], lookup: Lookup) -> Iterator[str]:
    for concept in substances:
        for system, code in codings(concept):
            if system == RXNORM:
                yield from lookup.ingredients(code)
