"""Moves resources from one patient's record to another's, and back: a few statements a type, however many there are.

Every resource gets a new version, in which the reference to the patient is the only change; the old one stays in
history. A merge and an un-merge are the only callers: they write the Provenance, the journal and the outbox row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.sealed_body import opened
from ehr_core.store.content import Content
from ehr_core.store.merged import ABOUT_ANY_RECORD
from ehr_core.store.references import local_reference, references, rewrite
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import RESOURCE_TYPES, resource_type
from ehr_core.store.tables import history_columns
from ehr_core.store.tokens import reference_token

RESOURCES_AT_ONCE = 1000
BYTES_AT_ONCE_TYPES = frozenset({"Binary"})
"""Types whose resources are large: few at a time."""
LARGE_AT_ONCE = 10

STAGING = (
    "CREATE TEMP TABLE IF NOT EXISTS moving "
    "(id text, version_id bigint, content_hash bytea, body text) ON COMMIT DELETE ROWS"
)
RE_POINT = """
UPDATE {table} AS t SET version_id = m.version_id, last_updated = :now, patient_id = :target, imported = false,
  content_hash = m.content_hash, body = m.body,
  reference_tokens = CASE WHEN t.reference_tokens IS NULL THEN NULL ELSE ARRAY(
    SELECT CASE WHEN right(token, length(:old)) = :old THEN left(token, -length(:old)) || :new ELSE token END
    FROM unnest(t.reference_tokens) WITH ORDINALITY AS listed (token, place) ORDER BY place) END
FROM moving AS m WHERE t.id = m.id"""


@dataclass(frozen=True)
class Moved:
    """One resource that changed its patient, and the versions on both sides of the move."""

    resource_type: str
    resource_id: str
    version_before: int
    version_after: int


@dataclass
class Returned:
    """What became of resources that were to go back.

    `restored` hold what they held before the move. `changed` were changed since: they went back with the change. One
    that was moved on and came back is unchanged: its content counts, not its version.
    `kept` stay where they are: deleted since, or about both patients.
    """

    restored: list[Moved]
    changed: list[Moved]
    kept: list[tuple[str, str]]


@dataclass(frozen=True)
class _NewVersion:
    resource_id: str
    version_before: int
    content: Content


def movable_types() -> list[str]:
    """The types of a patient's record that move with it: all but the Patient and what tells the record's history."""
    return [name for name, row in RESOURCE_TYPES.items() if row.patient and name not in ABOUT_ANY_RECORD]


def count_records(work: UnitOfWork, patient_id: str) -> dict[str, int]:
    """How many current resources of each type are in the record, in one statement; types without any are left out."""
    parts = [
        f"SELECT '{name}' AS type, count(*) AS number FROM {_table(name)} WHERE patient_id = :id AND NOT deleted"
        for name in movable_types()
    ]
    rows = work.connection.execute(text(" UNION ALL ".join(parts)), {"id": patient_id})
    return {row.type: row.number for row in rows if row.number}


def move_records(work: UnitOfWork, source: str, target: str) -> list[Moved]:
    """Everything in the record of `source`, and every other resource that is searched by a reference to it."""
    work.connection.execute(text(STAGING))
    moved: list[Moved] = []
    for name in movable_types():
        moved += _move_type(work, name, source, target)
    for name in RESOURCE_TYPES:
        if name not in ABOUT_ANY_RECORD:
            moved += _move_references(work, name, source, target)
    return moved


def move_some(
    work: UnitOfWork, source: str, target: str, chosen: Mapping[str, Collection[str]]
) -> list[Moved]:
    """The chosen resources (ids by type) of the record of `source`; one that is not there any more is left out."""
    work.connection.execute(text(STAGING))
    moved: list[Moved] = []
    for name in movable_types():
        if chosen.get(name):
            moved += _move_type(work, name, source, target, only=sorted(chosen[name]))
    return moved


def return_records(work: UnitOfWork, moved: Iterable[Moved], source: str, target: str) -> Returned:
    """Takes a move back: from `source`, where they are now, to `target`, where they were."""
    work.connection.execute(text(STAGING))
    returned = Returned([], [], [])
    by_type: dict[str, list[Moved]] = {}
    for item in moved:
        by_type.setdefault(item.resource_type, []).append(item)
    for name, items in by_type.items():
        for part in _parts(name, items):
            _return_part(work, name, part, source, target, returned)
    return returned


def _move_type(
    work: UnitOfWork, name: str, source: str, target: str, only: list[str] | None = None
) -> Iterator[Moved]:
    """In portions by id, so that a record of any size needs little memory."""
    size, after = _at_once(name), ""
    query = text(
        f"SELECT id, version_id, body FROM {_table(name)} WHERE patient_id = :source AND NOT deleted AND id > :after "
        "AND (CAST(:only AS text[]) IS NULL OR id = ANY(:only)) ORDER BY id LIMIT :size FOR NO KEY UPDATE"
    )
    while rows := work.connection.execute(
        query, {"source": source, "after": after, "only": only, "size": size}
    ).all():
        news = [_re_pointed(row, source, target) for row in rows]
        yield from _write(work, name, news, source, target)
        after = rows[-1].id


def _move_references(work: UnitOfWork, name: str, source: str, target: str) -> Iterator[Moved]:
    """What refers to the patient from outside the record: a group's member, a booking of two people. One by one."""
    tokens = [reference_token(search, _patient(source)) for search in resource_type(name).references]
    if not tokens:
        return
    query = text(
        f"SELECT id, version_id, body FROM {_table(name)} WHERE reference_tokens && :tokens AND NOT deleted ORDER BY id"
    )
    for row in work.connection.execute(query, {"tokens": tokens}).all():
        body = _with_patient(opened(row.body.encode()), source, target)
        written = Store(work).update(name, row.id, body, if_match=row.version_id)
        yield Moved(name, row.id, row.version_id, written.version_id)


