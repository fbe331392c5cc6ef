"""Starts a visit from a booking or from the chart: the Encounter and its note, begun together."""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.notes import StartedVisit, StartVisit
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.drafts import begin_note
from ehr_core.charting.notes.templates import template_for
from ehr_core.charting.recordable import refused
from ehr_core.charting.service import subject_to_write
from ehr_core.charting.visits import Booking, begin_visit, note_of_visit
from ehr_core.kernel.fhir_json import Resource, decode, reference_id
from ehr_core.scheduling.rules import visit_reason
from ehr_core.store.repository import Store

NOT_THEIRS = "This booking is another patient's. Start the visit from that patient's line of the day's list."


def start_visit(work: UnitOfWork, *, patient_id: str, start: StartVisit) -> StartedVisit:
    """Takes up again what was begun before. Raises Forbidden, NotFound, Conflict for a merged record."""
    work.actor.require("note.write")
    subject_to_write(work, patient_id, None)
    template = template_for(start.kind, start.template_id)
    booking = _booking(work, patient_id, start.appointment_id)
    encounter_id = begin_visit(work, patient_id=patient_id, start=start, booking=booking)
    open_note = note_of_visit(work, encounter_id)
    note_id = open_note or begin_note(
        work, patient_id=patient_id, encounter_id=encounter_id, template=template
    )
    return StartedVisit(
        patient_id=patient_id,
        encounter_id=encounter_id,
        note_id=note_id,
        resumed=open_note is not None,
    )


def _booking(work: UnitOfWork, patient_id: str, appointment_id: str | None) -> Booking:
    if appointment_id is None:
        return Booking()
    stored = Store(work).read("Appointment", appointment_id)
    if stored.patient_id != patient_id:
        raise refused("appointment_id", NOT_THEIRS)
    appointment = decode(stored.body)
    people = (part.get("actor") or {} for part in appointment.get("participant") or ())
    clinician = next((actor for actor in people if reference_id(actor, "Practitioner")), None)
    return Booking(visit_reason(appointment), clinician and _named(work, clinician))


def _named(work: UnitOfWork, clinician: Resource) -> Resource:
    """The reference with the clinician's name, which a booking may leave out."""
    found = text("SELECT display_name FROM fhir.practitioner WHERE id = :id AND NOT deleted")
    name = work.connection.execute(found, {"id": reference_id(clinician, "Practitioner")}).scalars().first()
    return {**clinician, "display": clinician.get("display") or name} if name else clinician
