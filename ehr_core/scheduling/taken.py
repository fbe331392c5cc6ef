"""A time that is taken, answered with the nearest free ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import FindSlots, Slot
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.display import show_instant
from ehr_core.kernel.errors import TimeTaken
from ehr_core.scheduling.openings import Search, find_slots

OFFERED = 3
LOOKED_AT_DAYS = 21

Answer = TypeVar("Answer")

Own = tuple[str | None, datetime]
"""With whom and when a visit stands."""


def nearest(
    work: UnitOfWork,
    kind: AppointmentType,
    patient_id: str | None,
    provider: str | None,
    starts_at: datetime,
    *,
    aside: Sequence[str] = (),
    own: Own | None = None,
) -> list[Slot]:
    """The nearest free times with that provider, and where those are few, with others too.

    `own` is where a visit stands that is to be moved: that time is no answer to a refused move.
    """
    around = max(work.today(), starts_at.astimezone(ZoneInfo(work.site_time_zone)).date() - timedelta(days=7))
    wish = FindSlots(
        type_code=kind.code,
        patient_id=patient_id,
        providers=[provider] if provider else None,
        first_day=around,
        days=LOOKED_AT_DAYS,
        near=starts_at,
        limit=OFFERED + (own is not None),
    )
    found = _free(work, Search(kind, wish, aside=aside), own)
    if len(found) < OFFERED and provider is not None:
        others = _free(work, Search(kind, wish.model_copy(update={"providers": None}), aside=aside), own)
        found += [slot for slot in others if slot.provider != provider]
    return found[:OFFERED]


def _free(work: UnitOfWork, search: Search, own: Own | None) -> list[Slot]:
    return [slot for slot in find_slots(work, search) if (slot.provider, slot.starts_at) != own]


def refused(alternatives: Sequence[Slot], *, first: str = "This time is not free any more.") -> TimeTaken:
    """The refusal as a sentence, with the times also as data."""
    times = "; ".join(
        f"{show_instant(slot.starts_at, slot.time_zone)} with {slot.provider_name}" for slot in alternatives
    )
    rest = (
        f"The nearest free times: {times}." if times else "Nothing else is free near it: choose another week."
    )
    return TimeTaken(
        f"{first} {rest}", alternatives=tuple(slot.model_dump(mode="json") for slot in alternatives)
    )


def taken_or_closed(work: UnitOfWork, starts_at: datetime) -> str:
    return f"{show_instant(starts_at, work.site_time_zone)} is taken, or outside the calendar's hours."


def with_alternatives(
    work: UnitOfWork,
    kind: AppointmentType,
    patient_id: str | None,
    provider: str | None,
    starts_at: datetime,
    act: Callable[[], Answer],
    *,
    aside: Sequence[str] = (),
    own: Own | None = None,
) -> Answer:
    """Does the act within a savepoint; a refusal of the database is answered with the nearest free times."""
    try:
        with work.connection.begin_nested():
            return act()
    except TimeTaken as error:
        if error.alternatives:
            raise
        found = nearest(work, kind, patient_id, provider, starts_at, aside=aside, own=own)
        raise refused(found, first=_who_is_taken(error)) from error


def _who_is_taken(error: TimeTaken) -> str:
    if (error.actor or "").startswith("Patient/"):
        return "The patient has another visit at this time."
    return "This time is not free any more."
