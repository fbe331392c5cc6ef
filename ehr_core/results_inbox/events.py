"""The history of an item: who did what when, never changed afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork

TELL = text("""
INSERT INTO results_inbox.event (item_id, patient_id, at, actor_id, actor_name, act, reference, note)
VALUES (CAST(:item AS uuid), :patient, :at, :actor, :name, :act, :reference, :note)
""")


def tell(
    work: UnitOfWork,
    item_id: Any,
    patient_id: str,
    act: str,
    *,
    note: str | None = None,
    reference: str | None = None,
    by: str | None = None,
) -> None:
    """Adds one line, as this actor; `by` names somebody else whose act it was."""
    work.connection.execute(
        TELL,
        {
            "item": str(item_id),
            "patient": patient_id,
            "at": work.now(),
            "actor": work.actor.actor_id,
            "name": by or work.actor.name,
            "act": act,
            "reference": reference,
            "note": note,
        },
    )


def events_of(work: UnitOfWork, item_ids: Iterable[Any]) -> Sequence[Row]:
    """Every line of these items, the newest first."""
    return work.connection.execute(
        text(
            "SELECT * FROM results_inbox.event WHERE item_id = ANY(CAST(:ids AS uuid[])) ORDER BY event_id DESC"
        ),
        {"ids": [str(one) for one in item_ids]},
    ).all()
