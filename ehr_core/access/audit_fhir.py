"""An audit row as a FHIR AuditEvent. Pure: a row in, a resource out; it says no more than the row."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import Row

from ehr_core.access.audit_words import actor_words, sentence

EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
OBJECT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OWN_ACT = "https://almoner.dev/fhir/CodeSystem/audit-act"

REST = {"system": EVENT_TYPE, "code": "rest", "display": "RESTful Operation"}
TYPES = {
    "signed_in": {"system": DICOM, "code": "110114", "display": "User Authentication"},
    "sign_in": {"system": DICOM, "code": "110114", "display": "User Authentication"},
    "signed_out": {"system": DICOM, "code": "110114", "display": "User Authentication"},
    "export": {"system": DICOM, "code": "110106", "display": "Export"},
    "bulk_export": {"system": DICOM, "code": "110106", "display": "Export"},
    "bulk_file_downloaded": {"system": DICOM, "code": "110106", "display": "Export"},
    "audit_exported": {"system": DICOM, "code": "110106", "display": "Export"},
    "disclosed": {"system": DICOM, "code": "110106", "display": "Export"},
    "import": {"system": DICOM, "code": "110107", "display": "Import"},
    "glass_broken": {"system": DICOM, "code": "110113", "display": "Security Alert"},
    "alert_raised": {"system": DICOM, "code": "110113", "display": "Security Alert"},
}
ACTIONS = {
    "C": ("create", "patient_registered", "account_created"),
    "U": ("update", "patients_merged", "patients_unmerged"),
    "D": ("delete",),
    "R": ("read", "vread", "history", "search", "read_many", "everything", "patient_record"),
}
"""By AuditEvent.action; an act that ends as READ_ENDINGS say is a read too, every other one E (execute)."""
ACTION_OF = {act: action for action, acts in ACTIONS.items() for act in acts}
READ_ENDINGS = ("_read", ".read", "_listed")
OUTCOMES = {"success": "0", "refused": "4", "failure": "8"}
MOST_LISTED = 100
"""Patients of a search or export that are named one by one; of more, their number and seal."""


def action_of(act: str) -> str:
    return ACTION_OF.get(act) or ("R" if act.endswith(READ_ENDINGS) else "E")


def audit_event(row: Row, *, only_patient: str | None = None) -> dict[str, Any]:
    """`only_patient` is whom a list of patients may name, for that patient's own eyes."""
    event: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": row.id,
        "type": TYPES.get(row.act, REST),
        "subtype": [{"system": OWN_ACT, "code": row.act}],
        "action": action_of(row.act),
        "recorded": row.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "outcome": OUTCOMES.get(row.outcome, "8"),
    }
    if row.outcome != "success" and (row.detail or {}).get("reason"):
        event["outcomeDesc"] = str(row.detail["reason"])
    if row.act == "glass_broken":
        event["purposeOfEvent"] = [
            {"coding": [{"system": ACT_REASON, "code": "BTG", "display": "break the glass"}]}
        ]
    event["agent"] = _agents(row)
    event["source"] = {"observer": {"display": "Almoner"}, "site": "almoner"}
    if entities := _entities(row, only_patient):
        event["entity"] = entities
    return event


def _agents(row: Row) -> list[dict[str, Any]]:
    name = actor_words(row.actor_id, row.actor_name)
    who: dict[str, Any] = {"display": name}
    if row.practitioner_id:
        who["reference"] = f"Practitioner/{row.practitioner_id}"
    agent: dict[str, Any] = {"who": who, "name": name, "requestor": True}
    if row.actor_id:
        agent["altId"] = row.actor_id
    agents = [agent]
    if client := (row.detail or {}).get("client"):
        agents.append({"who": {"display": str(client)}, "name": str(client), "requestor": False})
    return agents


def _entities(row: Row, only_patient: str | None) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = []
    if (
        row.resource_type
        and row.resource_id
        and row.resource_type[:1].isupper()
        and row.resource_type != "Account"
    ):
        kind = {"system": OBJECT_TYPE, "code": "2", "display": "System Object"}
        entities.append({"what": {"reference": f"{row.resource_type}/{row.resource_id}"}, "type": kind})
    if row.patient_id:
        entities.append(_patient(row.patient_id))
    listed = row.patient_ids
    if listed is not None:
        named = [one for one in listed if only_patient in (None, one)][:MOST_LISTED]
        entities += [_patient(one) for one in named]
        seal = [{"type": "patients", "valueString": str(len(listed))}]
        seal += [{"type": "sha256", "valueString": row.patient_ids_sealed}] if row.patient_ids_sealed else []
        entities.append({"name": "Patients of this act", "detail": seal})
    return entities


def _patient(patient_id: str) -> dict[str, Any]:
    return {
        "what": {"reference": f"Patient/{patient_id}"},
        "type": {"system": OBJECT_TYPE, "code": "1", "display": "Person"},
        "role": {"system": OBJECT_ROLE, "code": "1", "display": "Patient"},
    }


def narrative(row: Row) -> str:
    """The same in a sentence."""
    return sentence(
        actor=actor_words(row.actor_id, row.actor_name),
        act=row.act,
        outcome=row.outcome,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        patients=None if row.patient_ids is None else len(row.patient_ids),
        detail=row.detail,
    )
