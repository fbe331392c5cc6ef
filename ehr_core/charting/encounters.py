"""Builds a visit that begins here, and its end. Pure: an Encounter in progress, then finished with its diagnoses."""

from __future__ import annotations

from datetime import datetime

from data_contracts.api.notes import ENCOUNTER_KIND_WORDS, EncounterKind
from ehr_core.charting.parts import Resource, concept, instant, reference

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
VISIT_TYPE = "https://almoner.dev/fhir/CodeSystem/visit-type"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
DIAGNOSIS_ROLE = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
US_CORE_ENCOUNTER = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter"

CLASSES: dict[str, tuple[str, str]] = {
    "office": ("AMB", "ambulatory"),
    "telehealth": ("VR", "virtual"),
    "emergency": ("EMER", "emergency"),
    "hospital": ("IMP", "inpatient encounter"),
    "home": ("HH", "home health"),
    "phone": ("VR", "virtual"),
}
"""HL7 has no class of its own for a telephone call: it is virtual, and the type says that it was a call."""

UNDER_WAY = ("planned", "arrived", "triaged", "in-progress", "onleave")


def build_encounter(
    *,
    patient_id: str,
    kind: EncounterKind,
    appointment_id: str | None,
    reason: str | None,
    clinician: Resource,
    begins: datetime,
) -> Resource:
    """An Encounter in progress. A reason that nobody gave is left out."""
    code, display = CLASSES[kind]
    encounter: Resource = {
        "resourceType": "Encounter",
        "meta": {"profile": [US_CORE_ENCOUNTER]},
        "status": "in-progress",
        "class": {"system": ACT_CODE, "code": code, "display": display},
        "type": [concept(VISIT_TYPE, kind, ENCOUNTER_KIND_WORDS[kind])],
        "subject": reference("Patient", patient_id),
        "participant": [
            {
                "type": [
                    {"coding": [{"system": PARTICIPATION, "code": "PPRF", "display": "primary performer"}]}
                ],
                "individual": clinician,
            }
        ],
        "period": {"start": instant(begins)},
    }
    if appointment_id:
        encounter["appointment"] = [reference("Appointment", appointment_id)]
    if reason:
        encounter["reasonCode"] = [{"text": reason}]
    return encounter


def begun(encounter: Resource, *, at: datetime) -> Resource:
    """The visit now in progress; one that has begun already stays as it is."""
    if encounter.get("status") in ("in-progress", "finished"):
        return encounter
    period = {"start": instant(at), **(encounter.get("period") or {})}
    return {**encounter, "status": "in-progress", "period": period}


def finished(encounter: Resource, *, at: datetime, condition_ids: list[str]) -> Resource:
    """The visit over, with what it was about in order. A visit that had ended keeps its end."""
    period = {**(encounter.get("period") or {})}
    period.setdefault("end", instant(at))
    ended = {**encounter, "status": "finished", "period": period}
    if condition_ids:
        ended["diagnosis"] = [
            {
                "condition": reference("Condition", condition_id),
                "use": {
                    "coding": [
                        {"system": DIAGNOSIS_ROLE, "code": "billing", "display": "Billing"},
                    ]
                },
                "rank": rank,
            }
            for rank, condition_id in enumerate(condition_ids, start=1)
        ]
    return ended
