"""Prints what the audit log's chains cost: acts that leave a row, chained as they are and plain, in turns of one run.

An act is a transaction of its own, as a request is. The database writes to memory, so commits are cheap and the chain's
share is at its largest. Run: python -m tests.bench.audit_bench
"""

from __future__ import annotations

import statistics
import time

import psycopg

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from tests.lib import postgres

ACTOR = Actor("bench", "service", "Bench", (), frozenset())
ACTS, TURNS = 150, 15
LEAST = 0.8
READ = {"resource_type": "Observation", "resource_id": "o1", "patient_id": "p1", "detail": {"version": 1}}


def main() -> None:
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as admin_url,
    ):
        database = connect(postgres.app_url_of(admin_url))
        with psycopg.connect(admin_url.replace("+psycopg", ""), autocommit=True) as owner:
            for column in ("writer", "sequence", "chain"):
                owner.execute(f"ALTER TABLE audit.event ALTER COLUMN {column} DROP NOT NULL")
            acts_a_second(database)
            rates: dict[bool, list[float]] = {True: [], False: []}
            for chained in (True, False) * TURNS:
                word = "ENABLE" if chained else "DISABLE"
                owner.execute(f"ALTER TABLE audit.event {word} TRIGGER append_to_chain")
                rates[chained].append(acts_a_second(database))
        database.dispose()
    plain, chained = statistics.median(rates[False]), statistics.median(rates[True])
    print(f"audited acts, plain:   {plain:,.0f}/s")
    print(f"audited acts, chained: {chained:,.0f}/s; {chained / plain:.2f} of plain (must ≥ {LEAST})")


def acts_a_second(database: Database) -> float:
    began = time.perf_counter()
    for _ in range(ACTS):
        with begin(database, ACTOR, SystemClock(), "UTC") as work:
            work.audit("read", **READ)
    return ACTS / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
