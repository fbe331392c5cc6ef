"""The audit log; reading it is audited too."""

from __future__ import annotations

from datetime import date

from data_contracts.api.audit import AuditEvent, AuditPage, AuditPeople
from ehr_core.client.transport import Transport


class AuditRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def page(
        self,
        *,
        patient_id: str | None = None,
        actor_id: str | None = None,
        since: date | None = None,
        until: date | None = None,
        act: str | None = None,
        outcome: str | None = None,
        page: int = 1,
        size: int = 100,
    ) -> AuditPage:
        """`since` and `until` are days of the site, both included."""
        params = {
            "patient_id": patient_id,
            "actor_id": actor_id,
            "since": since,
            "until": until,
            "act": act,
            "outcome": outcome,
            "page": page,
            "size": size,
        }
        return self._transport.get("/api/audit", AuditPage, params)

    def events(self, *, patient_id: str | None = None, actor_id: str | None = None) -> list[AuditEvent]:
        """The newest events that match, newest first."""
        return self.page(patient_id=patient_id, actor_id=actor_id).events

    def export(
        self,
        *,
        patient_id: str | None = None,
        actor_id: str | None = None,
        since: date | None = None,
        until: date | None = None,
        act: str | None = None,
        outcome: str | None = None,
    ) -> bytes:
        """The events that match as CSV, oldest first; the export is audited with its number of events."""
        asked = {
            "patient_id": patient_id,
            "actor_id": actor_id,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "act": act,
            "outcome": outcome,
        }
        params = {name: value for name, value in asked.items() if value is not None}
        return self._transport.request("GET", "/api/audit/export", params=params).content

    def people(self) -> AuditPeople:
        return self._transport.get("/api/audit/people", AuditPeople)
