"""Medicines: search, the list, prescribing and refills."""

from __future__ import annotations

from data_contracts.api.medications import (
    AnswerRefill,
    AskRefill,
    ChangePrescription,
    MedicationList,
    PrescribingChoices,
    PrescriptionChecked,
    PrescriptionDraft,
    PrescriptionWritten,
    ProductsFound,
    RefillRequest,
    RefillRequests,
    SignPrescription,
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

    def check(self, patient_id: str, draft: PrescriptionDraft) -> PrescriptionChecked:
        path = f"/api/patients/{segment(patient_id)}/prescriptions/check"
        return self._transport.post(path, PrescriptionChecked, draft)

    def sign(self, patient_id: str, order: SignPrescription) -> PrescriptionWritten:
        return self._transport.post(
            f"/api/patients/{segment(patient_id)}/prescriptions", PrescriptionWritten, order
        )

    def stop(self, prescription_id: str, act: ChangePrescription) -> PrescriptionWritten:
        return self._transport.post(
            f"/api/prescriptions/{segment(prescription_id)}/stop", PrescriptionWritten, act
        )

    def ask_refill(self, patient_id: str, asked: AskRefill) -> RefillRequest:
        return self._transport.post(
            f"/api/patients/{segment(patient_id)}/refill-requests", RefillRequest, asked
        )

    def refills(self) -> RefillRequests:
        return self._transport.get("/api/refill-requests", RefillRequests)

    def answer_refill(self, task_id: str, answer: AnswerRefill) -> PrescriptionWritten:
        return self._transport.post(
            f"/api/refill-requests/{segment(task_id)}/answer", PrescriptionWritten, answer
        )
