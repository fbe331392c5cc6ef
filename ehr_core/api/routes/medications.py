"""Medicines: search, the list, prescribing and refills. Each route calls one act."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from data_contracts.api.administration import CheckDose, DoseChecked, GivenDose, GivenDoses, RecordDose
from data_contracts.api.medications import (
    AnswerRefill,
    AskRefill,
    ChangePrescription,
    CheckPrescription,
    MedicationList,
    PreparePrescription,
    PrescribingChoices,
    PrescriptionAct,
    PrescriptionChecked,
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
from ehr_core.api.dependencies import Work
from ehr_core.medications.service import prescribing_choices, search_products
from ehr_core.workflows.administer import check_administration, read_administrations, record_administration
from ehr_core.workflows.change_prescription import change_prescription, record_dispense, send_prescription
from ehr_core.workflows.medication_list import read_medication_list
from ehr_core.workflows.prescribe import (
    ALLERGY_OVERRIDES,
    check_prescription,
    prepare_prescription,
    sign_prepared,
    sign_prescription,
)
from ehr_core.workflows.record_review import record_review
from ehr_core.workflows.refill import answer_refill, ask_refill, refill_queue, refills_waiting

router = APIRouter(prefix="/api", tags=["medications"])


@router.get("/medications/search")
def search(typed: Annotated[str, Query(max_length=100)], work: Work) -> ProductsFound:
    return search_products(work, typed=typed)


@router.get("/medications/choices")
def choices(work: Work) -> PrescribingChoices:
    return prescribing_choices(work, allergy_overrides=ALLERGY_OVERRIDES)


@router.get("/patients/{patient_id}/medications")
def medications(patient_id: str, work: Work) -> MedicationList:
    return read_medication_list(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/prescriptions/check")
def check(patient_id: str, asked: CheckPrescription, work: Work) -> PrescriptionChecked:
    return check_prescription(work, patient_id=patient_id, draft=asked.draft, request_id=asked.request_id)


@router.post("/patients/{patient_id}/prescriptions")
def sign(patient_id: str, order: SignPrescription, work: Work) -> PrescriptionWritten:
    return sign_prescription(work, patient_id=patient_id, order=order)


@router.post("/patients/{patient_id}/prescriptions/prepared")
def prepare(patient_id: str, order: PreparePrescription, work: Work) -> PrescriptionWritten:
    return prepare_prescription(work, patient_id=patient_id, order=order)


@router.post("/prescriptions/{prescription_id}/sign")
def sign_draft(prescription_id: str, act: SignPrepared, work: Work) -> PrescriptionWritten:
    return sign_prepared(work, prescription_id=prescription_id, act=act)


@router.post("/prescriptions/{prescription_id}/send")
def send(prescription_id: str, act: SendPrescription, work: Work) -> PrescriptionWritten:
    return send_prescription(work, prescription_id=prescription_id, act=act)


@router.post("/prescriptions/{prescription_id}/dispenses")
def dispensed(prescription_id: str, told: RecordDispense, work: Work) -> PrescriptionWritten:
    return record_dispense(work, prescription_id=prescription_id, told=told)


@router.post("/patients/{patient_id}/safety-reviews")
def reviewed(patient_id: str, done: RecordReview, work: Work) -> ReviewRecorded:
    return record_review(work, patient_id=patient_id, done=done)


@router.get("/patients/{patient_id}/administrations")
def given(patient_id: str, work: Work) -> GivenDoses:
    return read_administrations(work, patient_id=patient_id)


@router.post("/patients/{patient_id}/administrations/check")
def check_dose(patient_id: str, asked: CheckDose, work: Work) -> DoseChecked:
    return check_administration(work, patient_id=patient_id, asked=asked)


@router.post("/patients/{patient_id}/administrations")
def record_dose(patient_id: str, record: RecordDose, work: Work) -> GivenDose:
    return record_administration(work, patient_id=patient_id, record=record)


@router.post("/prescriptions/{prescription_id}/{act}")
def change(
    prescription_id: str, act: PrescriptionAct, changed: ChangePrescription, work: Work
) -> PrescriptionWritten:
    return change_prescription(work, prescription_id=prescription_id, act=act, change=changed)


@router.post("/patients/{patient_id}/refill-requests")
def ask(patient_id: str, asked: AskRefill, work: Work) -> RefillRequest:
    return ask_refill(work, patient_id=patient_id, asked=asked)


@router.get("/refill-requests")
def refills(work: Work) -> RefillRequests:
    return refill_queue(work)


@router.get("/refill-requests/count")
def count(work: Work) -> RefillsWaiting:
    return refills_waiting(work)


@router.post("/refill-requests/{task_id}/answer")
def answer(task_id: str, said: AnswerRefill, work: Work) -> PrescriptionWritten:
    return answer_refill(work, task_id=task_id, answer=said)
