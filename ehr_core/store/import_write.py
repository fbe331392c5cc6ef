"""Writes batches of prepared resources: COPY into a staging table, then one statement a type and step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import psycopg
from sqlalchemy import Connection

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.db.outbox import announce
from ehr_core.store.import_copy import blocks, column_names
from ehr_core.store.import_prepare import Prepared, prepared_provenance
from ehr_core.store.medications import MEDICATION, patients_prescribed
from ehr_core.store.origins import PROVENANCE, Origin, Touched, agent, provenances
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.tables import history_columns

TYPE_ORDER = {name: number for number, name in enumerate(RESOURCE_TYPES)}
"""Every batch goes through the types, and through a type's ids, in one order: two processes never wait in a ring."""

STAGED = "staged by an import"
"""Under which a unit of work notes the tables whose staging table it has used."""


@dataclass
class Outcome:
    """What a batch did.

    `waiting` differ from what is stored, and are judged when everything has been read. `changed_here` were stored once
    and somebody here has changed them since; they stay as they are. `overwritten` are news that replaced such a change.
    """

    created: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)
    changed_here: Counter[str] = field(default_factory=Counter)
    overwritten: list[Prepared] = field(default_factory=list)
    waiting: list[Prepared] = field(default_factory=list)


@dataclass
class _Changes:
    """What the batch's outbox and audit rows will say."""

    patient_ids: set[str] = field(default_factory=set)
    medication_ids: set[str] = field(default_factory=set)
    codes: dict[str, None] = field(default_factory=dict)
    written: list[Touched] = field(default_factory=list)

    def add(self, prepared: Prepared, act: str, version_id: int) -> None:
        promoted = prepared.promoted
        reference = f"{prepared.type_name}/{prepared.resource_id}"
        labels = tuple(promoted.sensitivity or ())
        self.written.append(Touched(act, reference, version_id, promoted.patient_id, labels))
        if prepared.type_name == MEDICATION:
            self.medication_ids.add(prepared.resource_id)
        if prepared.promoted.patient_id:
            self.patient_ids.add(prepared.promoted.patient_id)
        self.codes.update(dict.fromkeys(prepared.promoted.announced_codes))


def add_new(work: UnitOfWork, batch: Sequence[Prepared], origin: Origin | None = None) -> Outcome:
    """Stores what is not there yet; counts what is there already; hands back what differs.

    With an `origin`, what is stored gets its Provenance.
    """
    outcome, changes = Outcome(), _Changes()
    for type_name, group in _by_type(batch, outcome):
        stored = _stored_versions(work.connection, type_name, [prepared.resource_id for prepared in group])
        fresh = [prepared for prepared in group if prepared.resource_id not in stored]
        inserted = _insert(work, type_name, fresh) if fresh else set()
        late = [prepared.resource_id for prepared in fresh if prepared.resource_id not in inserted]
        if late:  # another process was first
            stored |= _stored_versions(work.connection, type_name, late)
        for prepared in group:
            if prepared.resource_id in inserted:
                outcome.created[type_name] += 1
                changes.add(prepared, "create", 1)
            elif stored[prepared.resource_id].content_hash == prepared.content.content_hash:
                outcome.unchanged[type_name] += 1
            else:
                outcome.waiting.append(prepared)
    _leave_traces(work, outcome, changes, origin)
    return outcome


def replace_changed(work: UnitOfWork, batch: Sequence[Prepared], origin: Origin | None = None) -> Outcome:
    """Stores new versions of what differs from the current one; the current one goes into history.

    What somebody here has changed gives way to news alone: content that was stored before the change is none.
    """
    outcome, changes = Outcome(), _Changes()
    for type_name, group in _by_type(batch, outcome):
        ids = [prepared.resource_id for prepared in group]
        stored = _stored_versions(work.connection, type_name, ids, lock=True)
        touched = [row.id for row in stored.values() if not row.imported]
        before = _earlier_contents(work.connection, type_name, touched) if touched else set()
        changed = []
        for prepared in group:
            row = stored.get(prepared.resource_id)
            if row is not None and row.content_hash == prepared.content.content_hash:
                outcome.unchanged[type_name] += 1
            elif (prepared.resource_id, prepared.content.content_hash) in before:
                outcome.changed_here[type_name] += 1
            else:
                changed.append(prepared)
                version_id = row.version_id + 1 if row is not None else 1
                changes.add(prepared, "update" if row is not None else "create", version_id)
                if row is not None and not row.imported:
                    outcome.overwritten.append(prepared)
                if row is not None and row.patient_id:
                    changes.patient_ids.add(row.patient_id)
                changes.codes.update(dict.fromkeys((row.code_tokens if row is not None else None) or ()))
        if changed:
            _replace(work, type_name, changed, {name: row.version_id for name, row in stored.items()})
        outcome.updated[type_name] += len(changed)
    _leave_traces(work, outcome, changes, origin)
    return outcome


