"""What becomes of a prescription after it is signed: sent, given out, held, resumed, stopped; a draft is discarded.

Each act is bound to the version that was on the screen, and says who did it and why by the record's own history.
"""

from __future__ import annotations

from data_contracts.api.medications import (
    ChangePrescription,
    PrescriptionAct,
    PrescriptionWritten,
    RecordDispense,
    SendPrescription,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.moments import day_of
from ehr_core.charting.parts import instant, person
from ehr_core.kernel.errors import Conflict, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.medications.dispenses import build_dispense
from ehr_core.medications.prescriptions import Resource, held, resumed, sent, stopped
from ehr_core.store.repository import Store
from ehr_core.workflows.prescribe import CHANGED_MEANWHILE, require_writing, written_of

MAY_FOLLOW: dict[PrescriptionAct, tuple[str, ...]] = {
    "stop": ("active", "on-hold", "draft"),
    "hold": ("active",),
    "resume": ("on-hold",),
}
"""The states of an order in which each act is possible."""
NOT_NOW = {
    "stop": "This prescription has ended already.",
    "hold": "Only a prescription that is in force can be put on hold.",
    "resume": "Only a prescription that is on hold can go on.",
}


def change_prescription(
    work: UnitOfWork, *, prescription_id: str, act: PrescriptionAct, change: ChangePrescription
) -> PrescriptionWritten:
    """Stops, holds or resumes. Raises Conflict where its state does not allow it, InvalidResource without a reason."""
    request, version_id = _read(work, prescription_id, change.version_id)
    if act == "stop" and request.get("status") == "draft":
        require_writing(work)
    else:
        work.actor.require("medication.prescribe")
    if request.get("status") not in MAY_FOLLOW[act]:
        raise Conflict(NOT_NOW[act])
    return _write(work, prescription_id, version_id, _changed(work, request, act, change))


def _changed(
    work: UnitOfWork, request: Resource, act: PrescriptionAct, change: ChangePrescription
) -> Resource:
    at = instant(work.now())
    if act == "resume":
        return resumed(request, at=at)
    build = stopped if act == "stop" else held
    return build(request, reason=change.reason, words=change.words, at=at)


def send_prescription(
    work: UnitOfWork, *, prescription_id: str, act: SendPrescription
) -> PrescriptionWritten:
    """Writes down to which pharmacy a signed prescription goes."""
    work.actor.require("medication.prescribe")
    request, version_id = _read(work, prescription_id, act.version_id)
    if request.get("status") != "active":
        raise Conflict("Only a signed prescription that is in force goes to a pharmacy.")
    done = sent(request, pharmacy=act.pharmacy.strip(), at=instant(work.now()))
    return _write(work, prescription_id, version_id, done)


def record_dispense(work: UnitOfWork, *, prescription_id: str, told: RecordDispense) -> PrescriptionWritten:
    """Writes down what a pharmacy says that it gave out."""
    work.actor.require("medication.reconcile")
    request, version_id = _read(work, prescription_id, told.version_id)
    built = build_dispense(
        told,
        prescription_id=prescription_id,
        request=request,
        written_on=day_of(request.get("authoredOn"), work.site_time_zone),
        recorded_by=person(work.actor),
        today=work.today(),
    )
    Store(work).create("MedicationDispense", encode(built))
    return PrescriptionWritten(prescription_id=prescription_id, version_id=version_id, state="dispensed")


def _read(work: UnitOfWork, prescription_id: str, seen: int) -> tuple[Resource, int]:
    found = Store(work).read("MedicationRequest", prescription_id)
    if found.version_id != seen:
        raise StaleVersion(CHANGED_MEANWHILE)
    return decode(found.body), found.version_id


def _write(work: UnitOfWork, prescription_id: str, version_id: int, request: Resource) -> PrescriptionWritten:
    written = Store(work).update("MedicationRequest", prescription_id, encode(request), if_match=version_id)
    return written_of(prescription_id, written.version_id, request)
