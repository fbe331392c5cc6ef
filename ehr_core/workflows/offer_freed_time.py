"""A freed time goes to the best match of the waitlist: held and told to them, booked when they accept, else the next.

Who may not be written to is passed over: staff see them on the list and may call.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from data_contracts.api.scheduling import Authorization, BookedVisits, BookVisit, MoveVisit
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import TimeTaken
from ehr_core.messaging.words import plan
from ehr_core.registration.queries import people_by_id
from ehr_core.scheduling import booking, changing, waitlist
from ehr_core.scheduling.cards import card
from ehr_core.scheduling.holds import held, place_hold
from ehr_core.scheduling.types import appointment_type
from ehr_core.workflows.book_visit import finish_booking, finish_move
from ehr_core.workflows.visit_messages import after_quiet_hours, channel_for, tell_offer


def offer_next_freed(work: UnitOfWork, *, minutes: int) -> bool:
    """Takes one freed time and offers it; False when no freed time waits."""
    freed = waitlist.next_freed(work)
    if freed is None:
        return False
    earliest = work.now() + timedelta(hours=plan()["offer"]["lead_hours"])
    if freed["during"].upper > earliest:
        _offer(work, freed["actor"], freed["during"].lower, freed["during"].upper, earliest, minutes)
    return True


def lapse_offers(work: UnitOfWork) -> int:
    """Ends the offers that nobody answered in time; each time goes on to the next. Says how many."""
    over = waitlist.lapsed_offers(work)
    for offer in over:
        waitlist.end_offer(work, offer, "lapsed")
        waitlist.set_entry(work, str(offer["entry_id"]), "waiting")
        work.audit(
            "waitlist.lapsed", patient_id=offer["patient_id"], detail={"offer_id": str(offer["offer_id"])}
        )
    return len(over)


def accept_offer(work: UnitOfWork, offer_id: str) -> BookedVisits:
    """Books what was held; a later booking that was to give way moves there instead. Raises Gone, Conflict."""
    offer = waitlist.offer_to_answer(work, offer_id)
    entry = waitlist.locked_entry(work, str(offer["entry_id"]))
    waitlist.accept(work, offer)
    if entry["moves_appointment_id"] is not None:
        return _move_there(work, entry, offer)
    kind = appointment_type(work, entry["type_code"], retired_too=True)
    wanted = BookVisit(
        patient_id=entry["patient_id"],
        type_code=kind.code,
        hold_id=str(offer["hold_id"]),
        authorization=Authorization(state="requested") if kind.needs_authorization else None,
    )
    return finish_booking(work, wanted, booking.book_offered(work, wanted))


def decline_offer(work: UnitOfWork, offer_id: str) -> None:
    """The person keeps waiting; the time goes on to the next at once."""
    offer = waitlist.offer_to_answer(work, offer_id)
    waitlist.end_offer(work, offer, "declined")
    waitlist.set_entry(work, str(offer["entry_id"]), "waiting")
    work.audit("waitlist.declined", patient_id=offer["patient_id"], detail={"offer_id": offer_id})


def _move_there(work: UnitOfWork, entry: Mapping[str, Any], offer: Mapping[str, Any]) -> BookedVisits:
    hold = held(work, str(offer["hold_id"]))
    provider = next(actor for actor in hold["actors"] if actor.startswith("Practitioner/"))
    visit = card(work, entry["moves_appointment_id"])
    wanted = MoveVisit(
        version=visit.version,
        starts_at=hold["starts_at"],
        provider=provider,
        hold_id=str(offer["hold_id"]),
    )
    return finish_move(work, changing.move(work, visit.appointment_id, wanted), visit.appointment_id)


def _offer(
    work: UnitOfWork, provider: str, begin: datetime, end: datetime, earliest: datetime, minutes: int
) -> None:
    """To the best match who can be told; nobody: the time stays free for everybody."""
    for entry, slot in waitlist.best_matches(work, provider, begin, end, earliest=earliest):
        person = people_by_id(work, [entry["patient_id"]]).get(entry["patient_id"])
        if channel_for(work, person) is None:
            continue
        told_at = after_quiet_hours(work.now(), slot.time_zone)
        latest = slot.starts_at - timedelta(hours=plan()["offer"]["margin_hours"])
        until = min(told_at + timedelta(minutes=minutes), latest)
        if until <= told_at:
            continue
        kind = appointment_type(work, entry["type_code"], retired_too=True)
        aside = [entry["moves_appointment_id"]] if entry["moves_appointment_id"] else []
        try:
            hold = place_hold(
                work,
                kind,
                provider,
                slot.site_id,
                slot.starts_at,
                entry["patient_id"],
                until=until,
                purpose="offer",
                aside=aside,
            )
        except TimeTaken:
            return
        offer_id = waitlist.make_offer(work, entry, hold)
        tell_offer(work, entry["patient_id"], offer_id, slot.starts_at, slot.time_zone, until)
        return
