"""Which patients an export covers, and which of them it really contains."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.bulk.type_filters import compiled
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.store.exporter import Wanted
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.visible import Sight

PATIENT = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


@dataclass(frozen=True)
class Selection:
    """The rows of a job. `unresolved` counts a group's members that are no patient of this server.

    `narrowed` says that the client is an outside application, from which labels and rules may hold something back.
    """

    resource_types: tuple[str, ...]
    wanted: Wanted
    unresolved: int = 0
    narrowed: bool = False


@dataclass(frozen=True)
class Members:
    """Whom a group names: the patients, and how many members could not be told."""

    patient_ids: frozenset[str] = field(default_factory=frozenset)
    unresolved: int = 0


def offered_types(level: str) -> tuple[str, ...]:
    """The types an export of this level holds when none are named: patient and group level only what is a patient's."""
    if level == "system":
        return tuple(RESOURCE_TYPES)
    return tuple(name for name, kind in RESOURCE_TYPES.items() if kind.patient)


def select_for(work: UnitOfWork, job: Row[Any], own_base: str) -> Selection:
    """The rows of a job that its client may see; a group's members as they are in this snapshot.

    Raises NotFound when the group has gone since it was asked for.
    """
    connection, patient_ids, unresolved = work.connection, job.patient_ids, 0
    if job.level == "group":
        members = members_of(connection, job.group_id, own_base)
        patient_ids = sorted(members.patient_ids.intersection(patient_ids or members.patient_ids))
        unresolved = members.unresolved
    unseen_from = unseen_since(connection, job.since) if job.since else None
    filters = compiled(work, job.type_filters, job.resource_types)
    wanted = Wanted(patient_ids, job.level != "system", job.since, unseen_from, Sight(work.actor), filters)
    narrowed = work.actor.application is not None
    return Selection(tuple(job.resource_types), wanted, unresolved, narrowed)


def unseen_since(connection: Connection, since: Any) -> int | None:
    """The first transaction that the export of that transactionTime may not have seen; None when we gave out no such.

    Raises BadRequest when the export was made before this database was restored: its numbers mean nothing here.
    """
    query = text(
        "SELECT unseen_from::text AS unseen_from, xmin = written_by::xid AS ours "
        "FROM bulk.watermark WHERE transaction_time = :since"
    )
    row = connection.execute(query, {"since": since}).one_or_none()
    if row is None:
        return None
    if not row.ours:
        raise BadRequest(
            "_since is of an export from before this database was restored. Start a full export once."
        )
    return int(row.unseen_from)


def members_of(connection: Connection, group_id: str, own_base: str) -> Members:
    """The patients among a group's active members. Raises NotFound when there is no such group."""
    query = text(f"SELECT body FROM {_table('Group')} WHERE id = :id AND NOT deleted")
    body = connection.execute(query, {"id": group_id}).scalar_one_or_none()
    if body is None:
        raise NotFound("There is no such group.")
    entities = [
        member.get("entity", {}).get("reference", "")
        for member in orjson.loads(body).get("member", [])
        if not member.get("inactive")
    ]
    named = [found for entity in entities if (found := patient_named(entity, own_base))]
    stored = stored_patients(connection, named)
    return Members(stored, len(entities) - sum(1 for patient_id in named if patient_id in stored))


def patient_named(reference: str, own_base: str) -> str | None:
    """The patient that a reference names, relative or at this server's address, with a version or without."""
    found = PATIENT.fullmatch(reference.removeprefix(f"{own_base}/"))
    return found[1] if found else None


def stored_patients(connection: Connection, patient_ids: Iterable[str]) -> frozenset[str]:
    """Those that are stored here, deleted ones among them: an export tells their deletion."""
    query = text("SELECT id FROM fhir.patient WHERE id = ANY(:ids)")
    return frozenset(connection.execute(query, {"ids": sorted(set(patient_ids))}).scalars())


def patients_asked_for(
    connection: Connection, references: Sequence[str], group_id: str | None, own_base: str
) -> list[str] | None:
    """The ids of the patients that a kick-off lists; None when it lists nobody.

    Raises BadRequest when one of them is not a patient here, or not a member of the group, and NotFound when there is
    no such group.
    """
    members = members_of(connection, group_id, own_base).patient_ids if group_id else None
    if not references:
        return None
    named = [patient_named(reference, own_base) for reference in references]
    known = members if members is not None else stored_patients(connection, filter(None, named))
    for number, patient_id in enumerate(named, start=1):
        if patient_id not in known:
            of = "a member of this group" if group_id else "a patient of this server"
            raise BadRequest(f"The {number}. 'patient' is not {of}. Send references such as Patient/123.")
    return sorted({patient_id for patient_id in named if patient_id})


def patients_in(connection: Connection, selection: Selection, exported: Collection[str]) -> list[str]:
    """The patients of whom the files hold anything, and be it a deletion: this list is sealed into the audit row.

    `exported` are those whose resources were written; only who asks for changes is told of deletions.
    """
    parts, bound = [], []
    for resource_type in selection.resource_types if selection.wanted.since else ():
        if RESOURCE_TYPES[resource_type].patient:
            where, values = selection.wanted.conditions(resource_type, deleted=True)
            parts.append(
                f"SELECT patient_id FROM {_table(resource_type)} WHERE deleted AND patient_id IS NOT NULL{where}"
            )
            bound += values
    if not parts:
        return sorted(exported)
    deleted = connection.exec_driver_sql(" UNION ".join(parts), tuple(bound)).scalars()
    return sorted({*exported, *deleted})


def _table(resource_type: str) -> str:
    return f'fhir."{RESOURCE_TYPES[resource_type].table}"'
