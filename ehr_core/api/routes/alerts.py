"""Alerts of the watch over the audit log. Needs audit.read."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.alerts import Alert, Alerts, CloseAlert
from ehr_core.access import alerts
from ehr_core.api.dependencies import Work

router = APIRouter(prefix="/api/alerts", tags=["alerts"])


@router.get("")
def list_alerts(work: Work, closed: bool = False) -> Alerts:
    """The open ones, serious first; or the closed ones."""
    rows = alerts.list_alerts(work, closed=closed)
    return Alerts(alerts=[Alert(alert_id=row.id, **_without_id(row)) for row in rows])


@router.post("/{alert_id}/acknowledge", status_code=204)
def acknowledge(alert_id: str, work: Work) -> None:
    alerts.acknowledge(work, alert_id)


@router.post("/{alert_id}/close", status_code=204)
def close(alert_id: str, asked: CloseAlert, work: Work) -> None:
    alerts.close(work, alert_id, outcome=asked.outcome, words=asked.words)


def _without_id(row) -> dict[str, object]:
    return {name: value for name, value in row._mapping.items() if name != "id"}
