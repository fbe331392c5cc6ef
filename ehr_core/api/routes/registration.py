"""Patients: search, banner, registering."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.demographics import Picture
from data_contracts.api.patients import PatientBanner, PatientSearchResult, SearchPatients
from data_contracts.api.registration import DuplicateCandidates, NewPatient, Registered, RegisterPatient
from ehr_core.api.dependencies import Work
from ehr_core.registration.pictures import read_small_photo
from ehr_core.registration.registering import likely_duplicates, register_patient
from ehr_core.registration.service import read_banner, search_patients

router = APIRouter(prefix="/api/patients", tags=["registration"])


@router.post("/search")
def search(asked: SearchPatients, work: Work) -> PatientSearchResult:
    """A POST, so that no name, number or birth date stands in an address or a log."""
    return search_patients(work, query=asked.q, limit=asked.limit)


@router.get("/{patient_id}/banner")
def banner(patient_id: str, work: Work) -> PatientBanner:
    return read_banner(work, patient_id=patient_id)


@router.get("/{patient_id}/photo")
def photo(patient_id: str, work: Work) -> Picture:
    return read_small_photo(work, patient_id=patient_id)


@router.post("/duplicates")
def duplicates(person: NewPatient, work: Work) -> DuplicateCandidates:
    return likely_duplicates(work, person=person)


@router.post("", status_code=201)
def register(registration: RegisterPatient, work: Work) -> Registered:
    return register_patient(work, registration=registration)
