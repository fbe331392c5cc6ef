"""Some days of some calendars at once: visits, blocked time, hours. A week of forty providers is one look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.api.calendars import Calendar
from data_contracts.api.scheduling import CalendarBlock, CalendarView, NewBlock, VisitCard
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound, TimeTaken
from ehr_core.kernel.fhir_json import decode
from ehr_core.scheduling.calendars import calendar, calendars
from ehr_core.scheduling.cards import cards_between
from ehr_core.scheduling.opening_hours import holidays
from ehr_core.scheduling.openings import open_times
from ehr_core.scheduling.rules import SHOWN_TODAY
from ehr_core.store.repository import Store

MOST_DAYS = 42

BLOCKS = text("""
SELECT s.id, s.version_id, b.actor, b.during, s.body FROM scheduling.booking AS b
JOIN fhir.slot AS s ON s.id = b.source_id
WHERE b.source = 'block' AND b.during && tstzrange(:begin, :end) AND b.actor = ANY(:actors)
ORDER BY b.during, b.actor
""")


def read_calendar(
    work: UnitOfWork,
    first_day: date,
    days: int,
    *,
    actors: Sequence[str] | None = None,
    site_id: str | None = None,
) -> CalendarView:
    """Visits of those calendars (all when not said), cancelled ones left out. One audit row with the sealed list."""
    work.actor.require("schedule.read")
    if not 1 <= days <= MOST_DAYS:
        raise BadRequest(f"days: between 1 and {MOST_DAYS}.")
    shown = [one for one in calendars(work) if _is_wanted(one, actors, site_id)]
    begin, end = _span(work, first_day, days)
    names = [one.actor for one in shown]
    visits = _visits(work, begin, end, set(names), everybody=actors is None and site_id is None)
    work.audit(
        "schedule_read",
        patient_ids=[visit.patient_id for visit in visits if visit.patient_id],
        detail={"on": first_day.isoformat(), "days": days, "visits": len(visits)},
    )
    return CalendarView.model_construct(
        first_day=first_day,
        days=days,
        time_zone=work.site_time_zone,
        actors=shown,
        visits=visits,
        blocks=_blocks(work, begin, end, names),
        open=open_times(work, names, first_day, days),
        holidays=[
            one for one in holidays(work) if first_day <= one.on_day < first_day + timedelta(days=days)
        ],
    )


def add_block(work: UnitOfWork, wanted: NewBlock) -> CalendarBlock:
    """Time that is not to be booked: a Slot in the record. Raises TimeTaken when something is booked in it."""
    work.actor.require("schedule.manage")
    if wanted.ends_at <= wanted.starts_at:
        raise BadRequest("ends_at: it is not after the beginning.")
    whose = calendar(work, wanted.actor)
    schedule_id = work.connection.execute(
        text("SELECT schedule_id FROM scheduling.calendar WHERE actor = :actor"), {"actor": wanted.actor}
    ).scalar_one()
    slot = {
        "resourceType": "Slot",
        "schedule": {"reference": f"Schedule/{schedule_id}"},
        "status": "busy-unavailable",
        "start": wanted.starts_at.isoformat(),
        "end": wanted.ends_at.isoformat(),
        **({"comment": wanted.words} if wanted.words else {}),
    }
    try:
        with work.connection.begin_nested():
            stored = Store(work).create("Slot", slot)
    except TimeTaken as error:
        raise TimeTaken(
            f"Something is booked for {whose.name} in this time. Move those visits first, or block less of it."
        ) from error
    work.audit("scheduling.blocked", resource_type="Slot", resource_id=stored.id)
    return CalendarBlock(
        block_id=stored.id,
        version=stored.version_id,
        actor=wanted.actor,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        words=wanted.words,
    )


def remove_block(work: UnitOfWork, block_id: str, version: int) -> None:
    work.actor.require("schedule.manage")
    store = Store(work)
    if decode(store.read("Slot", block_id).body).get("status") != "busy-unavailable":
        raise NotFound("There is no such block. Reload the page.")
    store.delete("Slot", block_id, if_match=version)
    work.audit("scheduling.unblocked", resource_type="Slot", resource_id=block_id)


def _is_wanted(one: Calendar, actors: Sequence[str] | None, site_id: str | None) -> bool:
    return (actors is None or one.actor in actors) and (site_id is None or one.site_id == site_id)


def _span(work: UnitOfWork, first_day: date, days: int) -> tuple[datetime, datetime]:
    zone = ZoneInfo(work.site_time_zone)
    return _midnight(first_day, zone), _midnight(first_day + timedelta(days=days), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _visits(
    work: UnitOfWork, begin: datetime, end: datetime, actors: set[str], *, everybody: bool
) -> list[VisitCard]:
    """Those on these calendars; on the whole, also those of people and rooms that keep no calendar."""
    found = cards_between(work, begin, end, SHOWN_TODAY)
    if everybody:
        return found
    return [
        visit
        for visit in found
        if visit.provider in actors or any(one.actor in actors for one in visit.resources)
    ]


def _blocks(work: UnitOfWork, begin: datetime, end: datetime, actors: list[str]) -> list[CalendarBlock]:
    rows = work.connection.execute(BLOCKS, {"begin": begin, "end": end, "actors": actors})
    return [
        CalendarBlock(
            block_id=row.id,
            version=row.version_id,
            actor=row.actor,
            starts_at=row.during.lower,
            ends_at=row.during.upper,
            words=decode(row.body).get("comment"),
        )
        for row in rows
    ]
