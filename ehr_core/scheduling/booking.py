"""Books one visit or a series, from a hold or at a time. What is taken the database refuses; see taken.py.

Each act creates an Appointment in the store; what it occupies follows in the same transaction (migration 0011).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import BookedResource, BookVisit, FindSlots, Slot, VisitCard
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, TimeTaken
from ehr_core.kernel.ids import new_id
from ehr_core.scheduling import appointment
from ehr_core.scheduling.appointment import time_of
from ehr_core.scheduling.calendars import calendar, site_zone, sites
from ehr_core.scheduling.cards import card, cards_by_id
from ehr_core.scheduling.holds import TRIES, end_hold, held, let_go, require_booking
from ehr_core.scheduling.openings import Search, outside_slot, slot_at
from ehr_core.scheduling.rules import series_starts
from ehr_core.scheduling.taken import nearest, refused, taken_or_closed, with_alternatives
from ehr_core.scheduling.types import appointment_type
from ehr_core.store.repository import Store


@dataclass(frozen=True)
class Booked:
    """`skipped` are dates of a series that were taken and left out."""

    visits: list[VisitCard]
    kind: AppointmentType
    skipped: list[datetime]
    again: bool = False


def book(work: UnitOfWork, wanted: BookVisit) -> Booked:
    """One visit or a series. The same hold again books nothing twice. Raises TimeTaken, BadRequest, Forbidden."""
    require_booking(work, wanted.patient_id)
    kind = appointment_type(work, wanted.type_code)
    _check_may_book(work, wanted, kind)
    let_go(work)
    if wanted.hold_id is not None:
        return _book_held(work, wanted, kind)
    if wanted.provider is None or wanted.starts_at is None:
        raise BadRequest("starts_at, provider: say when and with whom, or give the hold.")
    if wanted.repeat is not None:
        return _book_series(work, wanted, kind, wanted.provider, wanted.starts_at)
    visit = _book_at(work, wanted, kind, wanted.provider, wanted.starts_at)
    return Booked([visit], kind, [])


def book_offered(work: UnitOfWork, wanted: BookVisit) -> Booked:
    """What the waitlist offered and holds: the clinic chose the type, so a patient may accept any."""
    require_booking(work, wanted.patient_id)
    return _book_held(work, wanted, appointment_type(work, wanted.type_code, retired_too=True))


def _check_may_book(work: UnitOfWork, wanted: BookVisit, kind: AppointmentType) -> None:
    if work.actor.kind == "patient":
        if not kind.patient_may_book:
            raise BadRequest("type_code: this visit is booked by the clinic. Call us.")
        if wanted.repeat or wanted.outside_hours:
            raise BadRequest("repeat: a series is booked by the clinic. Call us.")
    if wanted.outside_hours:
        work.actor.require("schedule.manage")
    if kind.needs_authorization and wanted.authorization is None:
        raise BadRequest(
            "authorization: this type needs the payer's authorization. Say whether it was obtained or requested, or is "
            "not needed."
        )


def _book_held(work: UnitOfWork, wanted: BookVisit, kind: AppointmentType) -> Booked:
    row = held(work, str(wanted.hold_id))
    if row["state"] == "booked":
        visit = card(work, row["appointment_id"])
        if visit.patient_id != wanted.patient_id:
            raise Conflict("This time was booked for somebody else. Choose another one.")
        return Booked([visit], kind, [], again=True)
    if row["patient_id"] not in (None, wanted.patient_id):
        raise Conflict("This time is held for somebody else. Choose another one.")
    if row["type_code"] != kind.code:
        raise BadRequest("type_code: another type was held. Choose the time again for this type.")
    provider = next(actor for actor in row["actors"] if actor.startswith("Practitioner/"))
    if wanted.repeat is not None:
        end_hold(work, row, "released")
        return _book_series(work, wanted, kind, provider, row["starts_at"])
    if row["state"] != "held":
        return Booked([_book_at(work, wanted, kind, provider, row["starts_at"])], kind, [])
    search = Search(kind, FindSlots(type_code=kind.code), aside=[str(wanted.hold_id)])
    slot = slot_at(work, search, provider, None, row["starts_at"]) or _held_slot(work, row, kind, provider)
    resources = [actor for actor in row["actors"] if actor != provider]
    named = {one.actor: one for one in slot.resources}
    slot = slot.model_copy(
        update={"resources": [named.get(actor) or _named(work, actor) for actor in resources]}
    )
    visit = with_alternatives(
        work,
        kind,
        wanted.patient_id,
        provider,
        row["starts_at"],
        lambda: _create(work, wanted, kind, slot, hold=dict(row)),
    )
    return Booked([visit], kind, [])


def _held_slot(work: UnitOfWork, row: Any, kind: AppointmentType, provider: str) -> Slot:
    """As it was held, though the hours have changed since: the promise counts."""
    held_on = calendar(work, provider)
    site = next(site for site in sites(work) if site.site_id == held_on.site_id)
    return Slot(
        type_code=kind.code,
        provider=provider,
        provider_name=held_on.name,
        site_id=site.site_id,
        site_name=site.name,
        time_zone=site.time_zone,
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        resources=[],
    )


def _named(work: UnitOfWork, actor: str) -> BookedResource:
    return BookedResource(actor=actor, name=calendar(work, actor).name)


def _book_series(
    work: UnitOfWork, wanted: BookVisit, kind: AppointmentType, provider: str, first: datetime
) -> Booked:
    """All dates, or none and the first that is taken is named; with skip_taken those that are free."""
    repeat = wanted.repeat
    if repeat is None:
        raise BadRequest("repeat: say how often.")
    zone = site_zone(work, wanted.site_id or calendar(work, provider).site_id)
    series_id = new_id()
    visits: list[VisitCard] = []
    skipped: list[datetime] = []
    for starts_at in series_starts(first, zone, repeat):
        try:
            with work.connection.begin_nested():
                visits.append(_book_at(work, wanted, kind, provider, starts_at, series_id=series_id))
        except TimeTaken:
            if not repeat.skip_taken:
                raise
            skipped.append(starts_at)
    if not visits:
        raise refused(nearest(work, kind, wanted.patient_id, provider, first), first="Every date is taken.")
    work.connection.execute(
        text(
            "INSERT INTO scheduling.series_member (appointment_id, series_id, patient_id, number) "
            "VALUES (:appointment, CAST(:series AS uuid), :patient, :number)"
        ),
        [
            {
                "appointment": visit.appointment_id,
                "series": series_id,
                "patient": wanted.patient_id,
                "number": number,
            }
            for number, visit in enumerate(visits, 1)
        ],
    )
    return Booked(cards_by_id(work, [visit.appointment_id for visit in visits]), kind, skipped)


def _book_at(
    work: UnitOfWork,
    wanted: BookVisit,
    kind: AppointmentType,
    provider: str,
    starts_at: datetime,
    *,
    series_id: str | None = None,
) -> VisitCard:
    """At this time, with whatever room is free; another room is looked for when somebody else takes the one found."""
    search = Search(kind, FindSlots(type_code=kind.code, patient_id=wanted.patient_id))
    for _ in range(TRIES):
        slot = slot_at(work, search, provider, wanted.site_id, starts_at)
        if slot is None and wanted.outside_hours:
            slot = outside_slot(work, kind, provider, wanted.site_id, starts_at)
        if slot is None:
            break
        try:
            with work.connection.begin_nested():
                return _create(work, wanted, kind, slot, series_id=series_id)
        except TimeTaken as error:
            if error.actor not in {one.actor for one in slot.resources}:
                break
    raise refused(
        nearest(work, kind, wanted.patient_id, provider, starts_at),
        first=taken_or_closed(work, starts_at),
    )


def _create(
    work: UnitOfWork,
    wanted: BookVisit,
    kind: AppointmentType,
    slot: Slot,
    *,
    series_id: str | None = None,
    hold: Any = None,
) -> VisitCard:
    appointment_id = new_id()
    if hold is not None:
        end_hold(work, hold, "booked", appointment_id)
    resource = appointment.booked(
        wanted.patient_id,
        kind,
        time_of(slot),
        reason=wanted.reason,
        created=work.now(),
        authorization=wanted.authorization,
        series_id=series_id,
    )
    Store(work).create("Appointment", resource, id=appointment_id)
    work.audit(
        "scheduling.booked",
        resource_type="Appointment",
        resource_id=appointment_id,
        patient_id=wanted.patient_id,
        detail={"type": kind.code, "provider": slot.provider},
    )
    return card(work, appointment_id)
