"""Alerts of the watch, for those who answer for the audit log: seen, acknowledged, closed with an outcome; audited."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, Forbidden, NotFound

Outcome = Literal["explained", "follow_up", "incident"]
SELECT = """
SELECT l.id, l.rule, l.about, l.account_id, a.display_name AS account_name, l.address, l.patient_ids, l.severity,
  l.acts, l.first_at, l.last_at, l.raised_at, l.state, w.display_name AS acknowledged_by, l.acknowledged_at,
  c.display_name AS closed_by, l.closed_at, l.outcome, l.words
FROM access.alert l LEFT JOIN access.account a ON a.id = l.account_id
  LEFT JOIN access.account w ON w.id = l.acknowledged_by LEFT JOIN access.account c ON c.id = l.closed_by
"""


def list_alerts(work: UnitOfWork, *, closed: bool, most: int = 200) -> list[Row]:
    """The open ones, serious first; or the closed ones, the newest first."""
    work.actor.require("audit.read")
    order = "l.closed_at DESC, l.id" if closed else "l.severity = 'look', l.raised_at, l.id"
    rows = work.connection.execute(
        text(f"{SELECT} WHERE (l.state = 'closed') = :closed ORDER BY {order} LIMIT :most"),
        {"closed": closed, "most": most},
    ).all()
    patients = {patient for row in rows for patient in row.patient_ids}
    work.audit("alerts_listed", patient_ids=patients, detail={"alerts": len(rows)})
    return list(rows)


def acknowledge(work: UnitOfWork, alert_id: str) -> None:
    """Somebody looks into it. Raises NotFound, Conflict, and Forbidden for whom it is about."""
    row = _locked(work, alert_id)
    if row.state != "raised":
        raise Conflict("Somebody has taken this alert already. Load the page again.")
    work.connection.execute(
        text(
            "UPDATE access.alert SET state = 'acknowledged', acknowledged_by = :by, acknowledged_at = :now "
            "WHERE id = :id"
        ),
        {"id": alert_id, "by": work.actor.actor_id, "now": work.now()},
    )
    work.audit(
        "alert_acknowledged", patient_ids=row.patient_ids, detail={"alert": alert_id, "rule": row.rule}
    )


def close(work: UnitOfWork, alert_id: str, *, outcome: Outcome, words: str | None) -> None:
    row = _locked(work, alert_id)
    if row.state == "closed":
        raise Conflict("Somebody has closed this alert already. Load the page again.")
    work.connection.execute(
        text(
            "UPDATE access.alert SET state = 'closed', closed_by = :by, closed_at = :now, outcome = :outcome, "
            "words = :words WHERE id = :id"
        ),
        {
            "id": alert_id,
            "by": work.actor.actor_id,
            "now": work.now(),
            "outcome": outcome,
            "words": (words or "").strip()[:500] or None,
        },
    )
    work.audit(
        "alert_closed",
        patient_ids=row.patient_ids,
        detail={"alert": alert_id, "rule": row.rule, "outcome": outcome},
    )


def _locked(work: UnitOfWork, alert_id: str) -> Row:
    work.actor.require("audit.read")
    row = work.connection.execute(
        text("SELECT rule, state, account_id, patient_ids FROM access.alert WHERE id = :id FOR UPDATE"),
        {"id": alert_id},
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such alert.")
    if row.account_id == work.actor.actor_id:
        raise Forbidden("This alert is about you: ask another administrator.")
    return row
