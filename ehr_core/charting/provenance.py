"""Builds the Provenance of an act on the record: who, when, why, and from which document. Pure."""

from __future__ import annotations

from typing import Literal

from ehr_core.charting.parts import Resource, reference

Activity = Literal["CREATE", "UPDATE", "NULLIFY"]

ACTIVITY_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT_SYSTEM = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ACTIVITY_WORDS = {"CREATE": "create", "UPDATE": "revise", "NULLIFY": "nullify"}


def build_provenance(
    targets: list[tuple[str, str, int]],
    *,
    activity: Activity,
    who: Resource,
    recorded_at: str,
    reason: str | None = None,
    source: str | None = None,
    document_id: str | None = None,
) -> Resource:
    """Provenance of exactly those versions. `source` names whose record it was transcribed from."""
    resource: Resource = {
        "resourceType": "Provenance",
        "target": [
            {"reference": f"{resource_type}/{resource_id}/_history/{version}"}
            for resource_type, resource_id, version in targets
        ],
        "recorded": recorded_at,
        "activity": {
            "coding": [{"system": ACTIVITY_SYSTEM, "code": activity, "display": ACTIVITY_WORDS[activity]}]
        },
        "agent": [_agent("author" if source is None else "enterer", who)],
    }
    if reason:
        resource["reason"] = [{"text": reason}]
    if source:
        resource["agent"].append(_agent("author", {"display": source}))
    if document_id:
        resource["entity"] = [{"role": "source", "what": reference("DocumentReference", document_id)}]
    return resource


def _agent(role: str, who: Resource) -> Resource:
    return {
        "type": {"coding": [{"system": PARTICIPANT_SYSTEM, "code": role, "display": role.capitalize()}]},
        "who": who,
    }
