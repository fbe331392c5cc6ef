"""What is told of a rate over time: of this period only, and against the same time of the one before."""

from __future__ import annotations

from datetime import date

from data_contracts.api.quality import Counts, RatePoint
from data_contracts.rate_statistics import wilson_rate
from ehr_core.quality.over_time import shifts_of

PEOPLE = 400
MONTH_ENDS = {2: 28, 4: 30, 6: 30, 9: 30, 11: 30}


def night(year: int, month: int, rate: float | None, day: int | None = None) -> RatePoint:
    met = None if rate is None else round(rate * PEOPLE)
    shown = wilson_rate(met, PEOPLE) if met is not None else None
    return RatePoint(
        on=date(year, month, day or MONTH_ENDS.get(month, 31)),
        period_begin=date(year, 1, 1),
        counts=Counts(
            initial_population=PEOPLE,
            denominator=PEOPLE,
            exclusions=0,
            exceptions=0,
            numerator=met,
            not_evaluable=0,
            rate=shown.value if shown else None,
        ),
    )


def year(which: int, *rates: float | None) -> list[RatePoint]:
    """A night at the end of each month."""
    return [night(which, month, rate) for month, rate in enumerate(rates, start=1)]


CLIMBING = [0.30, 0.34, 0.38, 0.42, 0.46, 0.50, 0.54, 0.58, 0.62, 0.66, 0.70, 0.74]


def test_a_rate_that_climbs_as_the_year_before_has_not_shifted():
    assert shifts_of(year(2025, *CLIMBING) + year(2026, *CLIMBING[:9])) == []


def test_a_rate_that_stays_behind_the_same_time_of_the_year_before_drifts():
    behind = [rate - 0.07 for rate in CLIMBING]
    (drift,) = shifts_of(year(2025, *CLIMBING) + year(2026, *CLIMBING[:2], *behind[2:8]))
    assert (drift.kind, drift.since, round(drift.change, 2)) == ("drift", date(2026, 3, 31), -0.07)
    assert drift.low < drift.change < drift.high < 0


def test_the_turn_of_the_period_is_no_jump():
    assert shifts_of(year(2025, *CLIMBING) + year(2026, 0.3)) == []


def test_the_newest_jumps_are_told():
    swinging = [0.2, 0.4, 0.2, 0.4, 0.2, 0.4]
    assert [shift.since.month for shift in shifts_of(year(2026, *swinging))] == [4, 5, 6]


def test_a_night_whose_counts_are_hidden_takes_no_part():
    assert shifts_of(year(2026, 0.3, None, 0.31)) == []
    assert shifts_of(year(2026, None)) == shifts_of([]) == []


def test_a_leap_day_is_compared_with_the_end_of_february():
    (drift,) = shifts_of([night(2024, 2, 0.7, day=29), night(2025, 2, 0.3)])
    assert (drift.kind, drift.since) == ("drift", date(2025, 2, 28))
