"""The site's days as FHIR writes them, and a day-book in which no two visits of one clinician can meet.

Each person of a panel of 200 owns one slot in every two working weeks: a weekday (position // 20) and a time
(position % 20). So visits never overlap, though no person's record is drawn knowing another's. Today is kept apart:
its visits follow `today_slot`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from ehr_core.population.assumptions import assumptions

WORKDAYS_IN_CYCLE = 10


class SiteCalendar:
    """Dates and instants in the site's time zone, around one `as_of` day."""

    def __init__(self, as_of: date, time_zone: str):
        self.as_of = as_of
        self._zone = ZoneInfo(time_zone)
        self._offset = cache(self._offset_on)

    def days_ago(self, days: int) -> date:
        return self.as_of - timedelta(days=days)

    def instant(self, day: date, minute: int) -> str:
        """A local moment with the site's offset: '2026-03-02T09:20:00-05:00'. Minutes count from midnight."""
        return f"{day.isoformat()}T{minute // 60:02d}:{minute % 60:02d}:00{self._offset(day)}"

    def utc(self, day: date, minute: int) -> str:
        """The same moment in UTC, to the millisecond, as a laboratory system would stamp it."""
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self._zone)
        return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def _offset_on(self, day: date) -> str:
        """The offset at local noon: nobody here is seen in the night hours in which clocks change."""
        text = datetime(day.year, day.month, day.day, 12, tzinfo=self._zone).strftime("%z")
        return f"{text[:3]}:{text[3:]}"


def slot_minute(slot: int) -> int:
    """When a slot of the day begins, in minutes from midnight: twelve in the morning, the rest after lunch."""
    book = assumptions("visits")
    if slot < 12:
        return book["morning_start_minute"] + slot * book["minutes_per_slot"]
    return book["afternoon_start_minute"] + (slot - 12) * book["minutes_per_slot"]


def visit_minute(position: int) -> int:
    return slot_minute(position % assumptions("visits")["slots_per_day"])


def visit_day(day: date, position: int, *, step: int = -1) -> date:
    """The nearest day in the person's own two-week rhythm, at or before (step -1) or after (step 1) this day."""
    turn = position // assumptions("visits")["slots_per_day"] % WORKDAYS_IN_CYCLE
    while day.weekday() > 4 or _workday_number(day) % WORKDAYS_IN_CYCLE != turn:
        day += timedelta(days=step)
    return day


def _workday_number(day: date) -> int:
    ordinal = day.toordinal() - 1
    return ordinal // 7 * 5 + day.weekday()


def today_slot(position: int) -> int | None:
    """Which of today's slots this person of the panel holds; None for most. Position 0 comes first."""
    visits = assumptions("visits")["today_visits"]
    panel = assumptions("site")["panel_size"]
    spacing = panel // visits
    slot, rest = divmod(position, spacing)
    return slot if rest == 0 and slot < visits else None
