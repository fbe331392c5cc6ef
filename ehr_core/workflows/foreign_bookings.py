"""An Appointment that comes over the FHIR API: refused like any other when its time is taken, and told what is free."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from data_contracts.api.calendars import AppointmentType
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import codings, decode
from ehr_core.scheduling.appointment import TYPE_SYSTEM
from ehr_core.scheduling.holds import let_go
from ehr_core.scheduling.rules import visit_minutes
from ehr_core.scheduling.taken import with_alternatives
from ehr_core.scheduling.types import appointment_type

Answer = TypeVar("Answer")
USUAL_MINUTES = 15


def written_from_elsewhere(
    work: UnitOfWork, resource_type: str, body: bytes, write: Callable[[], Answer]
) -> Answer:
    """Does the write. For an Appointment, a refusal names the nearest free times with the same person.

    Raises TimeTaken; within a Bundle the sentence names the entry, and no times.
    """
    if resource_type != "Appointment" and not (resource_type == "Bundle" and b'"Appointment"' in body):
        return write()
    let_go(work)
    wanted = _wanted(work, body) if resource_type == "Appointment" else None
    if wanted is None:
        return write()
    kind, patient_id, provider, starts_at = wanted
    return with_alternatives(work, kind, patient_id, provider, starts_at, write)


def _wanted(work: UnitOfWork, body: bytes) -> tuple[AppointmentType, str | None, str | None, datetime] | None:
    """What the Appointment asks for; None when it cannot be told: then the store says what is wrong with it."""
    try:
        sent = decode(body)
        starts_at = datetime.fromisoformat(sent["start"])
        named = [((one.get("actor") or {}).get("reference") or "") for one in sent.get("participant") or ()]
        minutes = visit_minutes(sent) or USUAL_MINUTES
    except (BadRequest, KeyError, TypeError, ValueError, AttributeError):
        return None
    if starts_at.tzinfo is None:
        return None
    patient = next((name for name in named if name.startswith("Patient/")), None)
    provider = next((name for name in named if name.startswith("Practitioner/")), None)
    return _kind(work, sent, minutes), patient and patient.partition("/")[2], provider, starts_at


def _kind(work: UnitOfWork, sent: dict[str, Any], minutes: int) -> AppointmentType:
    """One of ours when it says so, else a visit of its own length that needs nothing but the people."""
    try:
        code = next(
            code
            for concept in sent.get("serviceType") or ()
            for system, code in codings(concept)
            if system == TYPE_SYSTEM
        )
        return appointment_type(work, code)
    except (StopIteration, BadRequest):
        length = min(480, max(5, minutes))
        return AppointmentType(code="of_elsewhere", name="Visit", minutes=length, every_minutes=5)
