"""Resources of a chart's background, by type: a code, a day and what a record of that type says beside."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

PATIENT = {"reference": "Patient/@P@"}
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
OBSERVED = "http://terminology.hl7.org/CodeSystem/observation-category"
OBSERVATION_CATEGORIES = {
    "qicore-observation-lab": ("laboratory",),
    "qicore-observation-screening-assessment": ("survey",),
    "qicore-observation-clinical-result": ("imaging", "procedure"),
}
SHARES = {
    "Observation": 36,
    "Encounter": 20,
    "Condition": 14,
    "MedicationRequest": 12,
    "Procedure": 8,
    "ServiceRequest": 4,
}
"""Of a hundred resources, how many are of a type; of any other, one."""
LEFT_OUT = ("notdone", "notrequested", "cancelled", "rejected", "declined")
"""Words in the profiles of statements that something was not done; the background holds none."""
Made = Mapping[str, Any]


Value = tuple[str, str] | None
"""The code that an observation found; null for a quantity."""


def chart_resource(
    kind: str, profile: str, code: tuple[str, str], day: datetime, draw: random.Random, value: Value = None
) -> dict | None:
    """A resource of the type with that code and day; None of types and profiles that charts here do not have."""
    name = profile.rsplit("/", 1)[-1]
    make = KINDS.get(kind)
    if make is None or any(word in name for word in LEFT_OUT):
        return None
    meta = {"profile": [profile]} if profile else {}
    made = make(name, _concept(code), day.strftime("%Y-%m-%dT%H:%M:00Z"), draw)
    if value is not None and made.pop("valueQuantity", None):
        made["valueCodeableConcept"] = _concept(value)
    return {"resourceType": kind, "meta": meta, **made}


def _concept(code: tuple[str, str]) -> dict:
    return {"coding": [{"system": code[0], "code": code[1]}]}


def _encounter(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    period = {"start": at, "end": at[:11] + "23:30:00Z"}
    return {"status": "finished", "class": kind, "type": [concept], "subject": PATIENT, "period": period}


def _condition(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    category = "encounter-diagnosis" if "encounter" in name else "problem-list-item"
    state = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    verified = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {
        "clinicalStatus": {"coding": [{"system": state, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": verified, "code": "confirmed"}]},
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": concept,
        "subject": PATIENT,
        "onsetDateTime": at,
        "recordedDate": at,
    }


def _observation(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    category = draw.choice(OBSERVATION_CATEGORIES.get(name, ("exam",)))
    unit = draw.choice(("%", "mg/dL", "{score}", "mm[Hg]"))
    quantity = {"value": round(draw.uniform(1, 200), 1), "unit": unit, "code": unit}
    return {
        "status": "final",
        "category": [{"coding": [{"system": OBSERVED, "code": category}]}],
        "code": concept,
        "subject": PATIENT,
        "effectiveDateTime": at,
        "valueQuantity": {**quantity, "system": "http://unitsofmeasure.org"},
    }


def _procedure(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    period = {"start": at, "end": at[:11] + "23:30:00Z"}
    return {"status": "completed", "code": concept, "subject": PATIENT, "performedPeriod": period}


def _medication_request(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    dosage = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
    return {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept,
        "subject": PATIENT,
        "authoredOn": at,
        "dosageInstruction": [dosage],
    }


def _administration(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    return {
        "status": "completed",
        "medicationCodeableConcept": concept,
        "subject": PATIENT,
        "effectiveDateTime": at,
    }


def _request(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    return {"status": "active", "intent": "order", "code": concept, "subject": PATIENT, "authoredOn": at}


def _allergy(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    return {"code": concept, "patient": PATIENT, "onsetDateTime": at}


def _report(name: str, concept: Made, at: str, draw: random.Random) -> dict:
    return {"status": "final", "code": concept, "subject": PATIENT, "effectiveDateTime": at}


KINDS: Mapping[str, Callable[[str, Made, str, random.Random], dict]] = {
    "Encounter": _encounter,
    "Condition": _condition,
    "Observation": _observation,
    "Procedure": _procedure,
    "MedicationRequest": _medication_request,
    "MedicationAdministration": _administration,
    "ServiceRequest": _request,
    "AllergyIntolerance": _allergy,
    "DiagnosticReport": _report,
}
