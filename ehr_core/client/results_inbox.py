"""The results inbox: its cards and the acts on them, results without a patient, coverage and pools."""

from __future__ import annotations

from data_contracts.api.results_inbox import (
    Acknowledge,
    Acted,
    ActOnResults,
    AddCoverage,
    AddPool,
    AttachResult,
    CancelCoverage,
    CoverageSettings,
    Delegate,
    Inbox,
    InboxChoices,
    InboxCounts,
    IncomingResults,
    MatchCandidate,
    ReceivedResults,
    SetAside,
    SetPoolMembers,
    UnmatchedResults,
)
from ehr_core.client.transport import Transport, segment


class ResultsInboxRoom:
    """Acts raise Conflict saying who was first, StaleVersion when a result has changed since it was seen."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def inbox(self, *, of: str = "mine", view: str = "open", page: int = 1) -> Inbox:
        return self._transport.get("/api/inbox", Inbox, {"of": of, "view": view, "page": page})

    def counts(self) -> InboxCounts:
        return self._transport.get("/api/inbox/counts", InboxCounts)

    def choices(self) -> InboxChoices:
        return self._transport.get("/api/inbox/choices", InboxChoices)

    def acknowledge(self, act: Acknowledge) -> Acted:
        return self._transport.post("/api/inbox/acknowledge", Acted, act)

    def act(self, act: ActOnResults) -> Acted:
        return self._transport.post("/api/inbox/act", Acted, act)

    def delegate(self, act: Delegate) -> Acted:
        return self._transport.post("/api/inbox/delegate", Acted, act)

    def receive(self, incoming: IncomingResults) -> ReceivedResults:
        """Safe to send again: the same message changes nothing."""
        return self._transport.post("/api/incoming-results", ReceivedResults, incoming)

    def unmatched(self) -> UnmatchedResults:
        return self._transport.get("/api/unmatched-results", UnmatchedResults)

    def candidate(self, received_id: str, patient_id: str) -> MatchCandidate:
        """How well somebody fits whom nothing sent had led to."""
        path = f"/api/unmatched-results/{segment(received_id)}/candidates/{segment(patient_id)}"
        return self._transport.get(path, MatchCandidate)

    def attach(self, received_id: str, act: AttachResult) -> ReceivedResults:
        path = f"/api/unmatched-results/{segment(received_id)}/attach"
        return self._transport.post(path, ReceivedResults, act)

    def set_aside(self, received_id: str, act: SetAside) -> ReceivedResults:
        path = f"/api/unmatched-results/{segment(received_id)}/set-aside"
        return self._transport.post(path, ReceivedResults, act)

    def coverage(self) -> CoverageSettings:
        return self._transport.get("/api/inbox/coverage", CoverageSettings)

    def add_coverage(self, act: AddCoverage) -> CoverageSettings:
        return self._transport.post("/api/inbox/coverage", CoverageSettings, act)

    def cancel_coverage(self, coverage_id: str, act: CancelCoverage) -> CoverageSettings:
        path = f"/api/inbox/coverage/{segment(coverage_id)}/cancel"
        return self._transport.post(path, CoverageSettings, act)

    def add_pool(self, act: AddPool) -> CoverageSettings:
        return self._transport.post("/api/inbox/pools", CoverageSettings, act)

    def set_pool_members(self, pool_id: str, act: SetPoolMembers) -> CoverageSettings:
        return self._transport.post(f"/api/inbox/pools/{segment(pool_id)}/members", CoverageSettings, act)
