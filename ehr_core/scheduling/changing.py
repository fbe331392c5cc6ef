"""Moves, cancels, confirms, marks as missed: what becomes of a visit that is booked.

Each act changes the Appointment in the store; what it occupies follows in the same transaction (migration 0011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import (
    CancelVisit,
    FindSlots,
    MoveVisit,
    Slot,
    VisitAct,
    VisitCard,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, StaleVersion
from ehr_core.kernel.fhir_json import decode
from ehr_core.scheduling import appointment
from ehr_core.scheduling.appointment import time_of
from ehr_core.scheduling.cards import card, cards_by_id
from ehr_core.scheduling.holds import end_hold, held, let_go, require_booking
from ehr_core.scheduling.openings import Search, outside_slot, slot_at
from ehr_core.scheduling.rules import (
    MOVABLE,
    check_can_be_missed,
    check_movable,
    moved_with,
)
from ehr_core.scheduling.taken import nearest, refused, taken_or_closed, with_alternatives
from ehr_core.scheduling.types import appointment_type
from ehr_core.store.repository import Store


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
            first=taken_or_closed(work, starts_at),
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
