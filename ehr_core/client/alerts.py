"""Alerts of the watch over the audit log."""

from __future__ import annotations

from data_contracts.api.alerts import Alert, AlertOutcome, Alerts, CloseAlert
from ehr_core.client.transport import Transport, segment


class AlertsRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def all(self, *, closed: bool = False) -> list[Alert]:
        return self._transport.get("/api/alerts", Alerts, {"closed": closed}).alerts

    def acknowledge(self, alert_id: str) -> None:
        self._transport.send("POST", f"/api/alerts/{segment(alert_id)}/acknowledge")

    def close(self, alert_id: str, outcome: AlertOutcome, words: str | None) -> None:
        body = CloseAlert(outcome=outcome, words=words)
        self._transport.send("POST", f"/api/alerts/{segment(alert_id)}/close", body)
