"""Promotes again what stored resources are searched by, after an update taught the store more. No version changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, bindparam, select, update

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.sealed_body import opened
from ehr_core.store.binary_context import BINARY
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.promote import COLUMN_NAMES, promote
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_facts import SearchFact
from ehr_core.store.tables import current_table
from ehr_core.store.validation import validate

AT_ONCE = 500


def reindex(
    database: Database,
    actor: Actor,
    *,
    site_time_zone: str,
    report: Callable[[str, int], None] = lambda type_name, done: None,
) -> int:
    """Indexes every row; how many there were. A resource that today's rules would refuse keeps its old columns."""
    done = 0
    for type_name in RESOURCE_TYPES:
        with begin(database, actor, SystemClock(), site_time_zone) as work:
            ids = _stored(work.connection, type_name)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            with begin(database, actor, SystemClock(), site_time_zone) as work:
                index_rows(work, type_name, some)
            done += len(some)
            report(type_name, done)
    with begin(database, actor, SystemClock(), site_time_zone) as work:
        work.audit("reindex", detail={"count": done})
    return done


def _stored(connection: Connection, type_name: str) -> list[str]:
    table = current_table(type_name)
    query = select(table.c.id).where(table.c.deleted.is_(False)).order_by(table.c.id)
    return list(connection.execute(query).scalars())


def index_rows(work: UnitOfWork, type_name: str, ids: Sequence[str]) -> None:
    """Promotes these rows again, by the guides in force."""
    table = current_table(type_name)
    query = select(table.c.id, table.c.body).where(table.c.id.in_(ids)).with_for_update()
    more = guides_in(work.connection, writing=True).searches.get(type_name, ())
    rows = list(_promoted(type_name, work.connection.execute(query), work.site_time_zone, more))
    if rows:
        work.connection.execute(update(table).where(table.c.id == bindparam("this_id")), rows)


def _promoted(type_name: str, rows: Iterator, time_zone: str, more: tuple[SearchFact, ...]) -> Iterator[dict]:
    for row in rows:
        try:
            resource = validate(type_name, opened(row.body.encode()))
        except BadRequest:
            continue
        columns = promote(type_name, resource, row.id, time_zone, more).columns()
        kept = {"patient_id"} | ({"sensitivity"} if type_name == BINARY else set())
        yield {"this_id": row.id} | {name: columns[name] for name in COLUMN_NAMES if name not in kept}
