"""Coverages: whose plan, in which order, under which number. Built and read here; the pages write them by one act."""

from __future__ import annotations

from typing import Any

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import Coverage, CoverageFacts, SaveCoverage, Saved
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import codes, words
from ehr_core.kernel.name_sounds import folded
from ehr_core.registration.parts import save_part
from ehr_core.registration.pictures import card_sides
from ehr_core.registration.problems import Problems

Resource = dict[str, Any]

RELATIONSHIP = "http://terminology.hl7.org/CodeSystem/subscriber-relationship"
COVERAGE_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
NOT_IN_USE = frozenset({"cancelled", "entered-in-error", "draft"})


def read_coverages(
    stored: list[tuple[int, Resource]], documents: list[tuple[int, Resource]]
) -> list[Coverage]:
    """In their order, those in use first."""
    found = [
        Coverage(
            coverage_id=coverage["id"],
            version_id=version_id,
            facts=_read(coverage),
            card_sides=card_sides(documents, coverage["id"]),
        )
        for version_id, coverage in stored
        if coverage.get("status") != "entered-in-error"
    ]
    return sorted(found, key=lambda each: (not each.facts.active, each.facts.order, each.coverage_id))


def _read(coverage: Resource) -> CoverageFacts:
    payor = next(iter(coverage.get("payor") or ()), {})
    period = coverage.get("period") or {}
    known = codes(coverage.get("relationship")) & set(vocabulary.choices("subscriber_relationships"))
    return CoverageFacts(
        order=min(max(coverage.get("order") or 1, 1), 9),
        payer=payor.get("display") or words(coverage.get("type")) or payor.get("reference") or "not recorded",
        plan=_class(coverage, "plan"),
        member_id=coverage.get("subscriberId"),
        group_number=_class(coverage, "group"),
        relationship=next(iter(known), "self"),
        subscriber=(coverage.get("subscriber") or {}).get("display"),
        start=period.get("start"),
        end=period.get("end"),
        active=coverage.get("status") not in NOT_IN_USE,
    )


def same_coverage(ours: Resource, theirs: Resource) -> bool:
    """Whether both are one: by an identifier, or by the member's number at a payer of the same name or identifier."""
    if _identifiers(ours) & _identifiers(theirs):
        return True
    numbers = {one.get("subscriberId", "").strip().lower() for one in (ours, theirs)}
    return len(numbers) == 1 and numbers != {""} and bool(_payers(ours) & _payers(theirs))


def _identifiers(coverage: Resource) -> set[tuple[str, str]]:
    return {
        (one["system"], one["value"])
        for one in coverage.get("identifier") or ()
        if one.get("system") and one.get("value")
    }


def _payers(coverage: Resource) -> set[str]:
    """Each payer's name and identifiers, folded."""
    found = set()
    for payor in coverage.get("payor") or ():
        identifier = payor.get("identifier") or {}
        words = (payor.get("display"), identifier.get("value"))
        found |= {folded(word) for word in words if word}
    return found - {""}


def _class(coverage: Resource, kind: str) -> str | None:
    for item in coverage.get("class") or ():
        if kind in codes(item.get("type")):
            return item.get("name") or item.get("value")
    return None


def save_coverage(
    work: UnitOfWork, *, patient_id: str, coverage_id: str | None, coverage: SaveCoverage
) -> Saved:
    """Raises InvalidResource naming the field, StaleVersion, NotFound, Conflict for a merged record."""
    facts = coverage.facts
    problems = Problems()
    problems.period("period", facts.start, facts.end)
    if facts.relationship not in vocabulary.choices("subscriber_relationships"):
        problems.add("relationship", "Choose how the patient is related to the subscriber.")
    if facts.relationship != "self" and not (facts.subscriber or "").strip():
        problems.add("subscriber", "Write the name of the subscriber, who is not the patient.")
    problems.raise_any()
    return save_part(
        work,
        "Coverage",
        coverage_id,
        coverage.version_id,
        patient_id,
        lambda old: _written(old, facts, patient_id),
    )


def _written(old: Resource, facts: CoverageFacts, patient_id: str) -> Resource:
    """What the form says over what was there; a payer of the directory stays while its name does."""
    patient = {"reference": f"Patient/{patient_id}"}
    payors = old.get("payor") or []
    if not payors or _read(old).payer != facts.payer:
        payors = [{"display": facts.payer.strip()}]
    own = facts.relationship == "self"
    return old | {
        "status": "active" if facts.active else "cancelled",
        "order": facts.order,
        "subscriberId": (facts.member_id or "").strip() or None,
        "subscriber": patient if own else {"display": (facts.subscriber or "").strip()},
        "beneficiary": patient,
        "relationship": {"coding": [{"system": RELATIONSHIP, "code": facts.relationship}]},
        "period": {**(old.get("period") or {}), "start": facts.start or None, "end": facts.end or None},
        "payor": payors,
        "class": _classes(old, facts),
    }


def _classes(old: Resource, facts: CoverageFacts) -> list[Resource]:
    kept = [item for item in old.get("class") or () if not codes(item.get("type")) & {"plan", "group"}]
    return kept + [
        {"type": {"coding": [{"system": COVERAGE_CLASS, "code": kind}]}, "value": value.strip()}
        for kind, value in (("plan", facts.plan), ("group", facts.group_number))
        if (value or "").strip()
    ]
