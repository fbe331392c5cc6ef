"""The history of a gap: who did what when, never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork


def tell(
    work: UnitOfWork,
    gap: Mapping[str, Any],
    *,
    act: str,
    from_status: str | None = None,
    to_status: str | None = None,
    reason: str | None = None,
    note: str | None = None,
) -> None:
    """Adds one line to the history of `gap` (gap_id, patient_id), as this actor."""
    work.connection.execute(
        text(
            "INSERT INTO care_gaps.event (gap_id, patient_id, at, actor_id, actor_name, act, from_status, to_status, "
            "reason, note) VALUES (:gap_id, :patient_id, :at, :actor_id, :actor_name, :act, :from_status, :to_status, "
            ":reason, :note)"
        ),
        {
            "gap_id": gap["gap_id"],
            "patient_id": gap["patient_id"],
            "at": work.now(),
            "actor_id": work.actor.actor_id,
            "actor_name": work.actor.name,
            "act": act,
            "from_status": from_status,
            "to_status": to_status,
            "reason": reason,
            "note": note,
        },
    )