def _return_part(
    work: UnitOfWork, name: str, part: Sequence[Moved], source: str, target: str, returned: Returned
) -> None:
    query = text(
        "SELECT t.id, t.version_id, t.patient_id, t.deleted, t.body, before.body AS old_body, "
        "t.version_id = wanted.after OR t.content_hash = moved.content_hash AS untouched "
        "FROM unnest(CAST(:ids AS text[]), CAST(:before AS bigint[]), CAST(:after AS bigint[])) "
        f"AS wanted (id, before, after) JOIN {_table(name)} t ON t.id = wanted.id "
        f"JOIN {_history(name)} before ON before.id = wanted.id AND before.version_id = wanted.before "
        f"LEFT JOIN {_history(name)} moved ON moved.id = wanted.id AND moved.version_id = wanted.after "
        "ORDER BY t.id FOR NO KEY UPDATE OF t"
    )
    rows = work.connection.execute(
        query,
        {
            "ids": [item.resource_id for item in part],
            "before": [item.version_before for item in part],
            "after": [item.version_after for item in part],
        },
    ).all()
    restored, changed = [], []
    for row in rows:
        outside = row.patient_id != source or _names(opened(row.old_body.encode()), source)
        if row.deleted or (outside and not row.untouched):
            returned.kept.append((name, row.id))
        elif outside:
            written = Store(work).update(name, row.id, opened(row.old_body.encode()), if_match=row.version_id)
            returned.restored.append(Moved(name, row.id, row.version_id, written.version_id))
        elif row.untouched:
            restored.append(
                _NewVersion(row.id, row.version_id, Content(opened(row.old_body.encode()), row.id))
            )
        else:
            changed.append(_re_pointed(row, source, target))
    returned.restored += _write(work, name, restored, source, target)
    returned.changed += _write(work, name, changed, source, target)


def _re_pointed(row: Row, source: str, target: str) -> _NewVersion:
    return _NewVersion(
        row.id, row.version_id, Content(_with_patient(opened(row.body.encode()), source, target), row.id)
    )


def _write(work: UnitOfWork, name: str, news: Sequence[_NewVersion], source: str, target: str) -> list[Moved]:
    """The current versions into history, the new ones in their place. The rows are locked already."""
    if not news:
        return []
    _stage(work, news)
    kept = ", ".join(history_columns(name))
    for statement in (
        f"INSERT INTO {_history(name)} ({kept}) SELECT {kept} FROM {_table(name)} WHERE id IN (SELECT id FROM moving)",
        RE_POINT.format(table=_table(name)),
        "TRUNCATE moving",
    ):
        work.connection.execute(
            text(statement),
            {
                "now": work.now(),
                "target": target,
                "old": f":{_patient(source)}",
                "new": f":{_patient(target)}",
            }
            if statement.startswith("\nUPDATE")
            else {},
        )
    return [Moved(name, new.resource_id, new.version_before, new.version_before + 1) for new in news]


def _stage(work: UnitOfWork, news: Sequence[_NewVersion]) -> None:
    driver: psycopg.Connection = work.connection.connection.driver_connection
    now = work.now()
    columns = "id, version_id, content_hash, body"
    with driver.cursor() as cursor, cursor.copy(f"COPY moving ({columns}) FROM STDIN") as copy:
        for new in news:
            version = new.version_before + 1
            body = new.content.at_version(version, now).decode()
            copy.write_row((new.resource_id, version, new.content.content_hash, body))


def _with_patient(body: bytes, source: str, target: str) -> bytes:
    """The body with every reference to one patient as one to the other; nothing else is touched."""
    old, new = _patient(source), _patient(target)
    return rewrite(body, lambda reference: new if local_reference(reference) == old else None)


def _names(body: bytes, patient_id: str) -> bool:
    return any(local_reference(reference) == _patient(patient_id) for reference in references(body))


def _patient(patient_id: str) -> str:
    return f"Patient/{patient_id}"


def _at_once(name: str) -> int:
    return LARGE_AT_ONCE if name in BYTES_AT_ONCE_TYPES else RESOURCES_AT_ONCE


def _parts(name: str, items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    size = _at_once(name)
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _table(name: str) -> str:
    return f'fhir."{resource_type(name).table}"'


def _history(name: str) -> str:
    return f'fhir."{resource_type(name).table}_history"'
