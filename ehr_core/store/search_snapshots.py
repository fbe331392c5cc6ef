"""What a search found when it was asked, kept for an hour, so that its pages hold together while others write.

What was asked is encrypted, as it may hold somebody's number. The first ids are kept at once; a search that finds more
gets its next part when a reader comes that far, without what earlier parts hold and without what was written since.
What the reader may see is asked again at each page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Text, column, select, text

from ehr_core.kernel.errors import Gone
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.vault import vault
from ehr_core.store.search import Asked
from ehr_core.store.search_parameters import Search
from ehr_core.store.tables import current_table
from ehr_core.store.versions import StoredResource, stored, version_columns

KEPT_FOR = timedelta(hours=1)
FIRST_PART, PART = 500, 5000
"""Ids that are kept at once, first and later: more is seldom read, and a page must not cost what the whole costs."""

FORGET = text("DELETE FROM core.search_snapshot WHERE expires_at < :now")
KEEP = text(
    "INSERT INTO core.search_snapshot (id, actor_id, resource_type, as_of, expires_at, criteria, total) "
    "VALUES (:id, current_setting('almoner.actor'), :type, :now, :end, to_jsonb(CAST(:criteria AS text)), :total)"
)
KEEP_PART = text("INSERT INTO core.search_snapshot_part (snapshot_id, part, ids) VALUES (:id, :part, :ids)")
FIND = text(
    "SELECT resource_type, as_of, criteria, total FROM core.search_snapshot WHERE id = :id AND expires_at >= :now"
)
SLICE = text(
    "SELECT ids[(:first) : (:last)] AS ids FROM core.search_snapshot_part WHERE snapshot_id = :id AND part = :part"
)
EARLIER = text("SELECT unnest(ids) AS id FROM core.search_snapshot_part WHERE snapshot_id = :id")


@dataclass(frozen=True)
class Snapshot:
    """A search as it was asked; `criteria` and `rest` (what shapes the answer) are as they were sent."""

    id: str
    resource_type: str
    as_of: datetime
    criteria: list[tuple[str, str]]
    rest: list[tuple[str, str]]
    total: int | None


def keep(
    connection: Connection,
    asked: Asked,
    first_page: Sequence[StoredResource],
    criteria: Sequence[tuple[str, str]],
    rest: Sequence[tuple[str, str]],
    now: datetime,
) -> Snapshot:
    """Keeps what the search finds, the first page's resources in front.

    Where there is more than the first part, all is counted only for who asked for a total.
    """
    shown = [resource.id for resource in first_page]
    most = max(FIRST_PART, len(shown) + 1)
    others = connection.execute(asked.ids(most)).scalars()
    ids = [*shown, *(found for found in others if found not in set(shown))]
    total: int | None = None
    if asked.counting and len(ids) < most:
        total = len(ids)
    elif asked.exact:
        total = asked.count(connection)
    snapshot = Snapshot(new_id(), asked.type_name, now, list(criteria), list(rest), total)
    connection.execute(FORGET, {"now": now})
    row = {"id": snapshot.id, "type": asked.type_name, "now": now, "end": now + KEPT_FOR, "total": total}
    asked_for = msgspec.json.encode({"criteria": list(criteria), "rest": list(rest)})
    sealed = vault().seal(asked_for, _place(snapshot.id))
    connection.execute(KEEP, row | {"criteria": sealed})
    connection.execute(KEEP_PART, {"id": snapshot.id, "part": 0, "ids": ids[:FIRST_PART]})
    return snapshot


def find_snapshot(connection: Connection, snapshot_id: str, now: datetime) -> Snapshot:
    """Raises Gone when it was another's, or its hour is over."""
    row = connection.execute(FIND, {"id": snapshot_id, "now": now}).one_or_none()
    if row is None:
        raise Gone("The pages of this search are no longer kept. Start the search again.")
    kept = msgspec.json.decode(vault().open(row.criteria, _place(snapshot_id)))
    pairs = {name: [(key, value) for key, value in kept[name]] for name in ("criteria", "rest")}
    return Snapshot(snapshot_id, row.resource_type, row.as_of, pairs["criteria"], pairs["rest"], row.total)


def _place(snapshot_id: str) -> str:
    return f"core.search_snapshot.criteria/{snapshot_id}"


def page_of(
    connection: Connection, snapshot: Snapshot, search: Search, offset: int, limit: int
) -> tuple[list[StoredResource], bool]:
    """The page that begins at `offset`, and whether another follows. What is deleted or hidden by now is left out."""
    ids = _ids(connection, snapshot, search, offset, limit + 1)
    table = current_table(snapshot.resource_type)
    seen = search.sight.rows(snapshot.resource_type, table.c)
    query = select(*version_columns(table)).where(
        table.c.id.in_(ids[:limit]), table.c.deleted.is_(False), *seen
    )
    found = {row.id: stored(snapshot.resource_type, row) for row in connection.execute(query)}
    return [found[one] for one in ids[:limit] if one in found], len(ids) > limit


def _ids(connection: Connection, snapshot: Snapshot, search: Search, offset: int, number: int) -> list[str]:
    ids: list[str] = []
    while len(ids) < number:
        part, place, size = _part(offset + len(ids))
        wanted = {"first": place + 1, "last": min(size, place + number - len(ids))}
        found = connection.execute(SLICE, {"id": snapshot.id, "part": part} | wanted).scalar_one_or_none()
        if found is None:
            if not part or not _add_part(connection, snapshot, search, part):
                return ids
            continue
        ids += found
        if len(found) < wanted["last"] - place:
            return ids
    return ids


def _part(offset: int) -> tuple[int, int, int]:
    """The part that holds this place, the place within it, and how many it can hold."""
    if offset < FIRST_PART:
        return 0, offset, FIRST_PART
    later, place = divmod(offset - FIRST_PART, PART)
    return later + 1, place, PART


def _add_part(connection: Connection, snapshot: Snapshot, search: Search, part: int) -> bool:
    """Finds what no earlier part holds, as far as nobody has written it since; False when there is nothing."""
    asked = Asked.of(snapshot.resource_type, snapshot.criteria, search, limit=PART)
    asked.plan_by_value(connection)
    table: Any = current_table(snapshot.resource_type)
    earlier = EARLIER.columns(column("id", Text)).bindparams(id=snapshot.id).subquery()
    query = (
        asked.ids(PART)
        .where(table.c.last_updated <= snapshot.as_of)
        .where(table.c.id.not_in(select(earlier.c.id)))
    )
    ids = list(connection.execute(query).scalars())
    if ids:
        connection.execute(KEEP_PART, {"id": snapshot.id, "part": part, "ids": ids})
    return bool(ids)
