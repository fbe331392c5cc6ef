"""The problems and services of a visit as resources: Conditions made at signing, ChargeItems for billing. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from data_contracts.api.notes import PlanItem, ServiceCode
from data_contracts.code_systems import HCPCS, ICD_10_CM
from ehr_core.charting.parts import Resource, concept, instant, reference

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
CPT = "http://www.ama-assn.org/go/cpt"
MODIFIERS_URL = "https://almoner.dev/fhir/StructureDefinition/service-modifier"

CATEGORIES = {
    True: ("problem-list-item", "Problem List Item"),
    False: ("encounter-diagnosis", "Encounter Diagnosis"),
}
SERVICE_SYSTEMS = {"cpt": CPT, "hcpcs": HCPCS.uri}


def build_condition(
    item: PlanItem, *, patient_id: str, encounter_id: str, recorder: Resource, at: datetime
) -> Resource:
    """A diagnosis of this visit; with `to_problem_list` it stays on the list."""
    code, display = CATEGORIES[item.to_problem_list]
    coded = concept(ICD_10_CM.uri, item.code, item.name) if item.code else {"text": item.name}
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": "confirmed"}]},
        "category": [{"coding": [{"system": CONDITION_CATEGORY, "code": code, "display": display}]}],
        "code": coded,
        "subject": reference("Patient", patient_id),
        "encounter": reference("Encounter", encounter_id),
        "recordedDate": instant(at),
        "recorder": recorder,
    }


def build_charge(
    service: ServiceCode,
    *,
    patient_id: str,
    encounter_id: str,
    at: datetime,
    performer: Resource,
    plan: Iterable[PlanItem],
) -> Resource:
    """What billing picks up: a number, how often, and the visit's diagnoses in order. No description of a CPT code."""
    charge: Resource = {
        "resourceType": "ChargeItem",
        "status": "billable",
        "code": {"coding": [{"system": SERVICE_SYSTEMS[service.system], "code": service.code}]},
        "subject": reference("Patient", patient_id),
        "context": reference("Encounter", encounter_id),
        "occurrenceDateTime": instant(at),
        "performer": [{"actor": performer}],
        "quantity": {"value": Decimal(service.units)},
    }
    reasons = [concept(ICD_10_CM.uri, item.code, item.name) for item in plan if item.code]
    if reasons:
        charge["reason"] = reasons
    if service.modifiers:
        charge["extension"] = [{"url": MODIFIERS_URL, "valueCode": mark} for mark in service.modifiers]
    return charge


def charged(resource: dict[str, Any]) -> tuple[str, str, int, tuple[str, ...]]:
    """(system, code, units, modifiers) of a ChargeItem: what tells one charge from another."""
    coding = ((resource.get("code") or {}).get("coding") or [{}])[0]
    marks = tuple(
        mark["valueCode"] for mark in resource.get("extension") or () if mark.get("url") == MODIFIERS_URL
    )
    units = int((resource.get("quantity") or {}).get("value", 1))
    return coding.get("system", ""), coding.get("code", ""), units, marks


def asked(service: ServiceCode) -> tuple[str, str, int, tuple[str, ...]]:
    """The same of a service of the note."""
    return SERVICE_SYSTEMS[service.system], service.code, service.units, tuple(service.modifiers)
