"""The accounting of disclosures."""

from __future__ import annotations

from data_contracts.api.disclosures import Accounting, Disclosed, DisclosureMade, NewDisclosure
from ehr_core.client.transport import Transport


class DisclosuresRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def of(self, patient_id: str) -> list[Disclosed]:
        return self._transport.get("/api/disclosures", Accounting, {"patient_id": patient_id}).disclosures

    def record(self, made: NewDisclosure) -> str:
        return self._transport.post("/api/disclosures", DisclosureMade, made).disclosure_id

    def own(self) -> list[Disclosed]:
        """Of the record that this portal session looks at."""
        return self._transport.get("/api/portal/disclosures", Accounting).disclosures
