"""A hold keeps a free time for a few minutes while somebody asks, types or thinks. It ends by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import text

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import FindSlots, Hold, HoldSlot, Slot
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound, TimeTaken
from ehr_core.kernel.ids import new_id
from ehr_core.scheduling.calendars import checked_uuid
from ehr_core.scheduling.openings import Search, slot_at
from ehr_core.scheduling.taken import nearest, refused
from ehr_core.scheduling.types import appointment_type
from ehr_core.store.versions import refusals_of_the_database

TRIES = 6
"""Somebody else may take the room that was found free; another one is looked for so often."""


def require_booking(work: UnitOfWork, patient_id: str | None) -> None:
    """Staff who book, or a patient for themselves; raises Forbidden, or NotFound about anybody else."""
    if work.actor.kind != "patient":
        work.actor.require("schedule.book")
        return
    work.actor.require("own.book")
    if patient_id not in (None, work.actor.patient_id):
        raise NotFound("There is no such patient.")


def hold_slot(work: UnitOfWork, wanted: HoldSlot, *, minutes: int) -> Hold:
    """Keeps a slot, with a room and devices of its own. Raises TimeTaken with the nearest free times."""
    require_booking(work, wanted.patient_id)
    kind = appointment_type(work, wanted.type_code)
    patient_id = work.actor.patient_id or wanted.patient_id
    until = work.now() + timedelta(minutes=minutes)
    return place_hold(
        work,
        kind,
        wanted.provider,
        wanted.site_id,
        wanted.starts_at,
        patient_id,
        until=until,
        purpose="booking",
    )


def place_hold(
    work: UnitOfWork,
    kind: AppointmentType,
    provider: str,
    site_id: str | None,
    starts_at: datetime,
    patient_id: str | None,
    *,
    until: datetime,
    purpose: Literal["booking", "offer"],
    aside: Sequence[str] = (),
) -> Hold:
    """Any purpose; `aside` are bookings that will give way. Raises TimeTaken."""
    let_go(work)
    search = Search(kind, FindSlots(type_code=kind.code, patient_id=patient_id), aside=aside)
    for _ in range(TRIES):
        slot = slot_at(work, search, provider, site_id, starts_at)
        if slot is None:
            break
        hold_id = _insert(work, slot, patient_id, until=until, purpose=purpose)
        if hold_id is not None:
            work.audit("scheduling.held", patient_id=patient_id, detail={"hold_id": hold_id})
            return Hold(hold_id=hold_id, until=until, slot=slot)
    raise refused(nearest(work, kind, patient_id, provider, starts_at))


def release_hold(work: UnitOfWork, hold_id: str) -> None:
    """Lets a time go that nobody wants any more; one that is booked or over stays as it is."""
    row = held(work, hold_id)
    require_booking(work, row["patient_id"])
    if row["state"] == "held":
        end_hold(work, row, "released")


def held(work: UnitOfWork, hold_id: str) -> Mapping[str, Any]:
    """The locked row, in any state. Raises NotFound."""
    row = (
        work.connection.execute(
            text("SELECT * FROM scheduling.hold WHERE hold_id = CAST(:id AS uuid) FOR UPDATE"),
            {"id": checked_uuid(hold_id, "hold")},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such hold. Choose a time again.")
    return row


def end_hold(
    work: UnitOfWork,
    row: Mapping[str, Any],
    state: Literal["booked", "released", "expired"],
    appointment_id: str | None = None,
) -> None:
    work.connection.execute(
        text("UPDATE scheduling.hold SET state = :state, appointment_id = :appointment WHERE hold_id = :id"),
        {"state": state, "appointment": appointment_id, "id": row["hold_id"]},
    )


def let_go(work: UnitOfWork) -> int:
    """Ends the holds whose time is over; says how many."""
    return work.connection.execute(text("SELECT scheduling.let_go(:now)"), {"now": work.now()}).scalar_one()


def _insert(
    work: UnitOfWork, slot: Slot, patient_id: str | None, *, until: datetime, purpose: str
) -> str | None:
    """The new hold's id; None when somebody was faster."""
    hold_id = new_id()
    try:
        with work.connection.begin_nested(), refusals_of_the_database():
            work.connection.execute(
                text(
                    "INSERT INTO scheduling.hold (hold_id, patient_id, purpose, type_code, actors, starts_at, ends_at, "
                    "until, made_by, made_at) VALUES (CAST(:hold_id AS uuid), :patient_id, :purpose, :type_code, "
                    ":actors, :starts_at, :ends_at, :until, :made_by, :now)"
                ),
                {
                    "hold_id": hold_id,
                    "patient_id": patient_id,
                    "purpose": purpose,
                    "type_code": slot.type_code,
                    "actors": [slot.provider, *(one.actor for one in slot.resources)],
                    "starts_at": slot.starts_at,
                    "ends_at": slot.ends_at,
                    "until": until,
                    "made_by": work.actor.actor_id,
                    "now": work.now(),
                },
            )
    except TimeTaken:
        return None
    return hold_id
