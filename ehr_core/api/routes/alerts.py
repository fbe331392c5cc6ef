"""Alerts of the watch over the audit log. Needs audit.read."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.alerts import Alert, Alerts, CloseAlert
from ehr_core.access import alerts
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.api.known_patients import names_of

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

MOST_NAMED = 10
"""Patients of one alert whose names are told: a bulk look-up may be about hundreds."""


@router.get("")
def list_alerts(parts: ProcessParts, work: Work, closed: bool = False) -> Alerts:
    """The open ones, serious first; or the closed ones."""
    rows = alerts.list_alerts(work, closed=closed)
    named = names_of(parts, (one for row in rows for one in row.patient_ids[:MOST_NAMED]))
    return Alerts(
        alerts=[
            Alert(
                alert_id=row.id,
                patients=[named[one] for one in row.patient_ids[:MOST_NAMED] if one in named],
                **_without_id(row),
            )
            for row in rows
        ]
    )


@router.post("/{alert_id}/acknowledge", status_code=204)
def acknowledge(alert_id: str, work: Work) -> None:
    alerts.acknowledge(work, alert_id)


@router.post("/{alert_id}/close", status_code=204)
def close(alert_id: str, asked: CloseAlert, work: Work) -> None:
    alerts.close(work, alert_id, outcome=asked.outcome, words=asked.words)


def _without_id(row) -> dict[str, object]:
    return {name: value for name, value in row._mapping.items() if name != "id"}
