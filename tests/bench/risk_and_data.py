"""Bench of what a night does after its measures: risk scores with care tiers, and the checks of the data.

`python -m tests.bench risk_and_data [PATIENTS ...]`. The limit of each size is one join of the observations with their
codings in the same run: neither can be had without reading them once. Cost a person must not grow with the panel.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from time import perf_counter, process_time

import duckdb

from data_contracts.code_systems import ICD_10_CM
from data_contracts.data_quality import data_checks
from data_contracts.data_requirements import own_needs
from data_contracts.tables.data_quality import DATA_QUALITY_TABLES
from data_contracts.tables.risk import RISK_TABLES
from data_contracts.workbench import workbench
from pipelines import risk
from pipelines.data_quality import checking, find_defects
from pipelines.risk import comorbidity, payment, people, prevent, prevent_inputs
from tests.bench.measures.__main__ import AS_OF, LIMIT
from tests.bench.measures.flat_population import OBSERVATIONS, draw, draw_coded, draw_observations

SIZES = (10_000, 100_000)
MEASURED = (
    ("2093-3", 3, 0.8, 130.0, 320.0, "mg/dL", ()),
    ("2085-9", 3, 0.8, 20.0, 100.0, "mg/dL", ()),
    ("8302-2", 3, 0.9, 140.0, 200.0, "cm", ()),
)
"""What PREVENT asks for beside what the other benches draw."""
INSURED = """
INSERT INTO coverage BY NAME SELECT key_id, patient_key, 'cover-' || patient_key AS resource_key, 'active' AS status,
  'Medicare' AS payer_type FROM patient WHERE birth_low < DATE '1961-01-01'"""


def drawn(patients: int) -> duckdb.DuckDBPyConnection:
    """The panel of the measures' bench, with every input of the scores and many different illnesses."""
    connection = duckdb.connect()
    draw(connection, patients)
    for number, row in enumerate(MEASURED, start=len(OBSERVATIONS) + 200):
        draw_observations(connection, patients, number, *row)
    draw_coded(connection, patients, 300, "condition", "code", f"'{ICD_10_CM.uri}'", illnesses(), 6, 0.6)
    connection.execute(INSURED)
    return connection


def illnesses() -> Sequence[str]:
    """Two thousand codes of which a payment score knows, so that few people are alike."""
    return sorted(payment.codes_that_count())[::7]


class Steps:
    """Prints what each step takes, beside the limit of its size; keeps the CPU seconds."""

    def __init__(self, limit: float):
        self.limit = limit
        self.spent: dict[str, float] = {}

    def take(self, name: str, act: Callable[[], object]) -> None:
        wall, cpu = perf_counter(), process_time()
        act()
        taken, self.spent[name] = perf_counter() - wall, process_time() - cpu
        print(
            f"{name:40} {taken:6.2f} s {self.spent[name]:7.2f} CPU s {self.spent[name] / self.limit:6.1f} x limit"
        )


def bench_risk(connection: duckdb.DuckDBPyConnection, steps: Steps) -> None:
    tables = workbench(connection)
    steps.take("risk, everything", lambda: risk.score(connection, as_of=AS_OF))
    steps.take("  people and diagnoses", lambda: people.make_people(tables, AS_OF))
    steps.take("  what PREVENT reads", lambda: prevent_inputs.make_inputs(tables, AS_OF))
    steps.take("  HCC V24 and V28", lambda: payment.hcc_scores(tables))
    steps.take("  Charlson and Elixhauser", lambda: comorbidity.comorbidity_scores(tables))
    steps.take("  PREVENT", lambda: prevent.prevent_scores(tables))


def bench_data(connection: duckdb.DuckDBPyConnection, steps: Steps) -> None:
    unread = {"Observation": (3, 1000)}

    def everything() -> None:
        find_defects(connection, own_needs(), key_id="bench", as_of=AS_OF, unreadable=unread)

    for table in DATA_QUALITY_TABLES:
        connection.execute(f"DROP TABLE IF EXISTS {table.name}")
    steps.take(f"data quality, {len(data_checks())} checks", everything)
    connection.execute(checking.DEFECTIVE)
    spent = {}
    for check in data_checks().values():
        begun = process_time()
        checking.look_at(connection, check, AS_OF)
        spent[check.id] = process_time() - begun
    for name, seconds in sorted(spent.items(), key=lambda one: -one[1])[:5]:
        print(f"  {name:38} {'':8} {seconds:7.2f} CPU s {seconds / steps.limit:6.1f} x limit")


def bench(patients: int) -> dict[str, float]:
    """CPU microseconds a person, by what was done."""
    connection = drawn(patients)
    begun = process_time()
    connection.execute(LIMIT).fetchall()
    steps = Steps(process_time() - begun)
    print(f"\n{patients:,} patients; limit, observations joined with their codings: {steps.limit:.2f} CPU s")
    bench_risk(connection, steps)
    rows = {table.name: workbench(connection).rows(table.name).num_rows for table in RISK_TABLES}
    print("  " + ", ".join(f"{count:,} {name}" for name, count in rows.items()))
    bench_data(connection, steps)
    connection.close()
    whole = {name: seconds for name, seconds in steps.spent.items() if not name.startswith(" ")}
    return {name: seconds / patients * 1e6 for name, seconds in whole.items()}


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    costs = [bench(patients) for patients in sizes]
    for name in costs[0]:
        grown = ", ".join(f"{cost[name]:.0f} us at {size:,}" for size, cost in zip(sizes, costs, strict=True))
        print(f"{name}: CPU a person {grown}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
