"""Books, moves, cancels, marks as missed. What is taken the database refuses; the answer names the nearest free times.

Each act changes the Appointment in the store; what it occupies follows in the same transaction (migration 0011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import text

from data_contracts.api.scheduling import (
    AppointmentType,
    BookedResource,
    BookVisit,
    CancelVisit,
    FindSlots,
    MoveVisit,
    Slot,
    VisitAct,
    VisitCard,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.display import show_instant
from ehr_core.kernel.errors import BadRequest, Conflict, StaleVersion, TimeTaken
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.ids import new_id
from ehr_core.scheduling import appointment
from ehr_core.scheduling.appointment import Time
from ehr_core.scheduling.calendars import calendar, site_zone, sites
from ehr_core.scheduling.cards import card, cards_by_id
from ehr_core.scheduling.holds import TRIES, end_hold, held, let_go, require_booking
from ehr_core.scheduling.openings import Search, free_resources, slot_at
from ehr_core.scheduling.rules import (
    MOVABLE,
    check_can_be_missed,
    check_movable,
    moved_with,
    series_starts,
)
from ehr_core.scheduling.taken import Own, nearest, refused
from ehr_core.scheduling.types import appointment_type
from ehr_core.store.repository import Store

Answer = TypeVar("Answer")


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


def move(work: UnitOfWork, appointment_id: str, wanted: MoveVisit) -> list[VisitCard]:
    """To another time, and another provider when one is named; `following` moves the rest of the series with it.

    Raises StaleVersion, Conflict when somebody has come already, TimeTaken: then nothing has moved.
    """
    visit = _to_act_on(work, appointment_id, wanted.version)
    check_movable(visit.status)
    let_go(work)
    later = following(work, visit) if wanted.following else [visit]
    backwards = wanted.starts_at < visit.starts_at
    aside = [one.appointment_id for one in later]
    if wanted.hold_id is not None:
        end_hold(work, held(work, wanted.hold_id), "released")
    for one in later if backwards else reversed(later):
        starts_at = moved_with(one.starts_at, visit.starts_at, wanted.starts_at, one.time_zone)
        if one.appointment_id == appointment_id:
            starts_at = wanted.starts_at
        _move_one(work, one, wanted, starts_at, aside)
    return cards_by_id(work, aside)


def cancel(work: UnitOfWork, appointment_id: str, wanted: CancelVisit) -> list[VisitCard]:
    """Off, with a coded reason; `following` also the rest of the series. Raises StaleVersion, Conflict, BadRequest."""
    if wanted.reason == "other" and not (wanted.note or "").strip():
        raise BadRequest("note: say in a few words why, or choose one of the other reasons.")
    visit = _to_act_on(work, appointment_id, wanted.version)
    check_movable(visit.status)
    ended = following(work, visit) if wanted.following else [visit]
    for one in ended:
        _change(work, one, lambda body: appointment.cancelled(body, wanted.reason, wanted.note))
        work.audit(
            "scheduling.cancelled",
            resource_type="Appointment",
            resource_id=one.appointment_id,
            patient_id=one.patient_id,
            detail={"reason": wanted.reason},
        )
    return cards_by_id(work, [one.appointment_id for one in ended])


def mark_no_show(work: UnitOfWork, appointment_id: str, wanted: VisitAct) -> VisitCard:
    """Raises Conflict before the visit's time, or when the patient has come; StaleVersion."""
    work.actor.require("schedule.book")
    visit = _to_act_on(work, appointment_id, wanted.version)
    check_can_be_missed(visit.status, visit.starts_at, work.now())
    _change(work, visit, lambda body: appointment.with_status(body, "noshow"))
    work.audit(
        "scheduling.no_show",
        resource_type="Appointment",
        resource_id=appointment_id,
        patient_id=visit.patient_id,
    )
    return card(work, appointment_id)


def confirm(work: UnitOfWork, appointment_id: str) -> VisitCard:
    """The patient says that they come. Raises Conflict when it is off or over; again it changes nothing."""
    visit = card(work, appointment_id)
    require_booking(work, visit.patient_id)
    check_movable(visit.status)
    _change(work, visit, appointment.confirmed)
    work.audit(
        "scheduling.confirmed",
        resource_type="Appointment",
        resource_id=appointment_id,
        patient_id=visit.patient_id,
    )
    return card(work, appointment_id)


def following(work: UnitOfWork, visit: VisitCard) -> list[VisitCard]:
    """This one and those of its series that come after it and can still be changed."""
    if visit.series_id is None:
        raise BadRequest("following: this visit is not part of a series.")
    ids = work.connection.execute(
        text(
            "SELECT later.appointment_id FROM scheduling.series_member AS this "
            "JOIN scheduling.series_member AS later USING (series_id) "
            "WHERE this.appointment_id = :id AND later.number >= this.number"
        ),
        {"id": visit.appointment_id},
    ).scalars()
    found = cards_by_id(work, list(ids))
    return [one for one in found if one.status in MOVABLE]


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
        first=f"{_moment(work, starts_at)} is taken, or outside the calendar's hours.",
    )


