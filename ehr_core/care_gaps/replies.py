"""What patients say about their things to do: kept for review, never taken as evidence."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from data_contracts.api.care_gaps import ReviewReply
from data_contracts.api.portal import AlreadyHadThis
from ehr_core.access.sensitivity import may_see_label
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.events import tell
from ehr_core.care_gaps.reading import NO_SUCH_GAP, read_row
from ehr_core.kernel.errors import NotFound, StaleVersion


def say_already_had(work: UnitOfWork, gap_id: str, said: AlreadyHadThis) -> datetime:
    """Keeps the patient's word for review. Raises NotFound for a gap that the portal does not show them.

    The same words again, while the first wait for review, are the same reply: a second tap adds nothing.
    """
    work.actor.require("own.reply")
    row = read_row(work, gap_id)
    if row["patient_id"] != work.actor.patient_id or not _shown_to_patient(work, row):
        raise NotFound(NO_SUCH_GAP)
    if earlier := _same_reply(work, row, said):
        return earlier
    if row["version"] != said.version:
        raise StaleVersion("This has changed since you saw it. Reload the page and look again.")
    now = work.now()
    work.connection.execute(
        text(
            "INSERT INTO care_gaps.patient_reply (patient_id, gap_id, received_at, said_when, said_where) "
            "VALUES (:patient_id, :gap_id, :at, :said_when, :said_where)"
        ),
        {
            "patient_id": row["patient_id"],
            "gap_id": row["gap_id"],
            "at": now,
            "said_when": said.when,
            "said_where": said.where,
        },
    )
    tell(work, row, act="patient_replied", from_status=row["status"], to_status=row["status"])
    work.audit(
        "care_gaps.patient_replied", patient_id=row["patient_id"], detail={"gap_id": str(row["gap_id"])}
    )
    return now


def _shown_to_patient(work: UnitOfWork, row: Mapping[str, Any]) -> bool:
    return words.visible_to_patient(row) and may_see_label(work.actor.kind, row["evidence_sensitivity"])


def _same_reply(work: UnitOfWork, row: Mapping[str, Any], said: AlreadyHadThis) -> datetime | None:
    return work.connection.execute(
        text(
            "SELECT max(received_at) FROM care_gaps.patient_reply WHERE gap_id = :gap_id AND reviewed_at IS NULL "
            "AND said_when IS NOT DISTINCT FROM :said_when AND said_where IS NOT DISTINCT FROM :said_where"
        ),
        {"gap_id": row["gap_id"], "said_when": said.when, "said_where": said.where},
    ).scalar_one()


def waiting_since(work: UnitOfWork, gap_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, datetime]:
    """When the patient said so, per gap whose reply nobody has reviewed yet."""
    rows = work.connection.execute(
        text(
            "SELECT gap_id, max(received_at) AS said FROM care_gaps.patient_reply "
            "WHERE gap_id = ANY(:ids) AND reviewed_at IS NULL GROUP BY gap_id"
        ),
        {"ids": list(gap_ids)},
    )
    return {row.gap_id: row.said for row in rows}


def review_reply(work: UnitOfWork, reply_id: str, review: ReviewReply) -> None:
    """Takes a reply off the list. What was found is recorded in the chart, and closes the gap from there."""
    work.actor.require("gap.act")
    done = work.connection.execute(
        text(
            "UPDATE care_gaps.patient_reply SET reviewed_at = :at, reviewed_by = :by, review_outcome = :outcome "
            "WHERE reply_id::text = :id AND reviewed_at IS NULL RETURNING gap_id, patient_id"
        ),
        {"id": reply_id, "at": work.now(), "by": work.actor.actor_id, "outcome": review.outcome},
    ).mappings()
    row = done.one_or_none()
    if row is None:
        raise NotFound("There is no such reply, or somebody has reviewed it already.")
    tell(work, row, act="reply_reviewed", reason=review.outcome)
    work.audit("care_gaps.reply_reviewed", patient_id=row["patient_id"], detail={"outcome": review.outcome})
