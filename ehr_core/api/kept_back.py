"""Whether what somebody did not find is there, and policy keeps it from them: such an answer is a refusal, and audited.

The answer says the same for both, and is made before anybody looks here. A patient's every miss is a refusal anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

from sqlalchemy import TextClause, text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import AlmonerError, Forbidden, NotFound
from ehr_core.store.resource_types import RESOURCE_TYPES

LOOKER = Actor("service:kept-back", "service", "Whether a miss is a refusal", (), frozenset())
TYPE_OF_ID = {
    "patient_id": "Patient",
    "appointment_id": "Appointment",
    "encounter_id": "Encounter",
    "document_id": "DocumentReference",
    "observation_id": "Observation",
    "condition_id": "Condition",
    "allergy_id": "AllergyIntolerance",
    "prescription_id": "MedicationRequest",
    "order_id": "ServiceRequest",
    "task_id": "Task",
    "goal_id": "Goal",
    "plan_id": "CarePlan",
    "coverage_id": "Coverage",
}
"""Parameters of addresses, by the type of resource that they name."""
ROW_OF_ID = {
    "note_id": text("SELECT patient_id FROM charting.note WHERE note_id = CAST(:id AS uuid)"),
    "gap_id": text("SELECT patient_id FROM care_gaps.gap WHERE gap_id = CAST(:id AS uuid)"),
}


def refusal_of(
    parts: Parts, actor: Actor | None, named: Mapping[str, str], error: AlmonerError
) -> dict[str, str] | None:
    """Whom or what an error refuses, as far as it is known; None when it refuses nobody anything."""
    if isinstance(error, NotFound) and actor is not None:
        kept = {} if actor.reach == "own" else kept_from(parts, actor, named)
        return None if kept is None else kept | _target(named)
    return _target(named) if isinstance(error, Forbidden) else None


def kept_from(parts: Parts, actor: Actor, named: Mapping[str, str]) -> dict[str, str] | None:
    """Of what the address names, the patient whose row is there and out of this actor's reach; None when nothing is.

    Empty when the row belongs to no single patient.
    """
    asked = list(_looks(named))
    if not asked or (actor.kind == "service" and actor.application is None):
        return None
    there, seen = _found(parts, LOOKER, asked), _found(parts, actor, asked)
    for one, other in zip(there, seen, strict=True):
        if one is not None and other is None:
            return {"patient_id": one[0]} if one[0] else {}
    return None


def _found(parts: Parts, actor: Actor, asked: list[tuple[TextClause, str]]) -> list[tuple[str | None] | None]:
    with begin(parts.database, actor, parts.clock, parts.settings.site_time_zone) as work:
        rows = [work.connection.execute(look, {"id": value}).first() for look, value in asked]
    return [None if row is None else (row.patient_id,) for row in rows]


def _looks(named: Mapping[str, str]) -> Iterator[tuple[TextClause, str]]:
    types = TYPE_OF_ID | {"resource_id": named.get("resource_type", "")}
    for name, value in named.items():
        if (row := RESOURCE_TYPES.get(types.get(name, ""))) and not row.shared:
            column = "id" if row.name == "Patient" else "patient_id"
            yield text(f'SELECT {column} AS patient_id FROM fhir."{row.table}" WHERE id = :id'), value
        elif name in ROW_OF_ID and _is_uuid(value):
            yield ROW_OF_ID[name], value


def _target(named: Mapping[str, str]) -> dict[str, str]:
    return {name: named[name] for name in ("resource_type", "resource_id", "patient_id") if name in named}


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
