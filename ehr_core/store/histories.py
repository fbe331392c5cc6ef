"""The history of a resource, of a type or of everything, newest first, a page at a time.

A version never changes, so a page is a stretch of time: it ends where the last one began, and never goes past `as_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, literal, or_, select, tuple_, union_all

from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.tables import current_table, history_table
from ehr_core.store.versions import StoredResource, old_rows, stored, version_columns

if TYPE_CHECKING:
    from ehr_core.store.repository import Store

LARGEST_PAGE = 1000
Position = tuple[datetime, str, str, int]
"""When, type, id and version of the last one that was shown."""


@dataclass(frozen=True)
class Period:
    """Which versions: written since, up to and including `as_of`, or current `at` a time; behind a position."""

    as_of: datetime
    since: datetime | None = None
    at: datetime | None = None
    behind: Position | None = None


def versions_of(
    store: Store, type_names: Sequence[str], resource_id: str | None, period: Period, limit: int
) -> tuple[list[StoredResource], Position | None]:
    """A page of versions, deletions among them with an empty body, and where the next one begins."""
    parts = [
        _part(store, type_name, table, resource_id, period, limit + 1)
        for type_name in type_names
        for table in (current_table(type_name), history_table(type_name))
    ]
    every = union_all(*parts).subquery()
    order = (every.c.last_updated.desc(), every.c.type, every.c.id, every.c.version_id.desc())
    rows = list(store.connection.execute(select(every).order_by(*order).limit(limit + 1)))
    page = [stored(row.type, row) for row in rows[:limit]]
    last = page[-1] if len(rows) > limit and page else None
    position = (last.last_updated, last.resource_type, last.id, last.version_id) if last else None
    patients = [version.patient_id for version in page if version.patient_id]
    store.work.audit(
        "history",
        resource_type=type_names[0] if len(type_names) == 1 else None,
        resource_id=resource_id,
        patient_ids=patients,
        detail={"count": len(page)},
    )
    return page, position


def every_type() -> list[str]:
    return list(RESOURCE_TYPES)


def _part(
    store: Store, type_name: str, table: Any, resource_id: str | None, period: Period, limit: int
) -> Select:
    columns = table.c
    is_old = table is history_table(type_name)
    seen = old_rows(type_name, store.sight) if is_old else store.sight.rows(type_name, columns)
    where = [columns.last_updated <= period.as_of, *seen]
    if resource_id is not None:
        where.append(columns.id == resource_id)
    if period.since is not None:
        where.append(columns.last_updated >= period.since)
    if period.at is not None:
        where.append(_current_at(type_name, table, period.at))
    if period.behind is not None:
        when, named, named_id, version = period.behind
        place = tuple_(literal(type_name), columns.id)
        same = tuple_(literal(named), literal(named_id))
        where.append(
            or_(
                columns.last_updated < when,
                and_(
                    columns.last_updated == when,
                    or_(place > same, and_(place == same, columns.version_id < version)),
                ),
            )
        )
    query = select(literal(type_name).label("type"), *version_columns(table)).where(*where)
    order = (columns.last_updated.desc(), columns.id, columns.version_id.desc())
    return select(query.order_by(*order).limit(limit).subquery())


def _current_at(type_name: str, table: Any, at: datetime) -> Any:
    """Written by then, and not replaced by then."""
    others = [current_table(type_name).alias(), history_table(type_name).alias()]
    later = [
        select(literal(1))
        .where(other.c.id == table.c.id, other.c.version_id > table.c.version_id, other.c.last_updated <= at)
        .exists()
        for other in others
    ]
    return and_(table.c.last_updated <= at, ~or_(*later))
