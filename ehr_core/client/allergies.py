"""Allergies at the chart."""

from __future__ import annotations

from data_contracts.api.allergies import (
    CorrectAllergy,
    RecordAllergy,
    RecordedAllergies,
    RecordedAllergy,
    RemoveAllergy,
    SubstancesFound,
)
from ehr_core.client.transport import Transport, segment


class AllergiesRoom:
    """Raises Conflict where a denial would stand beside an allergy, StaleVersion when somebody else was first."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def search(self, typed: str) -> SubstancesFound:
        return self._transport.get("/api/substances/search", SubstancesFound, {"typed": typed})

    def of_patient(self, patient_id: str) -> RecordedAllergies:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/allergies", RecordedAllergies)

    def record(self, patient_id: str, record: RecordAllergy) -> RecordedAllergies:
        return self._transport.post(
            f"/api/patients/{segment(patient_id)}/allergies", RecordedAllergies, record
        )

    def record_none_known(self, patient_id: str) -> RecordedAllergies:
        path = f"/api/patients/{segment(patient_id)}/allergies/none-known"
        return self._transport.post(path, RecordedAllergies)

    def correct(self, allergy_id: str, act: CorrectAllergy) -> RecordedAllergy:
        return self._transport.post(f"/api/allergies/{segment(allergy_id)}/correct", RecordedAllergy, act)

    def remove(self, allergy_id: str, act: RemoveAllergy) -> RecordedAllergy:
        return self._transport.post(f"/api/allergies/{segment(allergy_id)}/remove", RecordedAllergy, act)
