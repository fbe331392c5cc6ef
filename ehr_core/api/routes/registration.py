"""Patients: search and banner."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.patients import PatientBanner, PatientSearchResult, SearchPatients
from ehr_core.api.dependencies import Work
from ehr_core.registration.service import read_banner, search_patients

router = APIRouter(prefix="/api/patients", tags=["registration"])


@router.post("/search")
def search(asked: SearchPatients, work: Work) -> PatientSearchResult:
    """A POST, so that no name, number or birth date stands in an address or a log."""
    return search_patients(work, query=asked.q, limit=asked.limit)


@router.get("/{patient_id}/banner")
def banner(patient_id: str, work: Work) -> PatientBanner:
    return read_banner(work, patient_id=patient_id)
