"""What was stored and nobody has routed yet. A row goes in the transaction that routes it, never before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork

TRIES_BEFORE_A_PERSON_LOOKS = 3
AGAIN_AFTER = timedelta(seconds=20)
"""Between two tries of one that failed."""


def take_arrivals(work: UnitOfWork, limit: int) -> Sequence[Row]:
    """The oldest waiting rows, locked until this transaction ends. Another router passes them by."""
    return work.connection.execute(
        text(
            "SELECT position, resource_type, resource_id, patient_id, tries FROM results_inbox.arrival "
            "WHERE try_again_at IS NULL OR try_again_at <= :now ORDER BY position LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"now": work.now(), "limit": limit},
    ).all()


def drop_arrivals(work: UnitOfWork, positions: Sequence[int]) -> None:
    work.connection.execute(
        text("DELETE FROM results_inbox.arrival WHERE position = ANY(:positions)"),
        {"positions": list(positions)},
    )


def try_again_later(work: UnitOfWork, positions: Sequence[int]) -> None:
    """These could not be routed: they wait, and the others go on."""
    work.connection.execute(
        text(
            "UPDATE results_inbox.arrival SET tries = tries + 1, try_again_at = :later WHERE position = ANY(:positions)"
        ),
        {"later": work.now() + AGAIN_AFTER, "positions": list(positions)},
    )


def count_arrivals(work: UnitOfWork) -> int:
    return work.connection.execute(text("SELECT count(*) FROM results_inbox.arrival")).scalar_one()
