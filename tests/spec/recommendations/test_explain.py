"""`explain` shows the very SQL that runs: run it, and the same rows come out."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.guidelines import definitions
from pipelines import measures, recommendations
from tests.lib.flat_tables import FlatTables
from tests.lib.random_records import fill

AS_OF = date(2026, 6, 15)


@pytest.fixture(scope="module")
def tables() -> FlatTables:
    tables = FlatTables()
    fill(tables, 11, AS_OF, patients=80)
    return tables


def rows_of(script: str, tables: FlatTables) -> list[tuple]:
    with tables.connection.cursor() as other:
        return sorted(other.execute(script).fetchall(), key=str)


@pytest.mark.parametrize("topic", sorted(definitions()))
def test_the_explained_recommendation_gives_the_same_rows(tables, topic):
    recommendations.evaluate(tables.connection, as_of=AS_OF, only=[topic])
    stored = tables.connection.execute("SELECT * FROM recommendation_results").fetchall()
    assert rows_of(recommendations.explain(topic, AS_OF), tables) == sorted(stored, key=str)


@pytest.mark.parametrize("topic", ["glycemic_control", "influenza_immunization", "statin_therapy"])
def test_the_explained_measure_gives_the_same_rows(tables, topic):
    measures.evaluate(tables.connection, as_of=AS_OF, only=[topic])
    stored = tables.connection.execute("SELECT * FROM measure_results").fetchall()
    assert rows_of(measures.explain(topic, AS_OF), tables) == sorted(stored, key=str)


def test_one_topic_alone_is_answered_as_among_all(tables):
    recommendations.evaluate(tables.connection, as_of=AS_OF)
    together = tables.connection.execute("SELECT * FROM recommendation_results").fetchall()
    apart = []
    for topic in definitions():
        recommendations.evaluate(tables.connection, as_of=AS_OF, only=[topic])
        apart += tables.connection.execute("SELECT * FROM recommendation_results").fetchall()
    assert sorted(apart, key=str) == sorted(together, key=str)


def test_the_words_come_first():
    script = recommendations.explain("glycemic_control")
    assert script.startswith("-- Glycemic control in diabetes (glycemic_control, version ")
    assert "-- For: People of 18 to 75 years with diabetes" in script
    assert "$as_of" in script
