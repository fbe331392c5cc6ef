"""Signs a visit's note: charting seals and files it, and the booking that it answered is fulfilled."""

from __future__ import annotations

from data_contracts.api.notes import SignedReceipt, SignNote
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.model import find_note
from ehr_core.charting.notes.signing import sign_note
from ehr_core.kernel.fhir_json import decode, encode, reference_id
from ehr_core.store.repository import Store

KEPT = ("booked", "pending", "arrived", "checked-in")
"""A booking in one of these states was kept when its visit's note is signed."""


def sign_visit(work: UnitOfWork, *, note_id: str, sign: SignNote) -> SignedReceipt:
    """All of it in this one transaction: signed once, or not at all."""
    receipt = sign_note(work, note_id=note_id, sign=sign)
    if not receipt.already_signed:
        _fulfil_booking(work, find_note(work, note_id).encounter_id)
    return receipt


def _fulfil_booking(work: UnitOfWork, encounter_id: str) -> None:
    encounter = decode(Store(work).read("Encounter", encounter_id).body)
    for booked in encounter.get("appointment") or ():
        appointment_id = reference_id(booked, "Appointment")
        if appointment_id is None:
            continue
        stored = Store(work).read("Appointment", appointment_id)
        booking = decode(stored.body)
        if booking.get("status") in KEPT:
            kept = encode({**booking, "status": "fulfilled"})
            Store(work).update("Appointment", stored.id, kept, if_match=stored.version_id)
