"""The accounting of disclosures of one patient's record (45 CFR 164.528): to whom outside it went, when, what and why.

What outside applications fetched is in the audit log already; what left on paper, by telephone or by letter is recorded
by hand. Treatment, payment and the house's own work are no disclosures in this sense.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.ids import new_id

Purpose = Literal["public_health", "law", "court", "oversight", "research", "other"]
YEARS_KEPT = 6
"""How far back a patient may ask. Source: 45 CFR 164.528(a)(1)."""
ACCOUNTANT = Actor(
    "service:accounting", "service", "Accounting of disclosures", (), frozenset({"audit.read"})
)
"""Looks in the log for a patient, who may see their own accounting and not the log."""

BY_APPLICATIONS = text(
    """
    SELECT CAST(e.at AT TIME ZONE :zone AS date) AS day, e.detail ->> 'client' AS client,
      coalesce(max(a.name), e.detail ->> 'client') AS name, max(w.display_name) AS let_in_by,
      array_agg(DISTINCT e.resource_type) FILTER (WHERE e.resource_type IS NOT NULL) AS types, count(*) AS times
    FROM audit.event e LEFT JOIN access.application a ON a.client_id = e.detail ->> 'client'
      LEFT JOIN access.account w ON w.id = e.actor_id
    WHERE (e.patient_id = :patient OR e.patient_ids @> ARRAY[CAST(:patient AS text)]) AND e.at >= :since
      AND e.outcome = 'success' AND jsonb_exists(e.detail, 'client')
      AND e.act IN ('read', 'vread', 'search', 'history', 'read_many', 'everything', 'patient_record',
        'bulk_file_downloaded', 'cds_hook')
    GROUP BY 1, 2 ORDER BY 1 DESC, 3
    """
)


@dataclass(frozen=True)
class NewDisclosure:
    patient_id: str
    disclosed_on: date
    recipient: str
    recipient_address: str | None
    what: str
    purpose: Purpose
    basis: str


@dataclass(frozen=True)
class Disclosed:
    """One line of the accounting. `by_hand`: somebody recorded it; otherwise the audit log tells it."""

    day: date
    recipient: str
    recipient_address: str | None
    what: str
    purpose: str
    basis: str | None
    by_hand: bool
    times: int


def record_disclosure(work: UnitOfWork, made: NewDisclosure) -> str:
    """Its id. Raises BadRequest for a day to come, Forbidden without the permission."""
    work.actor.require("disclosure.manage")
    if made.disclosed_on > work.today():
        raise BadRequest("A disclosure is recorded after it was made: choose today or an earlier day.")
    texts = {name: getattr(made, name).strip() for name in ("recipient", "what", "basis")}
    empty = [name for name, words in texts.items() if not words]
    if empty:
        raise BadRequest(f"Fill in {', '.join(empty)}: an accounting has to say it.")
    disclosure_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO access.disclosure (id, patient_id, disclosed_on, recipient, recipient_address, what, purpose, "
            "basis, recorded_by, recorded_at) VALUES (:id, :patient_id, :disclosed_on, :recipient, "
            ":recipient_address, :what, :purpose, :basis, :by, :now)"
        ),
        vars(made) | texts | {"id": disclosure_id, "by": work.actor.actor_id, "now": work.now()},
    )
    work.audit(
        "disclosed", patient_id=made.patient_id, detail={"disclosure": disclosure_id, "purpose": made.purpose}
    )
    return disclosure_id


def accounting(work: UnitOfWork, patient_id: str) -> list[Disclosed]:
    """Every disclosure of the last six years, the newest first; audited. Needs audit.read."""
    work.actor.require("audit.read")
    since = work.now() - timedelta(days=YEARS_KEPT * 366)
    found = _by_hand(work, patient_id, since) + _by_applications(work, patient_id, since)
    work.audit("accounting_read", patient_id=patient_id, detail={"disclosures": len(found)})
    return sorted(found, key=lambda one: (one.day, one.recipient), reverse=True)


def _by_hand(work: UnitOfWork, patient_id: str, since: datetime) -> list[Disclosed]:
    rows = work.connection.execute(
        text(
            "SELECT disclosed_on, recipient, recipient_address, what, purpose, basis FROM access.disclosure "
            "WHERE patient_id = :patient AND disclosed_on >= :since"
        ),
        {"patient": patient_id, "since": since.date()},
    )
    return [Disclosed(*row, by_hand=True, times=1) for row in rows]


def _by_applications(work: UnitOfWork, patient_id: str, since: datetime) -> list[Disclosed]:
    values = {"zone": work.site_time_zone, "patient": patient_id, "since": since}
    return [
        Disclosed(
            day=row.day,
            recipient=row.name,
            recipient_address=None,
            what=", ".join(row.types or ()) or "parts of the record",
            purpose="application",
            basis=f"allowed by {row.let_in_by}" if row.let_in_by else "registered by the site",
            by_hand=False,
            times=row.times,
        )
        for row in work.connection.execute(BY_APPLICATIONS, values)
    ]
