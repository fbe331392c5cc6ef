"""When a thing may have happened: not in the future, not before birth, not unreadable. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ehr_core.charting.recordable import refused

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead a workstation's clock may be before a moment counts as future."""

EARLIEST_YEAR = 1880
"""No living patient was measured before this year, whatever birth date is recorded."""


def check_moment(at: datetime, *, now: datetime, time_zone: str, born: date | None) -> None:
    """Raises InvalidResource naming `at` when the moment cannot be true. `born`: first possible day; None unknown."""
    if at.tzinfo is None:
        raise refused("at", "The moment needs its offset from UTC, such as 2026-11-22T09:30:00-05:00.")
    if at > now + CLOCK_SKEW:
        raise refused("at", "The moment is in the future. A value is recorded when it has been measured.")
    if at.year < EARLIEST_YEAR or (born is not None and at.astimezone(ZoneInfo(time_zone)).date() < born):
        raise refused("at", "The moment is before the patient was born. Check the year.")


def check_day(on: date, *, today: date, born: date | None) -> None:
    """The same for a day: a day that has not come, or before birth, is refused, naming `on`."""
    if on > today:
        raise refused(
            "on", "The day is in the future. Record what has been done, on the day that it was done."
        )
    if on.year < EARLIEST_YEAR or (born is not None and on < born):
        raise refused("on", "The day is before the patient was born. Check the year.")


def first_birth_day(birth_date: str | None) -> date | None:
    """The first day that a birth date may mean: a partial one bars nothing that could be true. None when unknown."""
    if not birth_date:
        return None
    year, month, day = ([int(part) for part in birth_date.split("-")] + [1, 1])[:3]
    return date(year, month, day)
