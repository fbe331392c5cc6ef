"""The audit log for those who may read it. Reading it is an act like any other, and audited."""

from __future__ import annotations

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork

MOST_EVENTS = 1000


def read_events(
    work: UnitOfWork, *, patient_id: str | None = None, actor_id: str | None = None, limit: int = 100
) -> list[Row]:
    """The newest events that match, newest first: at most `limit`.

    A patient's events are those about the record and every search or export that contained it.
    """
    work.actor.require("audit.read")
    rows = work.connection.execute(
        text(
            """
            SELECT e.id, e.at, e.actor_id, e.actor_kind, a.display_name AS actor_name, e.act, e.outcome,
              e.resource_type, e.resource_id, e.patient_id, cardinality(e.patient_ids) AS patients, e.detail
            FROM audit.event e LEFT JOIN access.account a ON a.id = e.actor_id
            WHERE (CAST(:patient_id AS text) IS NULL OR e.patient_id = :patient_id
                OR e.patient_ids @> ARRAY[CAST(:patient_id AS text)])
              AND (CAST(:actor_id AS text) IS NULL OR e.actor_id = :actor_id)
            ORDER BY e.at DESC, e.id DESC LIMIT :limit
            """
        ),
        {"patient_id": patient_id, "actor_id": actor_id, "limit": min(limit, MOST_EVENTS)},
    ).all()
    work.audit(
        "audit_read",
        patient_id=patient_id,
        detail={"of_actor": actor_id, "events": len(rows)},
    )
    return list(rows)
