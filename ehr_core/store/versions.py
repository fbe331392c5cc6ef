"""Versions of one resource in the database: the current row, and the history rows that it leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    bindparam,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, psycopg
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.exc import IntegrityError, ProgrammingError

from ehr_core.kernel.errors import Forbidden, StaleVersion, TimeTaken
from ehr_core.kernel.sealed_body import opened
from ehr_core.store.content import HASH_BYTES
from ehr_core.store.promote import COLUMN_NAMES
from ehr_core.store.tables import (
    CURRENT_COLUMNS,
    VERSION_COLUMNS,
    current_table,
    history_columns,
    history_table,
)
from ehr_core.store.visible import Sight

ROW_SECURITY_VIOLATION = "42501"
EXCLUSION_VIOLATION = "23P01"
NO_CONTENT = bytes(HASH_BYTES)
"""Content hash of a deleted version: no content has it in practice, so whatever comes next is a change."""


@dataclass(frozen=True)
class StoredResource:
    """One version. `body` is one line of JSON with id and meta set; empty when this version is the deletion."""

    resource_type: str
    id: str
    version_id: int
    last_updated: datetime
    deleted: bool
    body: bytes
    patient_id: str | None

    @property
    def reference(self) -> str:
        return f"{self.resource_type}/{self.id}"

    @property
    def etag(self) -> str:
        return f'W/"{self.version_id}"'


def stored(type_name: str, row: Row) -> StoredResource:
    return StoredResource(
        resource_type=type_name,
        id=row.id,
        version_id=row.version_id,
        last_updated=row.last_updated,
        deleted=row.deleted,
        body=opened(row.body.encode()),
        patient_id=row.patient_id,
    )


def as_stored(type_name: str, values: dict[str, Any]) -> StoredResource:
    return StoredResource(
        resource_type=type_name,
        id=values["id"],
        version_id=values["version_id"],
        last_updated=values["last_updated"],
        deleted=False,
        body=opened(values["body"].encode()),
        patient_id=values["patient_id"],
    )


VERSION = re.compile(r"[0-9]{1,18}")


def version_number(text: str) -> int | None:
    """A version as it stands in an address or an ETag; None for what is none."""
    return int(text) if VERSION.fullmatch(text) else None


ANY_VERSION = -1
"""`If-Match: *`: whichever version it is, there has to be one. Source: RFC 9110, 13.1.1."""


def check_version(row: Row | StoredResource | None, if_match: int | None) -> None:
    """Raises StaleVersion when the caller's version is not the current one, or when any would do and none is there."""
    if if_match == ANY_VERSION:
        if row is None or row.deleted:
            raise StaleVersion("There is no version here to change. Leave If-Match out to create it.")
    elif if_match is not None and (row is None or row.version_id != if_match):
        raise StaleVersion("Somebody else saved a newer version. Read it again, then make your change.")


def version_columns(table: Any) -> list[Any]:
    return [table.c[name] for name in VERSION_COLUMNS]


def current_version(
    connection: Connection, type_name: str, resource_id: str, *, lock: bool, sight: Sight | None = None
) -> Row | None:
    """The current row (a deletion too), or None. `lock` keeps others from changing it until this commits.

    `sight`: only if the policy opens the row to that actor. The lock lets others hold a patient's record against a
    merge (see merged.py): an id never changes.
    """
    columns = current_table(type_name).c
    seen = sight.rows(type_name, columns) if sight is not None else ()
    if sight is not None and (sight.actor.application is not None or "context" in columns):
        return connection.execute(_by_id(type_name, lock, seen), {"this_id": resource_id}).one_or_none()
    return connection.exec_driver_sql(
        _words_by_id(type_name, lock, *seen), {"this_id": resource_id}
    ).one_or_none()


@lru_cache(1024)
def _words_by_id(type_name: str, lock: bool, *seen: ColumnElement[bool]) -> str:
    """As the driver takes it, put together once: the conditions are the same ones for everybody but applications."""
    return str(_by_id(type_name, lock, seen).compile(dialect=psycopg.dialect()))


