"""Which patients an export covers, and which of them it really contains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from ehr_core.kernel.errors import NotFound
from ehr_core.store.resource_types import RESOURCE_TYPES


@dataclass(frozen=True)
class Selection:
    """`patient_ids` None: everybody. `resource_types` are those that are exported."""

    patient_ids: list[str] | None
    resource_types: tuple[str, ...]
    since: datetime | None


def offered_types(level: str) -> tuple[str, ...]:
    """The types an export of this level holds when none are named: patient and group level only what is a patient's."""
    if level == "system":
        return tuple(RESOURCE_TYPES)
    return tuple(name for name, kind in RESOURCE_TYPES.items() if kind.patient)


def select_for(connection: Connection, job: Row[Any]) -> Selection:
    """The patients of a job; a group's members as they are in this snapshot."""
    members = _members(connection, job.group_id) if job.level == "group" else None
    return Selection(members, tuple(job.resource_types), job.since)


def _table(resource_type: str) -> str:
    return f'fhir."{RESOURCE_TYPES[resource_type].table}"'


def _members(connection: Connection, group_id: str) -> list[str]:
    query = text(f"SELECT body FROM {_table('Group')} WHERE id = :id AND NOT deleted")
    body = connection.execute(query, {"id": group_id}).scalar_one_or_none()
    if body is None:
        raise NotFound("There is no such group.")
    entities = (
        member.get("entity", {}).get("reference", "")
        for member in orjson.loads(body).get("member", [])
        if not member.get("inactive")
    )
    return sorted({entity.removeprefix("Patient/") for entity in entities if entity.startswith("Patient/")})


def patients_in(connection: Connection, selection: Selection) -> list[str]:
    """The patients of whom the files hold anything: this list is sealed into the audit row."""
    parts = []
    for resource_type in selection.resource_types:
        if RESOURCE_TYPES[resource_type].patient:
            changed = " AND last_updated >= :since" if selection.since else ""
            parts.append(
                f"SELECT patient_id FROM {_table(resource_type)} WHERE patient_id IS NOT NULL{changed}"
            )
    if not parts:
        return []
    query = " UNION ".join(parts)
    if selection.patient_ids is not None:
        query = f"SELECT patient_id FROM ({query}) AS everybody WHERE patient_id = ANY(:patients)"
    values = {"since": selection.since, "patients": selection.patient_ids}
    bound = {name: value for name, value in values.items() if value is not None}
    return list(connection.execute(text(query), bound).scalars())
