"""A patient's medications with what waits about them: who this is, what is taken, which refills are asked for."""

from __future__ import annotations

from data_contracts.api.medications import MedicationList
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.medications.listing import medication_entries
from ehr_core.medications.products import COVERAGE
from ehr_core.medications.queries import medication_records
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.service import person_by_id
from ehr_core.workflows.refill import refills_of


def read_medication_list(work: UnitOfWork, *, patient_id: str) -> MedicationList:
    """Current and past medications and waiting refills. Raises Forbidden or NotFound."""
    work.actor.require("chart.read")
    banner = present_banner(person_by_id(work, patient_id), work.today())
    current, past = medication_entries(medication_records(work.connection, patient_id), work.today())
    refills = refills_of(work, patient_id)
    work.audit(
        "medication_list",
        resource_type="MedicationRequest",
        patient_id=patient_id,
        detail={"current": len(current), "past": len(past)},
    )
    return MedicationList(
        banner=banner,
        current=current,
        past=past,
        refill_requests=refills,
        coverage=COVERAGE,
        as_of=work.now(),
    )
