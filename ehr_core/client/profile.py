"""The profile of a patient: demographics, pictures, coverages, proxies, care team, directives, consents."""

from __future__ import annotations

from typing import Literal

from data_contracts.api.demographics import (
    CareTeamFacts,
    DemographicChanges,
    PatientProfile,
    Picture,
    SaveCard,
    SaveConsent,
    SaveCoverage,
    Saved,
    SaveDemographics,
    SaveDirective,
    SavePicture,
    SaveProxy,
)
from ehr_core.client.transport import Transport, segment


class ProfileRoom:
    """Every act raises StaleVersion when somebody else changed the same part first."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def read(self, patient_id: str) -> PatientProfile:
        return self._transport.get(self._path(patient_id, "profile"), PatientProfile)

    def save_demographics(self, patient_id: str, save: SaveDemographics) -> Saved:
        return self._transport.put(self._path(patient_id, "demographics"), Saved, save)

    def changes_since(self, patient_id: str, version_id: int) -> DemographicChanges:
        """What somebody else changed since that version."""
        path = self._path(patient_id, "demographics/changes")
        return self._transport.get(path, DemographicChanges, {"version_id": version_id})

    def save_photo(self, patient_id: str, picture: SavePicture) -> Saved:
        return self._transport.put(self._path(patient_id, "photo"), Saved, picture)

    def remove_photo(self, patient_id: str, version_id: int) -> None:
        path = f"{self._path(patient_id, 'photo')}?version_id={int(version_id)}"
        self._transport.send("DELETE", path)

    def save_coverage(self, patient_id: str, coverage_id: str | None, coverage: SaveCoverage) -> Saved:
        return self._save(patient_id, "coverages", coverage_id, coverage)

    def save_card(self, patient_id: str, coverage_id: str, card: SaveCard) -> Saved:
        path = self._path(patient_id, f"coverages/{segment(coverage_id)}/card")
        return self._transport.put(path, Saved, card)

    def card(self, patient_id: str, coverage_id: str, side: Literal["front", "back"]) -> Picture:
        path = self._path(patient_id, f"coverages/{segment(coverage_id)}/card/{side}")
        return self._transport.get(path, Picture)

    def save_proxy(self, patient_id: str, proxy_id: str | None, proxy: SaveProxy) -> Saved:
        return self._save(patient_id, "proxies", proxy_id, proxy)

    def save_care_team(self, patient_id: str, team: CareTeamFacts) -> Saved:
        return self._transport.put(self._path(patient_id, "care-team"), Saved, team)

    def save_directive(self, patient_id: str, directive_id: str | None, directive: SaveDirective) -> Saved:
        return self._save(patient_id, "directives", directive_id, directive)

    def save_consent(self, patient_id: str, consent: SaveConsent) -> Saved:
        return self._transport.post(self._path(patient_id, "consents"), Saved, consent)

    def _save(
        self,
        patient_id: str,
        part: str,
        part_id: str | None,
        body: SaveCoverage | SaveProxy | SaveDirective,
    ) -> Saved:
        path = self._path(patient_id, part)
        if part_id is None:
            return self._transport.post(path, Saved, body)
        return self._transport.put(f"{path}/{segment(part_id)}", Saved, body)

    @staticmethod
    def _path(patient_id: str, part: str) -> str:
        return f"/api/patients/{segment(patient_id)}/{part}"
