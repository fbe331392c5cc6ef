"""Moves a day by calendar months and years, as ages and intervals are meant."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta


def months_after(day: date, months: int) -> date:
    """The same day of the month, `months` later (or earlier); where that month has no such day, the next month's first.

    So a child born on 31 August is 6 months old on 1 March, never on 28 February.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    if day.day <= monthrange(year, month)[1]:
        return day.replace(year=year, month=month)
    return date(year, month, monthrange(year, month)[1]) + timedelta(days=1)


def years_after(day: date, years: int) -> date:
    return months_after(day, 12 * years)
