"""Durations, windows and periods, as clinicians write them."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from data_contracts.guidelines.duration import read_duration, read_window, usual_window
from data_contracts.guidelines.facts import Facts, gather_facts
from data_contracts.guidelines.sql import anniversary, season_end
from ehr_core.kernel.errors import BadRequest
from pipelines.measures.period import Period, calendar_year, influenza_season
from tests.lib.flat_tables import FlatTables


@pytest.mark.parametrize(
    ("words", "mode", "months"),
    [
        ("24 months", "months", 24),
        ("ever", "ever", None),
        ("while active", "active", None),
        ("while active, at most 10 months", "active", 10),
        ("while active and 12 months after", "after", 12),
        ("this season", "season", None),
    ],
)
def test_durations(words, mode, months):
    assert (read_duration(words).mode, read_duration(words).months) == (mode, months)


@pytest.mark.parametrize("words", ["2 years", "24", "", "-3 months", "forever"])
def test_other_words_are_no_duration(words):
    with pytest.raises(ValueError, match="is not a duration"):
        read_duration(words)


def test_a_window_says_how_far_it_reaches_back():
    assert read_window("the period and 15 months before").months_before == 15
    assert usual_window(read_duration("6 months")).words == "the period"
    with pytest.raises(ValueError, match="is not a window"):
        read_window("last year")


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2000-02-29", 216, "2018-03-01"),
        ("2000-02-29", 240, "2020-02-29"),
        ("2000-03-01", 216, "2018-03-01"),
        ("2025-08-31", 6, "2026-03-01"),
        ("2025-12-31", 12, "2026-12-31"),
    ],
)
def test_a_day_that_the_month_lacks_becomes_the_first_of_the_next(day, months, expected):
    written = anniversary(f"DATE '{day}'", str(months))
    with duckdb.connect() as connection:
        (found,) = connection.execute(f"SELECT {written}").fetchone()
    assert found == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("day", "ends"),
    [("2026-06-30", "2026-07-01"), ("2026-07-01", "2027-07-01"), ("2026-12-31", "2027-07-01")],
)
def test_the_season_ends_on_30_june(day, ends):
    written = season_end(f"DATE '{day}'")
    with duckdb.connect() as connection:
        (found,) = connection.execute(f"SELECT {written}").fetchone()
    assert found == date.fromisoformat(ends)
    assert influenza_season(date.fromisoformat(day)).end < found


def test_periods():
    assert calendar_year(date(2026, 12, 31)) == Period(date(2026, 1, 1), date(2026, 12, 31))
    assert influenza_season(date(2026, 6, 30)) == Period(date(2025, 7, 1), date(2026, 6, 30))
    with pytest.raises(BadRequest, match="cannot end"):
        Period(date(2026, 2, 1), date(2026, 1, 1))


def test_facts_of_other_topics_are_refused():
    facts = gather_facts(FlatTables().connection, frozenset({"glycemic_control"}))
    assert facts == Facts(frozenset({"glycemic_control"}))
    facts.must_cover(frozenset({"glycemic_control"}))
    for asked in (None, frozenset({"breast_cancer_screening"})):
        with pytest.raises(BadRequest, match="gathered for other topics"):
            facts.must_cover(asked)
