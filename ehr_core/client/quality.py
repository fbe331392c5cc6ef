"""Measures: the list, one measure's page, the patients behind a rate, CSV."""

from __future__ import annotations

from data_contracts.api.official_measures import Activation, KeptMeasures, PackageImport, Uploads
from data_contracts.api.quality import (
    MeasureFacts,
    MeasureList,
    MeasurePage,
    MeasurePatients,
    MembershipStatus,
    StratumKind,
)
from ehr_core.client.transport import Transport


class QualityRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def measures(self) -> MeasureList:
        return self._transport.get("/api/measures", MeasureList)

    def measure(self, measure_id: str) -> MeasurePage:
        return self._transport.get(f"/api/measures/{measure_id}", MeasurePage)

    def patients(
        self,
        measure_id: str,
        *,
        membership: MembershipStatus | None = None,
        stratum_kind: StratumKind | None = None,
        stratum_value: str | None = None,
        page: int = 1,
        size: int = 25,
    ) -> MeasurePatients:
        """Raises Forbidden for who sees aggregates only."""
        params = {
            "membership": membership,
            "stratum_kind": stratum_kind,
            "stratum_value": stratum_value,
            "page": page,
            "size": size,
        }
        return self._transport.get(f"/api/measures/{measure_id}/patients", MeasurePatients, params)

    def facts(self, measure_id: str, patient_id: str) -> MeasureFacts:
        """Why one person stands where they stand in an official measure."""
        return self._transport.get(f"/api/measures/{measure_id}/patients/{patient_id}/facts", MeasureFacts)

    def csv(self, measure_id: str) -> bytes:
        return self._transport.request("GET", f"/api/measures/{measure_id}/export.csv").content

    def official(self) -> KeptMeasures:
        """The official measures that were imported, active or not."""
        return self._transport.get("/api/official-measures", KeptMeasures)

    def import_official(self, package: PackageImport) -> KeptMeasures:
        return self._transport.post("/api/official-measures", KeptMeasures, package)

    def activate(self, measure_id: str, asked: Activation | None = None) -> KeptMeasures:
        place = f"/api/official-measures/{measure_id}/activate"
        return self._transport.post(place, KeptMeasures, asked or Activation())

    def deactivate(self, measure_id: str, asked: Activation | None = None) -> KeptMeasures:
        place = f"/api/official-measures/{measure_id}/deactivate"
        return self._transport.post(place, KeptMeasures, asked or Activation())

    def uploads(self) -> Uploads:
        return self._transport.get("/api/official-measures/uploads", Uploads)

    def upload(self, file_name: str, content: bytes) -> Uploads:
        """A package as a file, to be checked where it can be run."""
        answer = self._transport.request(
            "POST", "/api/official-measures/uploads", params={"file_name": file_name}, content=content,
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        return Uploads.model_validate_json(answer.content)

    def import_upload(self, upload_id: str) -> KeptMeasures:
        return self._transport.post(f"/api/official-measures/uploads/{upload_id}/import", KeptMeasures)

    def remove_upload(self, upload_id: str) -> None:
        self._transport.request("DELETE", f"/api/official-measures/uploads/{upload_id}")
