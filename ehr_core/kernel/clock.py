"""The clock that is handed to whatever needs "now": the system's, or a fixed one in tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    def now(self) -> datetime:
        """The current instant, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands still until it is set."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


def in_zone(instant: datetime, zone: tzinfo) -> datetime:
    """The same instant in another zone. At the calendar's ends (years 1 and 9999) it keeps its reading on the clock."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant.replace(tzinfo=zone)


def site_date(clock: Clock, time_zone: str) -> date:
    """Today at the site: its time zone decides age, period and due date, not UTC."""
    return clock.now().astimezone(ZoneInfo(time_zone)).date()
