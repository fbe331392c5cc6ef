"""Which bookings count, how long they are, and when the site's day begins and ends. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.api.scheduling import Repeat
from data_contracts.api.visit_flow import STAGES, Stage
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.kernel.fhir_json import words

Resource = dict[str, Any]

SHOWN_TODAY = ("proposed", "pending", "booked", "arrived", "fulfilled", "checked-in", "noshow")
"""Statuses on the day's list: a no-show is seen there, a cancelled or mistaken booking is not."""

STILL_TO_COME = ("pending", "booked", "arrived", "checked-in")
"""Statuses of a booking that somebody expects to keep."""

MOVABLE = ("pending", "booked")
"""Nobody has come yet: it can be moved, cancelled or missed."""

REPEAT_WEEKS = {"week": 1, "two_weeks": 2, "four_weeks": 4}

STATUS_OF_STAGE: dict[Stage, str] = {
    "expected": "booked",
    "arrived": "arrived",
    "roomed": "checked-in",
    "with_clinician": "checked-in",
    "checked_out": "fulfilled",
}
"""What the Appointment says while its visit stands there on the flow board."""

STAGE_OF_STATUS: dict[str, Stage] = {
    "proposed": "expected",
    "pending": "expected",
    "booked": "expected",
    "arrived": "arrived",
    "checked-in": "roomed",
    "fulfilled": "checked_out",
}
"""Where a visit stands that no board has moved: it came from elsewhere in this state."""

ENCOUNTER_OF_STAGE: dict[Stage, str] = {
    "expected": "cancelled",
    "arrived": "arrived",
    "roomed": "triaged",
    "with_clinician": "in-progress",
    "checked_out": "finished",
}
"""What the Encounter says; one whose visit goes back to expected has not taken place."""


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


def check_movable(status: str) -> None:
    """Raises Conflict for a visit that has been cancelled, has begun or is over."""
    if status in MOVABLE:
        return
    sentences = {
        "cancelled": "This visit was cancelled already.",
        "noshow": "This visit is marked as missed already.",
        "fulfilled": "This visit has taken place already.",
        "entered-in-error": "This visit was entered in error.",
    }
    said = sentences.get(status, "The patient has arrived for this visit already.")
    raise Conflict(f"{said} Reload the page to see what changed.")


def check_can_be_missed(status: str, starts_at: datetime, now: datetime) -> None:
    """Raises Conflict before the time of the visit: nobody has missed what has not begun."""
    check_movable(status)
    if starts_at > now:
        raise Conflict("This visit has not begun yet. Cancel it, or wait until its time.")


def series_starts(first: datetime, time_zone: str, repeat: Repeat) -> list[datetime]:
    """Starts of a series, on the same weekday and wall clock, whatever daylight saving does between them."""
    weeks = REPEAT_WEEKS[repeat.every]
    return [at_same_clock(first, time_zone, days=7 * weeks * number) for number in range(repeat.count)]


def at_same_clock(instant: datetime, time_zone: str, *, days: int) -> datetime:
    """So many days later on the wall clock. A time that the clocks skip becomes the one an hour later."""
    zone = ZoneInfo(time_zone)
    local = instant.astimezone(zone)
    later = datetime.combine(local.date() + timedelta(days=days), local.time(), tzinfo=zone)
    return later.astimezone(UTC)


def moved_with(instant: datetime, old: datetime, new: datetime, time_zone: str) -> datetime:
    """Where a later visit of a series goes when one moves from `old` to `new`: as many days, and to the same clock."""
    zone = ZoneInfo(time_zone)
    days = (new.astimezone(zone).date() - old.astimezone(zone).date()).days
    local = instant.astimezone(zone)
    clock = new.astimezone(zone).time()
    return datetime.combine(local.date() + timedelta(days=days), clock, tzinfo=zone).astimezone(UTC)


def check_step(stage: Stage, to: Stage) -> None:
    """Raises BadRequest unless it is a step forward (a room may be left out), or one step back."""
    here, there = STAGES.index(stage), STAGES.index(to)
    if there == here:
        raise BadRequest(f"to: the visit stands there already ({to}).")
    if there < here - 1:
        raise BadRequest("to: a visit goes back one step at a time.")
    if here == 0 and there > 1:
        raise BadRequest("to: the patient has to arrive first.")
