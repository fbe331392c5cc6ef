"""Medicines: search, the list, prescribing and refills."""

from __future__ import annotations

from data_contracts.api.administration import (
    CheckDose,
    Dose,
    DoseChecked,
    GivenDose,
    GivenDoses,
    RecordDose,
)
from data_contracts.api.medications import (
    AnswerRefill,
    AskRefill,
    ChangePrescription,
    CheckPrescription,
    MedicationEntry,
    MedicationList,
    PreparePrescription,
    PrescribingChoices,
    PrescriptionChecked,
    PrescriptionDraft,
    PrescriptionWritten,
    ProductsFound,
    RecordDispense,
    RecordReview,
    RefillRequest,
    RefillRequests,
    RefillsWaiting,
    ReviewRecorded,
    SendPrescription,
    SignPrepared,
    SignPrescription,
)
from data_contracts.api.model import ApiModel
from data_contracts.api.reconciliation import (
    Reconciled,
    Reconciliation,
    RecordHomeMedication,
    SaveReconciliation,
)
from ehr_core.client.transport import Transport, segment


class MedicationsRoom:
    """Raises Conflict where a safety warning has no reason yet, StaleVersion when somebody else was first."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def search(self, typed: str) -> ProductsFound:
        return self._transport.get("/api/medications/search", ProductsFound, {"typed": typed})

    def choices(self) -> PrescribingChoices:
        return self._transport.get("/api/medications/choices", PrescribingChoices)

    def of_patient(self, patient_id: str) -> MedicationList:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/medications", MedicationList)

    def check(
        self, patient_id: str, draft: PrescriptionDraft, request_id: str | None = None
    ) -> PrescriptionChecked:
        path = f"/api/patients/{segment(patient_id)}/prescriptions/check"
        asked = CheckPrescription(draft=draft, request_id=request_id)
        return self._transport.post(path, PrescriptionChecked, asked)

    def sign(self, patient_id: str, order: SignPrescription) -> PrescriptionWritten:
        return self._transport.post(
            f"/api/patients/{segment(patient_id)}/prescriptions", PrescriptionWritten, order
        )

    def prepare(self, patient_id: str, order: PreparePrescription) -> PrescriptionWritten:
        path = f"/api/patients/{segment(patient_id)}/prescriptions/prepared"
        return self._transport.post(path, PrescriptionWritten, order)

    def sign_prepared(self, prescription_id: str, act: SignPrepared) -> PrescriptionWritten:
        return self._act(prescription_id, "sign", act)

    def stop(self, prescription_id: str, act: ChangePrescription) -> PrescriptionWritten:
        return self._act(prescription_id, "stop", act)

    def hold(self, prescription_id: str, act: ChangePrescription) -> PrescriptionWritten:
        return self._act(prescription_id, "hold", act)

    def resume(self, prescription_id: str, act: ChangePrescription) -> PrescriptionWritten:
        return self._act(prescription_id, "resume", act)

    def send(self, prescription_id: str, act: SendPrescription) -> PrescriptionWritten:
        return self._act(prescription_id, "send", act)

    def record_dispense(self, prescription_id: str, told: RecordDispense) -> PrescriptionWritten:
        return self._act(prescription_id, "dispenses", told)

    def record_review(self, patient_id: str, done: RecordReview) -> ReviewRecorded:
        path = f"/api/patients/{segment(patient_id)}/safety-reviews"
        return self._transport.post(path, ReviewRecorded, done)

    def given(self, patient_id: str) -> GivenDoses:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/administrations", GivenDoses)

    def check_dose(self, patient_id: str, dose: Dose, request_id: str | None = None) -> DoseChecked:
        path = f"/api/patients/{segment(patient_id)}/administrations/check"
        return self._transport.post(path, DoseChecked, CheckDose(dose=dose, request_id=request_id))

    def record_dose(self, patient_id: str, record: RecordDose) -> GivenDose:
        path = f"/api/patients/{segment(patient_id)}/administrations"
        return self._transport.post(path, GivenDose, record)

    def reconciliation(self, patient_id: str) -> Reconciliation:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/reconciliation", Reconciliation)

    def reconcile(self, patient_id: str, act: SaveReconciliation) -> Reconciled:
        return self._transport.post(f"/api/patients/{segment(patient_id)}/reconciliation", Reconciled, act)

    def record_home(self, patient_id: str, told: RecordHomeMedication) -> MedicationEntry:
        path = f"/api/patients/{segment(patient_id)}/home-medications"
        return self._transport.post(path, MedicationEntry, told)

    def _act(self, prescription_id: str, act: str, body: ApiModel) -> PrescriptionWritten:
        path = f"/api/prescriptions/{segment(prescription_id)}/{act}"
        return self._transport.post(path, PrescriptionWritten, body)

    def ask_refill(self, patient_id: str, asked: AskRefill) -> RefillRequest:
        return self._transport.post(
            f"/api/patients/{segment(patient_id)}/refill-requests", RefillRequest, asked
        )

    def refills(self) -> RefillRequests:
        return self._transport.get("/api/refill-requests", RefillRequests)

    def refills_waiting(self) -> int:
        return self._transport.get("/api/refill-requests/count", RefillsWaiting).waiting

    def answer_refill(self, task_id: str, answer: AnswerRefill) -> PrescriptionWritten:
        return self._transport.post(
            f"/api/refill-requests/{segment(task_id)}/answer", PrescriptionWritten, answer
        )
