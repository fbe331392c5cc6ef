"""Fills the columns of what was stored before a package's search parameter came; until then it has no answer.

Any process may do it, one at a time: the API does in the background, `almoner profiles import` while it waits. Progress
is in the database, and a stop loses nothing but the type that was under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import select, text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.store.guides.importing import GROWN, ONE_AT_A_TIME
from ehr_core.store.reindexing import AT_ONCE, index_rows
from ehr_core.store.tables import current_table

INDEXER = Actor("service:guide-indexer", "service", "Search indexer", (), frozenset({"fhir.write"}))
ONE_INDEXER = 0x67756964
"""An advisory lock: one process indexes at a time."""
SETTLING_SECONDS, LOOK_EVERY_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 0.1, 600.0
WAITING_TYPES = text(
    "SELECT resource_type, max(since) AS since FROM guide.search WHERE NOT indexed GROUP BY 1 ORDER BY 1"
)
LATEST = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
IS_PAST = text("SELECT pg_snapshot_xmin(pg_current_snapshot()) >= CAST(:latest AS xid8)")
PROGRESS = text(
    "UPDATE guide.search SET done = :done, total = :total "
    "WHERE resource_type = :type AND since <= :since AND NOT indexed"
)
READY = text(
    "UPDATE guide.search SET indexed = true WHERE resource_type = :type AND since <= :since AND NOT indexed"
)
Report = Callable[[str, int, int], None]
"""Type, rows done and rows in all."""


class Indexer:
    """Goes through the stored resources of the types that wait."""

    def __init__(self, database: Database, clock: Clock, time_zone: str, actor: Actor = INDEXER):
        self.database = database
        self.clock = clock
        self.time_zone = time_zone
        self.actor = actor

    def is_wanted(self) -> bool:
        with self._work() as work:
            return bool(work.connection.execute(WAITING_TYPES).first())

    def run(
        self,
        report: Report = lambda type_name, done, total: None,
        *,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Indexes every type that waits; False when another process is at it, or it was stopped."""
        with self.database.engine.connect() as holder:
            if not holder.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": ONE_INDEXER}).scalar():
                return False
            holder.commit()
            try:
                while (waiting := self._waiting()) is not None:
                    if not self._index(*waiting, report, stop):
                        return False
            finally:
                holder.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ONE_INDEXER})
                holder.commit()
        return True

    def _waiting(self) -> tuple[str, int] | None:
        with self._work() as work:
            row = work.connection.execute(WAITING_TYPES).first()
        return None if row is None else (row.resource_type, row.since)

    def _index(self, type_name: str, since: int, report: Report, stop: Callable[[], bool]) -> bool:
        if not self._earlier_writers_are_done(stop):
            return False
        with self._work() as work:
            table = current_table(type_name)
            query = select(table.c.id).where(table.c.deleted.is_(False)).order_by(table.c.id)
            ids = list(work.connection.execute(query).scalars())
        told = {"type": type_name, "since": since, "total": len(ids)}
        for start in range(0, len(ids), AT_ONCE):
            if stop():
                return False
            with self._work() as work:
                index_rows(work, type_name, ids[start : start + AT_ONCE])
                work.connection.execute(PROGRESS, told | {"done": min(start + AT_ONCE, len(ids))})
            report(type_name, min(start + AT_ONCE, len(ids)), len(ids))
        with self._work() as work:
            work.connection.execute(ONE_AT_A_TIME)
            work.connection.execute(READY, told)
            work.connection.execute(GROWN)
            work.audit("search_indexed", resource_type=type_name, detail={"count": len(ids)})
        return True

    def _earlier_writers_are_done(self, stop: Callable[[], bool]) -> bool:
        """Waits for every transaction that may have read the guides before the parameter came.

        Whoever reads them to write has a transaction number from that moment on (see shelf.py).
        """
        time.sleep(SETTLING_SECONDS)
        with self._work() as work:
            latest = work.connection.execute(LATEST).scalar_one()
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < until and not stop():
            with self._work() as work:
                if work.connection.execute(IS_PAST, {"latest": latest}).scalar_one():
                    return True
            time.sleep(LOOK_EVERY_SECONDS)
        return False

    @contextmanager
    def _work(self) -> Iterator[UnitOfWork]:
        with begin(self.database, self.actor, self.clock, self.time_zone) as work:
            yield work
