"""Gives out record numbers of this site: each once, whoever asks at the same moment."""

from __future__ import annotations

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.registration.reading import MRN_SYSTEM
from ehr_core.store.tokens import identifier_token

PREFIX = "M"

NEXT = text("SELECT nextval('registration.record_number')")
TAKEN = text("SELECT EXISTS (SELECT 1 FROM fhir.patient WHERE identifier_tokens && :tokens)")
KEEP = text(
    "INSERT INTO registration.mrn (mrn, patient_id, assigned_at) VALUES (:mrn, :patient_id, :at) "
    "ON CONFLICT (mrn) DO NOTHING RETURNING mrn"
)


def assign_record_number(work: UnitOfWork, patient_id: str) -> str:
    """The next number that nobody bears, imported patients included. A number is never given out again."""
    while True:
        mrn = f"{PREFIX}{work.connection.execute(NEXT).scalar_one()}"
        tokens = [identifier_token(MRN_SYSTEM, mrn)]
        if work.connection.execute(TAKEN, {"tokens": tokens}).scalar_one():
            continue
        kept = work.connection.execute(KEEP, {"mrn": mrn, "patient_id": patient_id, "at": work.now()})
        if kept.scalar_one_or_none():
            return mrn
