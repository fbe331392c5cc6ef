"""Which bookings count, how long they are, and when the site's day begins and ends. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ehr_core.kernel.fhir_json import words

Resource = dict[str, Any]

SHOWN_TODAY = ("proposed", "pending", "booked", "arrived", "fulfilled", "checked-in", "noshow")
"""Statuses on the day's list: a no-show is seen there, a cancelled or mistaken booking is not."""

STILL_TO_COME = ("pending", "booked", "arrived", "checked-in")
"""Statuses of a booking that somebody expects to keep."""


def day_bounds(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """The first instant of the site's day and of the next one: 23, 24 or 25 hours apart."""
    zone = ZoneInfo(time_zone)
    begin = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    return begin, datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)


def visit_minutes(appointment: Resource) -> int | None:
    """Its planned length; None when neither the length nor both ends are recorded."""
    if "minutesDuration" in appointment:
        return int(appointment["minutesDuration"])
    if not (appointment.get("start") and appointment.get("end")):
        return None
    start, end = (datetime.fromisoformat(appointment[edge]) for edge in ("start", "end"))
    return int((end - start).total_seconds() // 60)


def visit_reason(appointment: Resource) -> str | None:
    """Why it was booked, in the booker's words, else coded."""
    coded = next(filter(None, map(words, appointment.get("reasonCode") or ())), None)
    return appointment.get("description") or coded or words(appointment.get("appointmentType"))
