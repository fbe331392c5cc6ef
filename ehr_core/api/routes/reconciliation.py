"""Reconciling medications: both lists, the decisions of one sitting, and what the patient says that they take."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.medications import MedicationEntry
from data_contracts.api.reconciliation import (
    Reconciled,
    Reconciliation,
    RecordHomeMedication,
    SaveReconciliation,
)
from ehr_core.api.dependencies import Work
from ehr_core.workflows.reconcile_medications import (
    read_reconciliation,
    record_home_medication,
    save_reconciliation,
)

router = APIRouter(prefix="/api/patients/{patient_id}", tags=["medications"])


@router.get("/reconciliation")
def reconciliation(patient_id: str, work: Work) -> Reconciliation:
    return read_reconciliation(work, patient_id=patient_id)


@router.post("/reconciliation")
def save(patient_id: str, act: SaveReconciliation, work: Work) -> Reconciled:
    return save_reconciliation(work, patient_id=patient_id, act=act)


@router.post("/home-medications")
def record(patient_id: str, told: RecordHomeMedication, work: Work) -> MedicationEntry:
    return record_home_medication(work, patient_id=patient_id, told=told)
