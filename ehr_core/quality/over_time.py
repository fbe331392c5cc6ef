"""A measure's rate over time: its nights, the change of about a month, and what chance does not explain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import groupby

from sqlalchemy import Row, text

from data_contracts.api.quality import Counts, RatePoint, RateShift
from data_contracts.rate_statistics import Counted, Rate, Shift, drift, jumps, rate_difference
from data_contracts.suppression import Cell
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.quality.cells import COUNTS

CHANGE_DAYS = 30
"""The change is from the last nightly rate of at least so many days ago, in the same period."""
TREND_POINTS = 800
"""So many nights are looked at: this period and the one before."""
SHOWN_JUMPS = 3
SAME_TIME = timedelta(days=10)
"""A point of the period before belongs to one of now when it is at most so much earlier in its period."""

Show = Callable[[Cell], Counts]
"""What this reader may see of a cell."""


def read_trend(work: UnitOfWork, measure_id: str, show: Show) -> list[RatePoint]:
    """The newest nights, oldest first; each counts what its own period had reached by then."""
    rows = work.connection.execute(
        text(
            f"SELECT * FROM (SELECT on_day, period_begin, {', '.join(COUNTS)} FROM quality.rate_point "
            "WHERE measure_id = :id AND stratum_kind = 'all' "
            "ORDER BY on_day DESC, period_begin DESC LIMIT :most) AS newest ORDER BY on_day, period_begin"
        ),
        {"id": measure_id, "most": TREND_POINTS},
    )
    return [
        RatePoint(
            on=row.on_day,
            period_begin=row.period_begin,
            counts=show(_cell(row)),
        )
        for row in rows
    ]


def change_of(
    work: UnitOfWork, measure_id: str, period_begin: date, counts: Counts, show: Show
) -> Rate | None:
    """Now against about a month ago. Null while the period is younger, or when a count is hidden."""
    row = work.connection.execute(
        text(
            f"SELECT on_day, {', '.join(COUNTS)} FROM quality.rate_point WHERE measure_id = :id "
            "AND stratum_kind = 'all' AND period_begin = :period AND on_day <= :day ORDER BY on_day DESC LIMIT 1"
        ),
        {"id": measure_id, "period": period_begin, "day": work.today() - timedelta(days=CHANGE_DAYS)},
    ).one_or_none()
    if row is None:
        return None
    now, before = _counted(work.today(), counts), _counted(row.on_day, show(_cell(row)))
    return rate_difference(now, before) if now and before else None


def shifts_of(trend: Sequence[RatePoint]) -> list[RateShift]:
    """Nights that the rate jumped, and a lasting departure from the period before; of this period only."""
    if not trend:
        return []
    this, before = _last_two_periods(trend)
    found = [_told("jump", shift) for shift in jumps(this)[-SHOWN_JUMPS:]]
    lasting = drift(_same_time(this, before))
    return found + ([_told("drift", lasting)] if lasting else [])


def _last_two_periods(trend: Sequence[RatePoint]) -> tuple[list[Counted], list[Counted]]:
    by_period: dict[date, list[Counted]] = {}
    for point in trend:
        counted = _counted(point.on, point.counts)
        by_period.setdefault(point.period_begin, []).extend([counted] if counted else [])
    begins = sorted(by_period)
    earlier = by_period[begins[-2]] if len(begins) > 1 else []
    return by_period[begins[-1]], [_a_year_on(counted) for counted in earlier]


def _a_year_on(counted: Counted) -> Counted:
    on = counted.on
    day = on.replace(year=on.year + 1) if (on.month, on.day) != (2, 29) else date(on.year + 1, 2, 28)
    return Counted(day, counted.numerator, counted.denominator)


def _same_time(this: Sequence[Counted], before: Sequence[Counted]) -> list[tuple[Counted, Counted]]:
    """The last night of each month, with the last one of the period before that was at that time of its year."""
    pairs = []
    for _, nights in groupby(this, key=lambda counted: (counted.on.year, counted.on.month)):
        *_, now = nights
        then = [counted for counted in before if now.on - SAME_TIME <= counted.on <= now.on]
        if then:
            pairs.append((now, then[-1]))
    return pairs


def _cell(row: Row) -> Cell:
    return Cell(**{name: getattr(row, name) for name in COUNTS})


def _counted(on: date, counts: Counts) -> Counted | None:
    if counts.numerator is None or counts.denominator is None:
        return None
    return Counted(on, counts.numerator, counts.denominator)


def _told(kind: str, shift: Shift) -> RateShift:
    difference = shift.difference
    return RateShift(
        kind=kind, since=shift.since, change=difference.value, low=difference.low, high=difference.high
    )
