"""One patient's record in a fixed order of types and ids, a page at a time, with the shared resources it refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from ehr_core.store.references import local_reference, references
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.tables import current_table
from ehr_core.store.versions import StoredResource, version_columns

if TYPE_CHECKING:
    from ehr_core.store.repository import Store

Position = tuple[str, str]
"""Type and id of the last one that was shown."""


@dataclass(frozen=True)
class Wanted:
    """As of a time; dated within start and end where a type has a date; changed since; of some types (none: of all)."""

    as_of: datetime
    start: datetime | None = None
    end: datetime | None = None
    since: datetime | None = None
    types: tuple[str, ...] = ()


def record_page(
    store: Store, patient_id: str, wanted: Wanted, behind: Position | None, limit: int
) -> tuple[list[StoredResource], list[StoredResource], Position | None]:
    """The page, the shared resources that it refers to, and where the next one begins. One audit row a page."""
    names = [name for name, row in RESOURCE_TYPES.items() if row.patient]
    found: list[StoredResource] = []
    for name in names[names.index(behind[0]) :] if behind else names:
        if len(found) > limit:
            break
        if wanted.types and name not in wanted.types:
            continue
        last_id = behind[1] if behind and behind[0] == name else None
        query = _of_type(store, name, patient_id, wanted, last_id, limit + 1 - len(found))
        found += store.rows(name, query)
    page = found[:limit]
    following = (page[-1].resource_type, page[-1].id) if len(found) > limit else None
    store.work.audit("everything", resource_type="Patient", resource_id=patient_id, patient_id=patient_id,
                     detail={"count": len(page)})  # fmt: skip
    return page, _shared(store, page, wanted), following


def _of_type(
    store: Store, name: str, patient_id: str, wanted: Wanted, last_id: str | None, limit: int
) -> Any:
    table = current_table(name)
    owner = table.c.id if name == "Patient" else table.c.patient_id
    where = [owner == patient_id, table.c.deleted.is_(False), table.c.last_updated <= wanted.as_of]
    where += store.sight.rows(name, table.c)
    if last_id is not None:
        where.append(table.c.id > last_id)
    if wanted.since is not None:
        where.append(table.c.last_updated >= wanted.since)
    if RESOURCE_TYPES[name].dates and name != "Patient":
        no_date = table.c.date_low.is_(None) & table.c.date_high.is_(None)
        if wanted.start is not None:
            open_end = table.c.date_high.is_(None)
            where.append(or_(no_date, open_end, table.c.date_high >= wanted.start))
        if wanted.end is not None:
            where.append(or_(no_date, table.c.date_low.is_(None), table.c.date_low <= wanted.end))
    return select(*version_columns(table)).where(*where).order_by(table.c.id).limit(limit)


def _shared(store: Store, page: Sequence[StoredResource], wanted: Wanted) -> list[StoredResource]:
    """Practitioners, places, medicines: what belongs to no patient and is spoken of."""
    named: dict[str, set[str]] = {}
    for resource in page:
        for reference in references(resource.body):
            type_name, _, resource_id = (local_reference(reference) or "").partition("/")
            if type_name in RESOURCE_TYPES and RESOURCE_TYPES[type_name].shared:
                named.setdefault(type_name, set()).add(resource_id)
    return [
        one
        for type_name, ids in sorted(named.items())
        if not wanted.types or type_name in wanted.types
        for one in store.read_many(type_name, sorted(ids))
    ]
