"""Intervals: open and closed bounds, unknown ends, precision, and what lies before, in and over what."""

import pytest

from tests.lib.elm import (
    NULL,
    date,
    interval,
    items,
    literal,
    moment,
    null_of,
    op,
    quantity,
    query,
    ref,
    value,
)


def days(low: str, high: str, marks: str = "[]") -> dict:
    return interval(date(low), date(high), marks)


@pytest.mark.parametrize(
    ("name", "first", "second", "expected"),
    [
        ("Overlaps", days("2026-01-01", "2026-01-10"), days("2026-01-10", "2026-01-20"), True),
        ("Overlaps", days("2026-01-01", "2026-01-10", "[)"), days("2026-01-10", "2026-01-20"), False),
        ("OverlapsBefore", days("2026-01-01", "2026-01-10"), days("2026-01-05", "2026-01-20"), True),
        ("OverlapsBefore", days("2026-01-05", "2026-01-10"), days("2026-01-05", "2026-01-20"), False),
        ("OverlapsAfter", days("2026-01-05", "2026-01-25"), days("2026-01-01", "2026-01-20"), True),
        ("IncludedIn", days("2026-01-02", "2026-01-03"), days("2026-01-01", "2026-01-10"), True),
        ("Before", days("2026-01-01", "2026-01-04"), days("2026-01-05", "2026-01-20"), True),
        ("Starts", days("2026-01-05", "2026-01-06"), days("2026-01-05", "2026-01-20"), True),
        ("Ends", days("2026-01-05", "2026-01-20"), days("2026-01-01", "2026-01-20"), True),
        ("Meets", days("2026-01-01", "2026-01-04"), days("2026-01-05", "2026-01-20"), True),
        ("ProperIncludedIn", days("2026-01-01", "2026-01-10"), days("2026-01-01", "2026-01-10"), False),
    ],
)
def test_relations_of_two_intervals(name, first, second, expected):
    assert value(op(name, first, second)) is expected


@pytest.mark.parametrize(
    ("low", "high", "marks", "expected"),
    [
        (date("2020-01-01"), null_of("Date"), "[]", True),
        (date("2020-01-01"), null_of("Date"), "[)", None),
        (null_of("Date"), date("2020-01-01"), "[]", False),
        (null_of("Date"), date("2020-01-01"), "()", False),
    ],
)
def test_a_closed_null_end_goes_on_and_an_open_one_is_unknown(low, high, marks, expected):
    assert value(op("Overlaps", interval(low, high, marks), days("2026-01-01", "2026-12-31"))) is expected


def test_a_day_precision_ignores_the_hour():
    visit = interval(moment("2026-12-31T22:00:00.000Z"), moment("2026-12-31T23:30:00.000Z"))
    period = interval(moment("2026-01-01T00:00:00.000Z"), moment("2026-12-31T00:00:00.000Z"))
    assert value(op("IncludedIn", visit, period)) is False
    assert value(op("IncludedIn", visit, period, precision="Day")) is True


def test_an_open_bound_leaves_its_whole_day_out_when_a_point_is_asked_for_by_day():
    visit = moment("2026-06-30T08:00:00.000Z")
    half_a_year_before = interval(op("Subtract", visit, quantity(6, "months")), visit, "[)")
    same_day = moment("2026-06-30T07:00:00.000Z")
    assert value(op("In", same_day, half_a_year_before)) is True
    assert value(op("In", same_day, half_a_year_before, precision="Day")) is False


def test_an_unknown_end_comes_after_the_known_start():
    ongoing = interval(date("2025-12-31"), null_of("Date"), "[)")
    assert value(op("Overlaps", ongoing, days("2024-01-01", "2025-12-31"))) is True
    assert value(op("Overlaps", ongoing, days("2024-01-01", "2025-12-30"))) is False
    assert value(op("Overlaps", ongoing, days("2026-01-01", "2026-12-31"))) is None


def test_an_interval_without_any_bound_is_null():
    assert value(op("IsNull", interval(null_of("Date"), null_of("Date")))) is True


def test_the_end_of_an_open_interval_is_the_moment_before():
    assert value(op("End", days("2026-01-01", "2026-01-10", "[)"))) == "2026-01-09"
    assert value(op("End", interval(literal(1), literal(5), "[)"))) == 4


def test_collapse_joins_what_overlaps_or_meets():
    listed = items(
        days("2026-01-01", "2026-01-05"),
        days("2026-01-06", "2026-01-08"),
        days("2026-02-01", "2026-02-02"),
    )
    collapsed = value(op("Collapse", listed, NULL))
    assert collapsed == ["[2026-01-01, 2026-01-08]", "[2026-02-01, 2026-02-02]"]


def test_expand_gives_every_point():
    assert value(op("Expand", interval(literal(1), literal(4)), NULL)) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("low", "high", "per", "expected"),
    [
        ("2026-01-01T10:00:00.000Z", "2026-01-02T09:00:00.000Z", "day", ["2026-01-01", "2026-01-02"]),
        ("2026-01-31T00:00:00.000Z", "2026-03-01T00:00:00.000Z", "month", ["2026-01", "2026-02", "2026-03"]),
    ],
)
def test_expand_cuts_to_the_unit_and_keeps_to_the_calendar(low, high, per, expected):
    spread = op("Expand", items(interval(moment(low), moment(high))), quantity(1, per))
    assert value(spread) == [f"[{one}, {one}]" for one in expected]


def test_expand_leaves_out_a_last_step_that_is_not_whole():
    assert value(op("Expand", items(interval(literal(1), literal(5))), quantity(2, "1"))) == [
        "[1, 2]",
        "[3, 4]",
    ]


@pytest.mark.parametrize(
    ("start", "amount", "expected"),
    [
        ("2024-02-29", quantity(1, "year"), "2025-02-28"),
        ("2026-01-31", quantity(1, "month"), "2026-02-28"),
        ("2026-01-31", quantity(2, "weeks"), "2026-02-14"),
        ("2026-03-01", quantity(-1, "day"), "2026-02-28"),
    ],
)
def test_adding_a_duration_keeps_to_the_calendar(start, amount, expected):
    assert value(op("Add", date(start), amount)) == expected


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("DurationBetween", "Day", 0),
        ("DifferenceBetween", "Day", 1),
        ("DifferenceBetween", "Year", 1),
        ("DurationBetween", "Hour", 2),
    ],
)
def test_durations_count_whole_units_and_differences_count_boundaries(name, unit, expected):
    start, end = moment("2025-12-31T23:00:00.000Z"), moment("2026-01-01T01:30:00.000Z")
    assert value(op(name, start, end, precision=unit)) == expected


def test_a_start_of_which_only_the_year_is_known_decides_nothing_whoever_else_is_in_the_column():
    period = interval(moment("2026-01-01T00:00:00.000Z"), moment("2026-12-31T23:59:59.999Z"))
    of_a_year = interval(moment("2026"), moment("2026-01-28T08:00:00.000Z"))
    unknown_start = interval(null_of("DateTime"), moment("2026-01-28T08:00:00.000Z"), "(]")
    inside = {"expression": op("IncludedIn", ref("X"), period, precision="Day"), "distinct": False}
    assert value(query(items(of_a_year), **{"return": inside})) == [None]
    assert value(query(items(of_a_year, unknown_start), **{"return": inside})) == [None, None]
