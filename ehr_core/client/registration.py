"""Patients: search, banner, registering."""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.api.demographics import Picture
from data_contracts.api.patients import PatientBanner, PatientSearchResult, SearchPatients
from data_contracts.api.registration import (
    AnotherPerson,
    DuplicateCandidates,
    NewPatient,
    Registered,
    RegisterPatient,
)
from ehr_core.client.transport import Transport, segment


class RegistrationRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def search(self, q: str, limit: int = 20) -> PatientSearchResult:
        """By name in any order, birth date, phone or record number; BadRequest when too little was typed."""
        return self._transport.post(
            "/api/patients/search", PatientSearchResult, SearchPatients(q=q, limit=limit)
        )

    def banner(self, patient_id: str) -> PatientBanner:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/banner", PatientBanner)

    def photo(self, patient_id: str) -> Picture:
        """Small, as it stands in the banner. Raises NotFound without one."""
        return self._transport.get(f"/api/patients/{segment(patient_id)}/photo", Picture)

    def likely_duplicates(self, person: NewPatient) -> DuplicateCandidates:
        """Who may be this person already; InvalidResource names the fields that cannot be right."""
        return self._transport.post("/api/patients/duplicates", DuplicateCandidates, person)

    def register(self, person: NewPatient, looked_at: Sequence[AnotherPerson] = ()) -> Registered:
        """Conflict when somebody is there whom nobody has looked at: ask for the likely duplicates again."""
        body = RegisterPatient(person=person, looked_at=list(looked_at))
        return self._transport.post("/api/patients", Registered, body)