def outside_slot(
    work: UnitOfWork,
    kind: AppointmentType,
    provider: str,
    site_id: str | None,
    starts_at: datetime,
    aside: Sequence[str] = (),
) -> Slot | None:
    """The time although the calendar is not open then; None when a room or device is missing."""
    person = calendar(work, provider)
    site = next((one for one in sites(work) if one.site_id == (site_id or person.site_id)), None)
    if site is None:
        raise BadRequest("site_id: choose one of the sites of this installation.")
    resources = free_resources(work, kind, provider, site.site_id, starts_at, aside)
    if resources is None:
        return None
    return Slot(
        type_code=kind.code,
        provider=provider,
        provider_name=person.name,
        site_id=site.site_id,
        site_name=site.name,
        time_zone=site.time_zone,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=kind.minutes),
        resources=resources,
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


def time_of(slot: Slot) -> Time:
    return Time(
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        time_zone=slot.time_zone,
        provider=slot.provider,
        provider_name=slot.provider_name,
        site_id=slot.site_id,
        resources=[(one.actor, one.name) for one in slot.resources],
    )


def _move_one(
    work: UnitOfWork, visit: VisitCard, wanted: MoveVisit, starts_at: datetime, aside: Sequence[str]
) -> None:
    provider = wanted.provider or visit.provider
    if provider is None:
        raise BadRequest("provider: this visit has no clinician yet. Say with whom it will be.")
    kind = _kind_of(work, visit)
    site_id = wanted.site_id or (visit.site_id if wanted.provider in (None, visit.provider) else None)
    slot = _slot_to_move_to(work, visit, wanted, kind, provider, site_id, starts_at, aside)

    def moved(body: dict[str, Any]) -> dict[str, Any]:
        return appointment.unanswered(appointment.at_time(body, time_of(slot)))

    with_alternatives(
        work,
        kind,
        visit.patient_id,
        provider,
        starts_at,
        lambda: _change(work, visit, moved),
        aside=aside,
        own=(visit.provider, visit.starts_at),
    )
    work.audit(
        "scheduling.moved",
        resource_type="Appointment",
        resource_id=visit.appointment_id,
        patient_id=visit.patient_id,
        detail={"provider": provider},
    )


def _slot_to_move_to(
    work: UnitOfWork,
    visit: VisitCard,
    wanted: MoveVisit,
    kind: AppointmentType,
    provider: str,
    site_id: str | None,
    starts_at: datetime,
    aside: Sequence[str],
) -> Slot:
    wish = FindSlots(type_code=kind.code, patient_id=visit.patient_id)
    slot = slot_at(work, Search(kind, wish, aside=aside), provider, site_id, starts_at)
    if slot is None and wanted.outside_hours:
        work.actor.require("schedule.manage")
        slot = outside_slot(work, kind, provider, site_id, starts_at, aside)
    if slot is None:
        raise refused(
            nearest(
                work,
                kind,
                visit.patient_id,
                provider,
                starts_at,
                aside=aside,
                own=(visit.provider, visit.starts_at),
            ),
            first=f"{_moment(work, starts_at)} is taken, or outside the calendar's hours.",
        )
    return slot


def _kind_of(work: UnitOfWork, visit: VisitCard) -> AppointmentType:
    """Its type; a booking from elsewhere has none: then as long as it was planned, and no room is looked for."""
    if visit.type_code is not None:
        kind = appointment_type(work, visit.type_code, retired_too=True)
        resources = [] if not visit.resources else kind.resource_kinds
        return kind.model_copy(update={"minutes": _minutes(visit, kind.minutes), "resource_kinds": resources})
    return AppointmentType(code="of_elsewhere", name="Visit", minutes=_minutes(visit, 15), every_minutes=5)


def _minutes(visit: VisitCard, usual: int) -> int:
    """As long as it was planned, within what a type can be."""
    if visit.ends_at is None:
        return usual
    return min(480, max(5, int((visit.ends_at - visit.starts_at).total_seconds() // 60)))


def _to_act_on(work: UnitOfWork, appointment_id: str, version: int) -> VisitCard:
    """The visit as it was drawn. Raises StaleVersion when somebody has changed it since, Forbidden, NotFound."""
    visit = card(work, appointment_id)
    require_booking(work, visit.patient_id)
    if visit.version != version:
        raise StaleVersion("Somebody else has changed this visit a moment ago. Look at it again.")
    return visit


def _change(work: UnitOfWork, visit: VisitCard, act: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Writes the changed Appointment over the very version that was read."""
    store = Store(work)
    body = decode(store.read("Appointment", visit.appointment_id).body)
    store.update("Appointment", visit.appointment_id, act(body), if_match=visit.version)


def _moment(work: UnitOfWork, starts_at: datetime) -> str:
    return show_instant(starts_at, work.site_time_zone)
