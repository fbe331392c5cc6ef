"""No answer changes before the day it named itself: random records, a moving clock."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from data_contracts.guidelines.facts import Facts, gather_facts
from pipelines import measures, recommendations
from tests.lib.flat_tables import FlatTables
from tests.lib.random_records import fill

TODAY = date(2026, 6, 15)


@pytest.fixture(scope="module")
def tables() -> FlatTables:
    return FlatTables()


def answers(tables: FlatTables, facts: Facts, room, table: str, key: str, day: date) -> dict:
    room.evaluate(tables.connection, as_of=day, facts=facts)
    rows = tables.rows(table)
    for row in rows:
        row.pop("as_of")
    return {(row["patient_key"], row[key]): row for row in rows}


def days_to_look_at(named: list[date], jump: int) -> list[date]:
    """The eve of the nearest, middle and farthest day that was named, that middle day itself, and any other."""
    eves = {named[place] - timedelta(days=1) for place in (0, len(named) // 3, len(named) // 2, -1)}
    return sorted((eves | {named[len(named) // 2], TODAY + timedelta(days=jump)}) - {TODAY})


@pytest.mark.parametrize(
    ("room", "table", "key"),
    [
        (recommendations, "recommendation_results", "recommendation_id"),
        (measures, "measure_results", "measure_id"),
    ],
    ids=["recommendations", "measures"],
)
@settings(
    max_examples=5,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller seed is no simpler record
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), jump=st.integers(1, 900))
def test_an_answer_stands_until_the_day_it_names(tables, room, table, key, seed, jump):
    fill(tables.empty(), seed, TODAY)
    gathered = gather_facts(tables.connection)
    first = answers(tables, gathered, room, table, key, TODAY)
    named = sorted({row["next_change_on"] for row in first.values() if row["next_change_on"]})
    assert all(day > TODAY for day in named)
    for day in days_to_look_at(named, jump):
        then = answers(tables, gathered, room, table, key, day)
        for who, row in first.items():
            if row["next_change_on"] is None or row["next_change_on"] > day:
                assert then[who] == row, f"{who} changed by {day}"


@pytest.mark.long
def test_most_days_that_are_named_do_change_something(tables):
    fill(tables.empty(), 7, TODAY, patients=200)
    gathered = gather_facts(tables.connection)
    room, table, key = recommendations, "recommendation_results", "recommendation_id"
    first = answers(tables, gathered, room, table, key, TODAY)
    soon = sorted({r["next_change_on"] for r in first.values() if r["next_change_on"]})[:25]
    named = changed = 0
    for day in soon:
        then = answers(tables, gathered, room, table, key, day)
        for who, row in first.items():
            if row["next_change_on"] == day:
                named += 1
                now = {**then[who], "next_change_on": None}
                changed += now != {**row, "next_change_on": None}
    assert named >= 25
    assert changed / named > 0.5
