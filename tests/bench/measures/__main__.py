"""Bench of recommendations, measures and gaps: a large panel, and the instant path of a few patients.

`python -m tests.bench.measures [patients]`. The limit of a run is one aggregation over the same coding tables: no
definition can be judged without reading them once.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from datetime import date
from statistics import median
from time import perf_counter, process_time

import duckdb

from data_contracts.guidelines import definitions
from data_contracts.guidelines.facts import gather_facts
from data_contracts.tables.flat import FLAT_TABLES
from pipelines import gaps, measures, recommendations
from pipelines.write_back import derive_strata
from tests.bench.measures.flat_population import draw

AS_OF = date(2026, 6, 15)
LIMIT = """
SELECT count(*), count(DISTINCT c.code), count(DISTINCT o.patient_key)
FROM observation o JOIN observation_coding c ON c.resource_key = o.resource_key AND c.element = 'code'
"""


def seconds(act: Callable[[], object], times: int = 1, clock: Callable[[], float] = perf_counter) -> float:
    """The median time of an act, on the wall or (process_time) of the processors."""
    taken = []
    for _ in range(times):
        begun = clock()
        act()
        taken.append(clock() - begun)
    return median(taken)


def bench_panel(connection: duckdb.DuckDBPyConnection, patients: int) -> None:
    """All topics over the whole panel, each step apart."""
    rows = patients * len(definitions())
    resources = connection.execute(
        " + ".join(
            f"SELECT (SELECT count(*) FROM {t.name})" if n == 0 else f"(SELECT count(*) FROM {t.name})"
            for n, t in enumerate(t for t in FLAT_TABLES if "resource_key" in t.key)
        )
    ).fetchone()[0]
    print(f"{patients:,} patients, {resources:,} resources, {len(definitions())} topics")
    limit = seconds(lambda: connection.execute(LIMIT).fetchall(), 3)
    print(f"limit: join observations with their codings once   {limit:6.2f} s")
    total = 0.0
    facts = None

    def step(name: str, act: Callable[[], object]) -> None:
        nonlocal total
        begun = process_time()
        taken = seconds(act)
        spent = process_time() - begun
        total += taken
        print(
            f"{name:50} {taken:6.2f} s  {spent:6.2f} CPU s  {taken / limit:6.1f} x limit"
            f"  {taken / rows * 1e6:6.2f} us a patient-topic"
        )

    def gather() -> None:
        nonlocal facts
        facts = gather_facts(connection)

    step("gather facts", gather)
    step("recommendations", lambda: recommendations.evaluate(connection, as_of=AS_OF, facts=facts))
    step("gaps", lambda: gaps.derive(connection, as_of=AS_OF))
    step("measures", lambda: measures.evaluate(connection, as_of=AS_OF, facts=facts))
    step("strata", lambda: derive_strata(connection, as_of=AS_OF))
    print(
        f"all together {total:.2f} s; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def bench_instant(
    connection: duckdb.DuckDBPyConnection, batch: int, only: list[str] | None, times: int = 15
) -> None:
    """One micro-batch in memory, as the re-measure worker does it."""
    small = duckdb.connect(config={"threads": 1})
    for table in FLAT_TABLES:
        chosen = connection.sql(
            f"SELECT * FROM {table.name} WHERE patient_key < 'p{batch:07d}'"
        ).to_arrow_table()
        small.register("chosen", chosen)
        small.execute(table.duckdb_ddl())
        small.execute(f"INSERT INTO {table.name} SELECT * FROM chosen")
    topics = None if only is None else frozenset(only)
    measure = {
        "gather": lambda: gather_facts(small, topics),
        "recommend": lambda: recommendations.evaluate(small, as_of=AS_OF, only=only, facts=gathered),
        "gaps": lambda: gaps.derive(small, as_of=AS_OF),
        "measure": lambda: measures.evaluate(small, as_of=AS_OF, only=only, facts=gathered),
    }
    gathered = gather_facts(small, topics)
    taken = {name: seconds(act, times) * 1000 for name, act in measure.items()}
    busy = sum(seconds(act, times, process_time) for act in measure.values()) * 1000
    parts = "  ".join(f"{name} {spent:5.1f}" for name, spent in taken.items())
    named = "all topics" if only is None else ", ".join(only)
    print(
        f"instant, {batch:3} patients, {named}: {sum(taken.values()):6.1f} ms wall, {busy:6.1f} ms CPU  ({parts})"
    )


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    connection = duckdb.connect()
    draw(connection, patients)
    bench_panel(connection, patients)
    for batch in (1, 20, 100):
        bench_instant(connection, batch, None)
    bench_instant(connection, 1, ["glycemic_control"])


if __name__ == "__main__":
    main()
