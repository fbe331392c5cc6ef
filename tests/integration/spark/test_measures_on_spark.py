"""Measures on Spark say, row for row, what they say on one machine: our own and the official ones."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.guidelines import definitions
from data_contracts.guidelines.facts import gather_facts
from pipelines import measures, recommendations
from pipelines.flatten.parquet import write_parquet
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import read_package
from pipelines.measures.spark.official import official_results
from pipelines.measures.spark.workbench import SparkWorkbench
from pipelines.run.official_measures import Period, evaluate
from pipelines.run.on_spark import RESULTS, evaluate_own
from tests.bench.measures.flat_population import draw
from tests.lib.official_people import OfficialPeople
from tests.lib.shared_data import shared_data

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

AS_OF = datetime(2026, 6, 15)
YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
OFFICIAL = ("CMS122", "CMS125", "CMS130", "CMS165", "CMS349", "CMS951", "CMS104", "CMS1028")
"""Measures of patients and of encounters, with look-backs, last results, medicines, places and claims."""
LITTLE = 12
"""Resources of a chart beside its story: with more of them, few stories would still end in a numerator."""


def rows(table: pa.Table) -> list[tuple]:
    """All columns of all rows, in an order that does not depend on who made them."""
    return sorted(
        map(str, zip(*(table[name].to_pylist() for name in sorted(table.column_names)), strict=True))
    )


def test_our_own_measures_and_recommendations_agree_row_for_row(spark, tmp_path):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    draw(connection, 400)
    write_parquet(connection, tmp_path)
    facts = gather_facts(connection)
    measures.evaluate(connection, as_of=AS_OF.date(), facts=facts)
    recommendations.evaluate(connection, as_of=AS_OF.date(), facts=facts)
    workbench = evaluate_own(spark, str(tmp_path), str(tmp_path / "made"), AS_OF)
    for contract in RESULTS:
        here = connection.sql(f"SELECT * FROM {contract.name}").to_arrow_table()
        there = workbench.rows(contract.name)
        assert there.column_names == here.column_names == contract.column_names
        assert rows(there) == rows(here)
    members = connection.sql("SELECT DISTINCT measure_id FROM measure_results WHERE denominator").fetchall()
    assert {name for (name,) in members} == set(definitions())
    assert connection.sql("SELECT count(*) FROM measure_results WHERE numerator").fetchall()[0][0] > 300


def test_official_measures_agree_row_for_row(spark, tmp_path):
    package = shared_data("ecqm")
    people = OfficialPeople(Engine(read_package(package)), package, OFFICIAL, background=LITTLE)
    resources = tmp_path / "in"
    resources.mkdir()
    people.write(700, resources)
    nobodys = {"resourceType": "Condition", "id": "x", "subject": {"reference": "Patient/nobody"}}
    with (resources / "Condition.ndjson").open("ab") as file:
        file.write(orjson.dumps(nobodys) + b"\n")
    evaluate(package, resources, YEAR, tmp_path / "out", only=OFFICIAL)
    here = pq.read_table(tmp_path / "out" / "measure_results.parquet")
    there = official_results(spark, package, resources, YEAR, only=OFFICIAL, partitions=3).toArrow()
    assert there.column_names == here.column_names
    assert rows(there) == rows(here)
    reached = here.filter(here["numerator"])["measure_id"].to_pylist()
    assert {name.partition("#")[0] for name in reached} == {
        people.package.measure(one)["name"] for one in OFFICIAL
    }


def test_a_type_without_any_file_is_a_type_without_resources(spark, tmp_path):
    package = shared_data("ecqm")
    patient = {"resourceType": "Patient", "id": "a", "birthDate": "1960-05-05"}
    (tmp_path / "Patient.ndjson").write_bytes(orjson.dumps(patient) + b"\n")
    found = official_results(spark, package, tmp_path, YEAR, only=("CMS122",), partitions=2).toArrow()
    assert found["patient_key"].to_pylist() == ["a"]
    assert found["denominator"].to_pylist() == [False]


def test_months_end_on_the_same_days_in_both(spark, tmp_path):
    select = "SELECT d, n, CAST(d + to_months(n) AS DATE) AS later, CAST(d - to_months(n) AS DATE) AS earlier FROM t"
    days = [date(2024, 2, 29), date(2023, 2, 28), date(2024, 1, 31), date(2023, 12, 31), None]
    table = pa.table(
        {
            "d": pa.array([day for day in days for _ in range(5)], pa.date32()),
            "n": pa.array([1, 11, 12, 13, 48] * len(days), pa.int32()),
        }
    )
    workbench = SparkWorkbench(spark, Path(tmp_path))
    workbench.lay("t", table)
    workbench.make("moved", select)
    connection = duckdb.connect()
    connection.register("t", table)
    assert rows(workbench.rows("moved")) == rows(connection.sql(select).to_arrow_table())