def _by_type(batch: Sequence[Prepared], outcome: Outcome) -> list[tuple[str, list[Prepared]]]:
    """The batch by type and id; of several copies of one resource the last one counts."""
    groups: dict[str, dict[str, Prepared]] = {}
    for prepared in sorted(batch, key=attrgetter("order")):
        group = groups.setdefault(prepared.type_name, {})
        earlier = group.get(prepared.resource_id)
        if earlier is not None:
            same = earlier.content.content_hash == prepared.content.content_hash
            (outcome.unchanged if same else outcome.superseded)[prepared.type_name] += 1
        group[prepared.resource_id] = prepared
    return [
        (type_name, [groups[type_name][one] for one in sorted(groups[type_name])])
        for type_name in sorted(groups, key=TYPE_ORDER.__getitem__)
    ]


def _leave_traces(work: UnitOfWork, outcome: Outcome, changes: _Changes, origin: Origin | None) -> None:
    """One audit row a batch, and one outbox row when anything changed: with those, too, who take a changed medicine."""
    stored = outcome.created + outcome.updated
    work.audit(
        "import",
        patient_ids=changes.patient_ids,
        detail={
            "created": dict(outcome.created),
            "updated": dict(+outcome.updated),
            "unchanged": outcome.unchanged.total(),
            "changed_here": outcome.changed_here.total(),
        },
    )
    if stored.total():
        announce(
            work.connection,
            act="import",
            resource_type=None,
            resource_id=None,
            version_id=None,
            patient_ids=sorted(
                changes.patient_ids.union(patients_prescribed(work.connection, changes.medication_ids))
            ),
            code_tokens=list(changes.codes),
            resources=[one.reference for one in changes.written],
        )
        if origin is not None:
            _prove(work, changes.written, origin)


def _prove(work: UnitOfWork, written: Sequence[Touched], origin: Origin) -> None:
    """The Provenance of a batch, one statement for all of it; a Provenance that was imported needs none."""
    told = [one for one in written if not one.reference.startswith(PROVENANCE)]
    agents = [agent("transmitter", origin.agent)]
    made = [
        prepared_provenance(body, work.site_time_zone)
        for body in provenances(told, agents, origin.entity, work.now())
    ]
    if made:
        _insert(work, PROVENANCE, made)


def _stored_versions(
    connection: Connection, type_name: str, ids: list[str], *, lock: bool = False
) -> dict[str, Any]:
    """What is stored under these ids, deletions included."""
    sql = (
        "SELECT id, version_id, content_hash, imported, patient_id, code_tokens "
        f'FROM fhir."{resource_type(type_name).table}" WHERE id = ANY(%s) ORDER BY id'
        + (" FOR UPDATE" if lock else "")
    )
    return {row.id: row for row in connection.exec_driver_sql(sql, (ids,))}


def _earlier_contents(connection: Connection, type_name: str, ids: list[str]) -> set[tuple[str, bytes]]:
    """(id, content hash) of every version of these that is no longer current."""
    history = f'fhir."{resource_type(type_name).table}_history"'
    sql = f"SELECT id, content_hash FROM {history} WHERE id = ANY(%s)"
    return {(row.id, bytes(row.content_hash)) for row in connection.exec_driver_sql(sql, (ids,))}


def _insert(work: UnitOfWork, type_name: str, group: list[Prepared]) -> set[str]:
    """Inserts first versions and returns the ids that were free."""
    staging, columns = _stage(work, type_name, group, {})
    sql = (
        f'INSERT INTO fhir."{resource_type(type_name).table}" ({columns}) SELECT {columns} FROM {staging} '
        "ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id"
    )
    driver: psycopg.Connection = work.connection.connection.driver_connection
    with driver.cursor() as cursor:
        inserted = {resource_id for (resource_id,) in cursor.execute(sql)}
    return inserted


def _replace(work: UnitOfWork, type_name: str, group: list[Prepared], versions: dict[str, int]) -> None:
    staging, columns = _stage(work, type_name, group, versions)
    table = f'fhir."{resource_type(type_name).table}"'
    history = f'fhir."{resource_type(type_name).table}_history"'
    kept = ", ".join(history_columns(type_name))
    replaced = ", ".join(f"{name} = s.{name}" for name in column_names(type_name) if name != "id")
    for sql in (
        f"INSERT INTO {history} ({kept}) SELECT {kept} FROM {table} WHERE id IN (SELECT id FROM {staging})",
        f"UPDATE {table} t SET {replaced} FROM {staging} s WHERE t.id = s.id",
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT (id) DO NOTHING",
    ):
        work.connection.exec_driver_sql(sql)


def _stage(
    work: UnitOfWork, type_name: str, group: list[Prepared], versions: dict[str, int]
) -> tuple[str, str]:
    """Copies rows into this session's staging table; gives its name and the column list.

    It is empty when a transaction begins; a TRUNCATE after every use would make a new file each time.
    """
    table = resource_type(type_name).table
    staging = f'pg_temp."import_{table}"'
    columns = ", ".join(column_names(type_name))
    work.connection.exec_driver_sql(
        f'CREATE TEMP TABLE IF NOT EXISTS "import_{table}" (LIKE fhir."{table}") ON COMMIT DELETE ROWS'
    )
    used = work.noted.setdefault(STAGED, [])
    if table in used:
        work.connection.exec_driver_sql(f"DELETE FROM {staging}")
    used.append(table)
    now = work.now()
    driver: psycopg.Connection = work.connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {staging} ({columns}) FROM STDIN") as copy:
        for block in blocks(group, versions, now):
            copy.write(block)
    return staging, columns