def _by_id(type_name: str, lock: bool, seen: Sequence[ColumnElement[bool]]) -> Select:
    table = current_table(type_name)
    query = select(*version_columns(table)).where(table.c.id == bindparam("this_id"), *seen)
    return query.with_for_update(key_share=True) if lock else query


def old_rows(type_name: str, sight: Sight) -> list[ColumnElement[bool]]:
    """The conditions on old versions: each as it was, and of what this actor sees as it is now. A label that was put on
    later keeps back what was written before, too."""
    current, history = current_table(type_name), history_table(type_name)
    seen = sight.rows(type_name, history.c)
    if not seen:
        return seen
    return [*seen, exists().where(current.c.id == history.c.id, *sight.rows(type_name, current.c))]


def old_versions(connection: Connection, type_name: str, resource_id: str, sight: Sight) -> list[Row]:
    """The versions that are no longer current, newest first."""
    table = history_table(type_name)
    where = [table.c.id == resource_id, *old_rows(type_name, sight)]
    return list(connection.execute(select(table).where(*where).order_by(table.c.version_id.desc())))


def old_version(
    connection: Connection, type_name: str, resource_id: str, version_id: int, sight: Sight
) -> Row | None:
    table = history_table(type_name)
    this = [table.c.id == resource_id, table.c.version_id == version_id]
    query = select(table).where(*this, *old_rows(type_name, sight))
    return connection.execute(query).one_or_none()


def add_first_version(connection: Connection, type_name: str, values: dict[str, Any]) -> bool:
    """Inserts a new resource; False when its id is taken, even by a row that this actor cannot see."""
    counted = {"preserve_rowcount": True}
    with refusals_of_the_database():
        done = connection.execute(_insert_new(type_name), values, execution_options=counted)
    return done.rowcount == 1


@cache
def _insert_new(type_name: str) -> Insert:
    return insert_or(current_table(type_name)).on_conflict_do_nothing(index_elements=["id"])


def replace_version(connection: Connection, type_name: str, resource_id: str, values: dict[str, Any]) -> None:
    """Moves the current row into history and puts `values` in its place. The row is locked already."""
    keep, replace = _replacing(type_name)
    with refusals_of_the_database():
        connection.execute(keep, {"this_id": resource_id})
        connection.execute(replace, {"this_id": resource_id} | values)


@cache
def _replacing(type_name: str) -> tuple[Insert, Update]:
    """Statements that keep the current row of `this_id` in history, and that write over it."""
    current, history = current_table(type_name), history_table(type_name)
    this = current.c.id == bindparam("this_id")
    names = history_columns(type_name)
    kept = select(*(current.c[name] for name in names)).where(this)
    return insert(history).from_select(names, kept), update(current).where(this)


def deletion_values(type_name: str, version_id: int, at: datetime) -> dict[str, Any]:
    """The columns of a deleted version: whose it was and its labels stay, for exports and for whoever asks for what was
    there before; all else goes."""
    emptied = {name: None for name in COLUMN_NAMES if name not in ("patient_id", "sensitivity")}
    extra = {column.name: None for column in current_table(type_name).c if column.name not in CURRENT_COLUMNS}
    return (
        emptied
        | extra
        | {
            "version_id": version_id,
            "last_updated": at,
            "deleted": True,
            "imported": False,
            "content_hash": NO_CONTENT,
            "body": "",
        }
    )


@contextmanager
def refusals_of_the_database() -> Iterator[None]:
    """What the database itself refuses is an answer and no server's error: another's row, a time that is taken."""
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != ROW_SECURITY_VIOLATION:
            raise
        raise Forbidden("This record is not yours to change.") from error
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != EXCLUSION_VIOLATION:
            raise
        raise TimeTaken("This time is taken.", actor=error.orig.diag.message_detail) from error
