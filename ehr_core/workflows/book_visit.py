"""Books, moves and cancels visits of people who can be booked for; care gaps and messages follow in the same act."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from data_contracts.api.scheduling import (
    BookedVisits,
    BookVisit,
    CancelVisit,
    FindSlots,
    MoveVisit,
    SlotsFound,
    VisitAct,
    VisitCard,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.reading import read_row
from ehr_core.care_gaps.service import set_workflow_state
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.registration.service import person_by_id
from ehr_core.scheduling import booking, changing
from ehr_core.scheduling.booking import Booked
from ehr_core.scheduling.cards import card
from ehr_core.scheduling.holds import require_booking
from ehr_core.scheduling.openings import Search, find_slots
from ehr_core.scheduling.types import appointment_type
from ehr_core.workflows.settle_gaps import follow_visits
from ehr_core.workflows.visit_messages import tell


def find_free_slots(work: UnitOfWork, wish: FindSlots) -> SlotsFound:
    """The best free times over several providers and sites; the patient's own clinician is ranked before others."""
    require_booking(work, wish.patient_id)
    kind = appointment_type(work, wish.type_code)
    own, patient_id = None, work.actor.patient_id or wish.patient_id
    if patient_id is not None:
        clinician_id = person_by_id(work, patient_id).clinician_id
        own = f"Practitioner/{clinician_id}" if clinician_id else None
        wish = wish.model_copy(update={"patient_id": patient_id})
    first = wish.first_day or work.today()
    slots = find_slots(work, Search(kind, wish, own_clinician=own))
    return SlotsFound(slots=slots, searched_from=first, searched_until=first + timedelta(days=wish.days - 1))


def read_visit(work: UnitOfWork, appointment_id: str) -> VisitCard:
    """One booking, for staff who see the schedule. Audited."""
    work.actor.require("schedule.read")
    found = card(work, appointment_id)
    work.audit(
        "schedule_read", resource_type="Appointment", resource_id=appointment_id, patient_id=found.patient_id
    )
    return found


def book_visit(work: UnitOfWork, wanted: BookVisit) -> BookedVisits:
    """One act: the booking, the gaps that it is for, the confirmation to the patient. All of it or nothing."""
    require_booking(work, wanted.patient_id)
    check_bookable(work, wanted.patient_id)
    return finish_booking(work, wanted, booking.book(work, wanted))


def finish_booking(work: UnitOfWork, wanted: BookVisit, done: Booked) -> BookedVisits:
    """What follows a booking: gaps, and a message to who agreed to one; nothing when it was booked before."""
    told: list[str] = []
    if not done.again:
        _schedule_gaps(work, wanted.gap_ids, done.visits[0])
        follow_visits(work, [wanted.patient_id])
        told = tell(work, "booked", done.visits)
    return BookedVisits(
        visits=done.visits, skipped=done.skipped, preparation=done.kind.preparation, told_by=told
    )


def move_visit(work: UnitOfWork, appointment_id: str, wanted: MoveVisit) -> BookedVisits:
    return finish_move(work, changing.move(work, appointment_id, wanted), appointment_id)


def finish_move(work: UnitOfWork, moved: Sequence[VisitCard], appointment_id: str) -> BookedVisits:
    """What follows a move; the visit that was asked about comes first."""
    _follow(work, moved)
    visits = sorted(moved, key=lambda one: (one.appointment_id != appointment_id, one.starts_at))
    return BookedVisits(visits=visits, told_by=tell(work, "moved", visits))


def cancel_visit(work: UnitOfWork, appointment_id: str, wanted: CancelVisit) -> list[VisitCard]:
    ended = changing.cancel(work, appointment_id, wanted)
    _follow(work, ended)
    if work.actor.kind != "patient" and wanted.reason != "deceased":
        tell(work, "cancelled", ended)
    return ended


def miss_visit(work: UnitOfWork, appointment_id: str, wanted: VisitAct) -> VisitCard:
    missed = changing.mark_no_show(work, appointment_id, wanted)
    _follow(work, [missed])
    return missed


def check_bookable(work: UnitOfWork, patient_id: str) -> None:
    """Raises Conflict for somebody who has died, was merged away or whose record is inactive: read at this moment."""
    person = person_by_id(work, patient_id)
    if person.deceased:
        raise Conflict("The patient is recorded as deceased: no visit is booked.")
    if person.replaced_by is not None:
        raise Conflict("This record was merged into another one. Open the surviving record and book there.")
    if not person.active:
        raise Conflict("The record is inactive: make it active in registration before you book.")


def _follow(work: UnitOfWork, visits: Sequence[VisitCard]) -> None:
    follow_visits(work, sorted({visit.patient_id for visit in visits if visit.patient_id}))


def _schedule_gaps(work: UnitOfWork, gap_ids: Sequence[str], visit: VisitCard) -> None:
    """Open gaps that the visit is for are Scheduled until the day after it."""
    if not gap_ids:
        return
    work.actor.require("gap.act")
    until = visit.starts_at.astimezone(ZoneInfo(work.site_time_zone)).date() + timedelta(days=1)
    for gap_id in sorted(set(gap_ids)):
        row = read_row(work, gap_id, lock=True)
        if row["patient_id"] != visit.patient_id:
            raise BadRequest(
                "gap_ids: one of these gaps is another patient's. Reload the page and select again."
            )
        if row["computed_status"] == "open":
            set_workflow_state(
                work, row, "scheduled", until, act="visit_booked", reference=visit.appointment_id
            )
