"""Completed years between two FHIR dates that may be partial: an age only where every reading gives the same. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date


def possible_days(written: str | None) -> tuple[date, date] | None:
    """The first and last day that a FHIR date may mean; None for an absent or unreadable one."""
    if not written:
        return None
    try:
        year, month, day = ([int(part) for part in written[:10].split("-")] + [0, 0])[:3]
        if day:
            return (date(year, month, day),) * 2
        last_month = month or 12
        return date(year, month or 1, 1), date(year, last_month, monthrange(year, last_month)[1])
    except ValueError:
        return None


def age_years(born: str | None, on: str | None) -> int | None:
    """Completed years; None when a date is missing, lies before birth, or is too coarse to settle the age."""
    births, days = possible_days(born), possible_days(on)
    if births is None or days is None:
        return None
    youngest, oldest = _completed(births[1], days[0]), _completed(births[0], days[1])
    return youngest if youngest == oldest >= 0 else None


def _completed(born: date, on: date) -> int:
    """Someone born on 29 February turns a year older on 1 March of a common year."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))
