"""Data quality: findings, CSV, and the records with a defect."""

from __future__ import annotations

from data_contracts.api.data_quality import DataQuality, DefectiveRecords
from ehr_core.client.transport import Transport


class DataQualityRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def findings(self) -> DataQuality:
        return self._transport.get("/api/data-quality", DataQuality)

    def csv(self) -> bytes:
        return self._transport.request("GET", "/api/data-quality/export.csv").content

    def records(self, check_id: str) -> DefectiveRecords:
        """Raises Forbidden for who sees aggregates only."""
        return self._transport.get(f"/api/data-quality/{check_id}/records", DefectiveRecords)
