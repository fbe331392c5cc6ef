"""The audit log; reading it is audited too."""

from __future__ import annotations

from data_contracts.api.audit import AuditEvent, AuditPage
from ehr_core.client.transport import Transport


class AuditRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def page(
        self, *, patient_id: str | None = None, actor_id: str | None = None, limit: int = 100
    ) -> AuditPage:
        return self._transport.get(
            "/api/audit", AuditPage, {"patient_id": patient_id, "actor_id": actor_id, "limit": limit}
        )

    def events(
        self, *, patient_id: str | None = None, actor_id: str | None = None, limit: int = 100
    ) -> list[AuditEvent]:
        """The newest events that match, newest first."""
        return self.page(patient_id=patient_id, actor_id=actor_id, limit=limit).events
