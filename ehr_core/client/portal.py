"""The portal: a person's own home, results, and replies."""

from __future__ import annotations

from data_contracts.api.portal import AlreadyHadThis, OwnResults, PortalHome, ReplyReceived
from ehr_core.client.transport import Transport


class PortalRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def home(self) -> PortalHome:
        return self._transport.get("/api/portal/home", PortalHome)

    def results(self) -> OwnResults:
        return self._transport.get("/api/portal/results", OwnResults)

    def already_had(self, gap_id: str, said: AlreadyHadThis) -> ReplyReceived:
        """Goes to review; closes nothing by itself."""
        return self._transport.post(f"/api/portal/things-to-do/{gap_id}/already-had", ReplyReceived, said)
