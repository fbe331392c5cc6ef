"""What the policy costs a nurse with a panel: the store's own statements behind both walls, against none.

Both sides send the same searches in turns, each in transactions of the store; the side without walls connects as the
server's owner, whom row-level security does not bind, and asks as a service, for whom the query carries no condition.
Run: python -m tests.bench.api.row_security [patients] [rounds]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import psycopg
from sqlalchemy import Select, select

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.store.repository import Store
from ehr_core.store.search import Asked
from ehr_core.store.tables import current_table
from ehr_core.store.versions import version_columns
from tests.bench.api.door import ZONE, databases, load, plain_url
from tests.bench.api.people import PANEL, Line, records, result
from tests.lib import postgres

LEAST = 0.65
RESULTS = 40
"""Of each patient of the panel, beside the four that everybody has: a page of a search holds fifty."""
STATEMENTS = 25
FIRST = PANEL
"""The panel is the second practitioner's."""
READS = frozenset({"fhir.read"})
NURSE = Actor("nurse", "user", "Nurse", ("nurse",), READS, practitioner_id="d1", chart_reach="panel")
NOBODY_IN_THE_WAY = Actor("bench", "service", "Bench", (), READS)
ACCOUNT = """
INSERT INTO access.account (id, username, display_name, password_hash, roles, practitioner_id, created_at,
  password_changed_at) VALUES ('nurse', 'nurse', 'Nurse', 'x', '{nurse}', 'd1', now(), now())
"""


@dataclass(frozen=True)
class Side:
    database: Database
    actor: Actor

    def timed(self, kind: str, number: int) -> tuple[float, float]:
        """Seconds of one statement, and of a transaction with one statement, on average of STATEMENTS."""
        patients = [f"p{FIRST + (number * STATEMENTS + place) % PANEL}" for place in range(STATEMENTS)]
        with self._work() as work:
            queries = [QUERIES[kind](work, patient) for patient in patients]
            began = time.perf_counter()
            for query in queries:
                work.connection.execute(query).all()
            alone = time.perf_counter() - began
        began = time.perf_counter()
        for query in queries:
            with self._work() as work:
                work.connection.execute(query).all()
        return alone / STATEMENTS, (time.perf_counter() - began) / STATEMENTS

    def _work(self):
        return begin(self.database, self.actor, SystemClock(), ZONE)


def search(work: UnitOfWork, patient: str) -> Select:
    asking = Store(work).asking()
    return Asked.of("Observation", [("patient", patient)], asking, limit=50).page()


def read(work: UnitOfWork, patient: str) -> Select:
    table = current_table("Observation")
    rows = Store(work).sight.rows("Observation", table.c)
    return select(*version_columns(table)).where(table.c.id == f"{patient}-o1", *rows)


QUERIES = {"patient search": search, "read by id": read}


def people(patients: int) -> Iterator[Line]:
    panel = range(FIRST, FIRST + PANEL)
    more = (("Observation", result(number, place)) for number in panel for place in range(10, 10 + RESULTS))
    return chain(records(0, patients), more)


def main(patients: int = 5_000, rounds: int = 40) -> int:
    """The exit code: 1 when a search behind both walls reaches less of one without any than it must."""
    with databases(1) as (admin_url,):
        load(admin_url, people(max(patients, FIRST + PANEL)))
        with psycopg.connect(plain_url(admin_url), autocommit=True) as connection:
            connection.execute(ACCOUNT)
        walls = Side(connect(postgres.app_url_of(admin_url)), NURSE)
        none = Side(connect(admin_url), NOBODY_IN_THE_WAY)
        try:
            kept = [compared(kind, walls, none, rounds) for kind in QUERIES]
        finally:
            walls.database.dispose()
            none.database.dispose()
        return 0 if all(kept) else 1


def compared(kind: str, walls: Side, none: Side, rounds: int) -> bool:
    """Whether the promise is kept. A round is a pair, and the figure is the middle one of the rounds' ratios."""
    for side in (walls, none):
        side.timed(kind, 0)
    pairs = []
    for number in range(rounds):
        first, second = (walls, none) if number % 2 else (none, walls)
        taken = {id(side): side.timed(kind, number) for side in (first, second)}
        pairs.append((taken[id(none)], taken[id(walls)]))
    alone, whole = (
        statistics.median(bare[place] / walled[place] for bare, walled in pairs) for place in (0, 1)
    )
    bare, walled = (statistics.median(pair[place][0] for pair in pairs) * 1e6 for place in (0, 1))
    print(
        f"{kind:15} without walls {bare:5.0f} µs, behind both {walled:5.0f} µs: {alone:.2f} of none "
        f"(must ≥ {LEAST}); as whole transactions {whole:.2f}",
        flush=True,
    )
    return alone >= LEAST


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:3])))
