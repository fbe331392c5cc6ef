"""Measures: the list, one measure's page, the patients behind a rate, CSV."""

from __future__ import annotations

from data_contracts.api.official_measures import Activation, KeptMeasures, PackageImport
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

    def activate(self, measure_id: str, *, version: str | None = None, operator: str = "") -> KeptMeasures:
        asked = Activation(version=version, operator=operator)
        return self._transport.post(f"/api/official-measures/{measure_id}/activate", KeptMeasures, asked)

    def deactivate(self, measure_id: str, *, operator: str = "") -> KeptMeasures:
        asked = Activation(operator=operator)
        return self._transport.post(f"/api/official-measures/{measure_id}/deactivate", KeptMeasures, asked)
