"""Begins a visit: one Encounter for one booking, however often the button is pressed. No commit inside."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from data_contracts.api.notes import StartVisit
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.encounters import UNDER_WAY, VISIT_TYPE, begun, build_encounter
from ehr_core.charting.parts import Resource, person
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.repository import Store

OF_BOOKING = text("""
SELECT id, version_id, body FROM fhir.encounter
WHERE patient_id = :patient_id AND NOT deleted AND reference_tokens @> ARRAY[:booking]
  AND status NOT IN ('entered-in-error', 'cancelled')
ORDER BY date_low DESC NULLS LAST, id LIMIT 1
""")
OPEN_ONE = text("""
SELECT e.id FROM fhir.encounter e JOIN charting.note n ON n.encounter_id = e.id AND n.state = 'draft'
WHERE e.patient_id = :patient_id AND NOT e.deleted AND e.status = ANY(:under_way)
  AND n.author_id = :me AND n.kind = 'note' AND e.code_tokens @> ARRAY[:kind]
  AND NOT EXISTS (SELECT 1 FROM unnest(coalesce(e.reference_tokens, '{}')) AS token
                   WHERE starts_with(token, 'appointment:'))
ORDER BY n.created_at DESC LIMIT 1
""")
NOTE_OF_VISIT = text("""
SELECT note_id FROM charting.note
WHERE encounter_id = :encounter_id AND kind IN ('note', 'amendment') AND state IN ('draft', 'signed')
ORDER BY (state = 'draft') DESC, created_at DESC LIMIT 1
""")


@dataclass(frozen=True)
class Booking:
    """What the booking says: why, and with whom (a reference). None is not recorded."""

    reason: str | None = None
    clinician: Resource | None = None


def begin_visit(work: UnitOfWork, *, patient_id: str, start: StartVisit, booking: Booking) -> str:
    """The id of the visit, in progress. A booking has one; without a booking, an unfinished one of this actor and
    kind is taken up again."""
    work.actor.require("note.write")
    Store(work).lock_condition("Encounter", [("visit", f"{patient_id}/{start.appointment_id or 'unbooked'}")])
    found = _found(work, patient_id, start)
    if found is not None:
        return found
    built = build_encounter(
        patient_id=patient_id,
        kind=start.kind,
        appointment_id=start.appointment_id,
        reason=start.reason or booking.reason,
        clinician=booking.clinician or person(work.actor),
        begins=work.now(),
    )
    return Store(work).create("Encounter", encode(built)).id


def note_of_visit(work: UnitOfWork, encounter_id: str) -> str | None:
    """The open note of a visit, else the signed one that stands; None when nobody has begun one."""
    found = work.connection.execute(NOTE_OF_VISIT, {"encounter_id": encounter_id}).scalars().first()
    return str(found) if found else None


def _found(work: UnitOfWork, patient_id: str, start: StartVisit) -> str | None:
    if start.appointment_id is None:
        values = {
            "patient_id": patient_id,
            "me": work.actor.actor_id,
            "kind": f"{VISIT_TYPE}|{start.kind}",
            "under_way": list(UNDER_WAY),
        }
        return work.connection.execute(OPEN_ONE, values).scalars().first()
    values = {"patient_id": patient_id, "booking": f"appointment:Appointment/{start.appointment_id}"}
    row = work.connection.execute(OF_BOOKING, values).one_or_none()
    if row is None:
        return None
    encounter = decode(row.body)
    if (now := begun(encounter, at=work.now())) is not encounter:
        Store(work).update("Encounter", row.id, encode(now), if_match=row.version_id)
    return row.id
