"""Our statements in Spark's SQL: what SQLGlot leaves to us. That the rows agree, the tests on Spark show."""

import pytest

from data_contracts.guidelines.fact_sql import GATHER
from pipelines.measures.spark.dialect import spark_sql
from pipelines.measures.statements import MEASURES


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT CAST(d + to_months(n) AS DATE) FROM t", "add_months(d, n)"),
        ("SELECT CAST(d - to_months(n + 1) AS DATE) FROM t", "add_months(d, -(n + 1))"),
        ("WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT x FROM a", "WITH a AS (SELECT"),
        ("SELECT arg_min(a, row(b, -c)) FROM t", "STRUCT(b"),
        ("SELECT row_number() OVER () FROM t", "ORDER BY NULL"),
        ("SELECT regexp_extract(a, '^x') FROM t", "REGEXP_EXTRACT(a, '^x', 0)"),
    ],
)
def test_what_sqlglot_leaves_to_us_is_said_as_spark_says_it(ours, theirs):
    assert theirs.lower() in spark_sql(ours).lower()


@pytest.mark.parametrize("select", [*GATHER.values(), MEASURES], ids=[*GATHER, "measures"])
def test_nothing_of_duckdbs_own_is_left_in_our_statements(select):
    written = spark_sql(select).lower()
    assert [
        word for word in ("to_months(", "materialized", " row(", "over ()", " hash(") if word in written
    ] == []
