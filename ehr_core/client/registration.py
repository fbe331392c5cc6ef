"""Patients: search and banner."""

from __future__ import annotations

from data_contracts.api.patients import PatientBanner, PatientSearchResult, SearchPatients
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
