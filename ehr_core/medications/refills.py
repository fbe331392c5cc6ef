"""Refill requests as FHIR Tasks: asked for by a pharmacy or a patient, answered by a prescriber. Pure."""

from __future__ import annotations

from typing import Any

from data_contracts.api.medications import REFILL_CODE, REFILL_SYSTEM

Resource = dict[str, Any]

KEPT_OVER = frozenset(
    {
        "id",
        "meta",
        "identifier",
        "extension",
        "statusReason",
        "priorPrescription",
        "authoredOn",
        "requester",
        "status",
    }
)
"""What a renewal does not take over from the prescription that it renews."""
REFILL_TOKEN = f"{REFILL_SYSTEM}|{REFILL_CODE}"


def build_refill_request(
    *, patient_id: str, prescription_id: str, asked_by: str, requester: Resource, authored_on: str
) -> Resource:
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": REFILL_SYSTEM, "code": REFILL_CODE}], "text": "Refill request"},
        "focus": {"reference": f"MedicationRequest/{prescription_id}"},
        "for": {"reference": f"Patient/{patient_id}"},
        "authoredOn": authored_on,
        "requester": requester,
        "description": f"Refill asked for by {asked_by}",
    }


def renewed(
    request: Resource, *, prescription_id: str, refills: int, writer: Resource, authored_on: str
) -> Resource:
    """The prescription that approving a request signs, in place of `request`; not yet sent anywhere."""
    return {
        **{key: value for key, value in request.items() if key not in KEPT_OVER},
        "status": "active",
        "authoredOn": authored_on,
        "requester": writer,
        "priorPrescription": {"reference": f"MedicationRequest/{prescription_id}"},
        "dispenseRequest": {**(request.get("dispenseRequest") or {}), "numberOfRepeatsAllowed": refills},
    }


def answered(task: Resource, *, approved: bool, reason: str | None, answered_by: Resource) -> Resource:
    """The task, done or refused, with who answered and why."""
    said = {"statusReason": {"text": reason}} if reason else {}
    return {**task, **said, "status": "completed" if approved else "rejected", "owner": answered_by}


def asked_by(task: Resource) -> str:
    return (task.get("description") or "").removeprefix("Refill asked for by ") or "not recorded"
