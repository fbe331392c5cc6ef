"""Intervals, differences, funnels and shifts: figures of the sources, and what must hold for any counts."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.rate_statistics import (
    Z_95,
    Z_998,
    Counted,
    drift,
    funnel_limits,
    funnel_place,
    jumps,
    rate_difference,
    wilson_rate,
)

DAY = date(2026, 1, 31)


def counted(numerator, denominator, on=DAY):
    return Counted(on, numerator, denominator)


def months(rates, size=400):
    return [
        counted(round(rate * size), size, DAY + timedelta(days=30 * place))
        for place, rate in enumerate(rates)
    ]


def test_an_empty_denominator_has_no_rate():
    assert wilson_rate(0, 0) is None


@pytest.mark.parametrize(
    ("numerator", "denominator", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (1, 1, 0.2065, 1.0)],
)
def test_the_interval_is_wilsons(numerator, denominator, low, high):
    rate = wilson_rate(numerator, denominator)
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)


def test_the_interval_holds_the_rate_and_narrows():
    widths = [wilson_rate(n // 2, n) for n in (10, 100, 1000)]
    assert all(rate.low <= rate.value <= rate.high for rate in widths)
    assert all(a.high - a.low > b.high - b.low for a, b in itertools.pairwise(widths))


@pytest.mark.parametrize(
    ("now", "before", "value", "low", "high"),
    [
        ((56, 70), (48, 80), 0.2, 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.6, 0.1705, 0.8090),
        ((10, 10), (0, 10), 1.0, 0.6075, 1.0),
    ],
)
def test_the_difference_is_newcombes(now, before, value, low, high):
    found = rate_difference(counted(*now), counted(*before))
    assert [round(part, 4) for part in (found.value, found.low, found.high)] == [value, low, high]


def test_a_difference_with_nobody_is_none():
    assert rate_difference(counted(0, 0), counted(1, 2)) is None


sizes = st.integers(1, 5000)


@given(sizes, sizes, st.data())
def test_a_difference_turns_its_sign_with_its_sides(one, other, data):
    now = counted(data.draw(st.integers(0, one)), one)
    before = counted(data.draw(st.integers(0, other)), other)
    there, back = rate_difference(now, before), rate_difference(before, now)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.low - 1e-12 <= there.value <= there.high + 1e-12


@given(st.floats(0.01, 0.99), sizes, st.data())
def test_a_group_is_outside_of_the_funnel_exactly_when_its_interval_misses_everyones_rate(
    expected, size, data
):
    numerator = data.draw(st.integers(0, size))
    rate = wilson_rate(numerator, size)
    low, high = funnel_limits(expected, size, Z_95)
    if min(abs(expected - rate.low), abs(expected - rate.high)) > 1e-9:
        assert (low <= rate.value <= high) == (rate.low <= expected <= rate.high)


@pytest.mark.parametrize(
    ("expected", "numerator", "denominator", "place"),
    [
        (0.5, 50, 100, "within"),
        (0.5, 61, 100, "above_95"),
        (0.5, 39, 100, "below_95"),
        (0.5, 66, 100, "above_998"),
        (0.5, 34, 100, "below_998"),
        (0.5, 0, 9, "too_few"),
        (0.95, 60, 99, "too_few"),
        (0.0, 0, 100, "too_few"),
        (1.0, 100, 100, "too_few"),
        (0.5, 0, 0, "too_few"),
    ],
)
def test_a_group_s_place_in_the_funnel(expected, numerator, denominator, place):
    assert funnel_place(expected, numerator, denominator) == place


def test_the_funnel_narrows_with_the_group_and_widens_with_the_certainty():
    wide, narrow = funnel_limits(0.3, 20, Z_998), funnel_limits(0.3, 2000, Z_998)
    assert wide[0] < narrow[0] < 0.3 < narrow[1] < wide[1]
    assert funnel_limits(0.3, 20, Z_95)[0] > wide[0]
    assert funnel_limits(0.02, 20, Z_998)[0] == 0.0


def test_a_jump_is_the_night_that_chance_does_not_explain():
    nights = months([0.50, 0.51, 0.62, 0.63])
    assert [(shift.since, round(shift.difference.value, 2)) for shift in jumps(nights)] == [
        (nights[2].on, 0.11)
    ]
    assert jumps(months([0.50, 0.62], size=40)) == []
    assert jumps([]) == jumps(nights[:1]) == []


def pairs(now, before, size=400):
    return list(zip(months(now, size), months(before, size), strict=True))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_drift_begins_where_the_departure_began(sign):
    before = [0.5] * 8
    now = [0.5, 0.51, 0.49, *(0.5 + sign * place for place in (0.06, 0.07, 0.06, 0.07, 0.06))]
    compared = pairs(now, before)
    shift = drift(compared)
    assert shift.since == compared[3][0].on
    assert round(shift.difference.value, 2) == sign * 0.06


def test_months_that_swing_around_the_year_before_are_no_drift():
    swinging = [0.5 + 0.03 * (-1) ** place for place in range(12)]
    assert drift(pairs(swinging, [0.5] * 12)) is None
    assert drift([]) is None


def test_a_drift_that_has_turned_is_told_from_its_turn():
    compared = pairs([0.6] * 4 + [0.45] * 8, [0.5] * 12)
    shift = drift(compared)
    assert (shift.since, round(shift.difference.value, 2)) == (compared[4][0].on, -0.05)


def test_a_drift_that_has_ended_is_not_told():
    assert drift(pairs([0.6] * 4 + [0.5] * 20, [0.5] * 24)) is None


def test_a_month_without_anybody_neither_starts_nor_ends_a_drift():
    with_gap = pairs([0.6, 0.6, 0.6], [0.5] * 3)
    with_gap.insert(1, (counted(0, 0, DAY + timedelta(days=3)), counted(1, 2)))
    assert drift(with_gap).since == with_gap[0][0].on
