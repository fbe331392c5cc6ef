"""A critical result that nobody acknowledges is passed on: first to who covers, then to the on-call pool.

It stays in the owner's inbox too. Acknowledging it ends this; a correction begins it anew. The time is the site's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.results_inbox.coverage import Cover, covers_on, final_covers
from ehr_core.results_inbox.events import tell
from ehr_core.results_inbox.pools import ON_CALL

LAST_LEVEL = 2
AT_ONCE = 200


def escalate_unacknowledged(work: UnitOfWork, after: timedelta) -> int:
    """Passes on every critical item that has waited `after` since it became new, or since it was passed on before."""
    rows = work.connection.execute(
        text(
            "SELECT * FROM results_inbox.item WHERE state = 'new' AND grade = 'critical' AND escalation_level < :last "
            "AND coalesce(escalated_at, notified_at) <= :before ORDER BY notified_at LIMIT :most "
            "FOR UPDATE SKIP LOCKED"
        ),
        {"last": LAST_LEVEL, "before": work.now() - after, "most": AT_ONCE},
    ).all()
    covers = covers_on(work, work.today())
    for row in rows:
        _pass_on(work, row, _next(row, covers))
    return len(rows)


def _next(row: Row[Any], covers: dict[str, list[Cover]]) -> Cover:
    """The cover of an absent owner once, then the pool that is on call."""
    found = final_covers(covers, row.owner_practitioner) if row.owner_practitioner else []
    return found[0] if found and row.escalation_level == 0 else (None, ON_CALL)


def _pass_on(work: UnitOfWork, row: Row[Any], to: Cover) -> None:
    practitioner, pool = to
    level = LAST_LEVEL if pool == ON_CALL else row.escalation_level + 1
    work.connection.execute(
        text(
            "UPDATE results_inbox.item SET escalation_level = :level, escalated_at = :now, "
            "escalated_practitioner = :practitioner, escalated_pool = :pool, version = version + 1 "
            "WHERE item_id = :item"
        ),
        {"level": level, "now": work.now(), "practitioner": practitioner, "pool": pool, "item": row.item_id},
    )
    tell(work, row.item_id, row.patient_id, "escalated", reference=pool or practitioner)
    work.audit(
        "results_inbox.escalated",
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        patient_id=row.patient_id,
        detail={"item_id": str(row.item_id), "level": level},
    )
