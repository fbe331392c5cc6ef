"""What patients say about their things to do: kept for review, never taken as evidence, answered, or taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from data_contracts.api.care_gaps import ReviewReply
from data_contracts.api.portal import AlreadyHadThis
from ehr_core.access.chart_policy import evidence_open
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.events import tell
from ehr_core.care_gaps.reading import NO_SUCH_GAP, read_row
from ehr_core.kernel.errors import Conflict, NotFound, StaleVersion

ANSWER_SHOWN_DAYS = 30
"""An answer stands in the portal for so many days, so that somebody who looks once a month reads it."""

NO_SUCH_REPLY = (
    "There is no such reply, or somebody has reviewed it already. Reload the page to see what waits."
)

OWN_REPLIES = f"""
SELECT DISTINCT ON (reply.gap_id) reply.*, gap.source_id, gap.evidence_sensitivity, {words.MEASURE_SQL} AS measure
FROM care_gaps.patient_reply AS reply JOIN care_gaps.gap AS gap USING (gap_id)
WHERE reply.patient_id = :id AND (reply.reviewed_at IS NULL
  OR reply.reviewed_at > :since AND reply.review_outcome <> 'taken_back')
ORDER BY reply.gap_id, (reply.reviewed_at IS NULL) DESC, reply.received_at DESC"""

CHANGED_SINCE = """
SELECT EXISTS (SELECT 1 FROM care_gaps.event
  WHERE gap_id = :gap_id AND act = 'computed' AND at > :received_at)"""


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
            "INSERT INTO care_gaps.patient_reply (patient_id, gap_id, gap_kind, received_at, said_when, said_where) "
            "VALUES (:patient_id, :gap_id, :gap_kind, :at, :said_when, :said_where)"
        ),
        {
            "patient_id": row["patient_id"],
            "gap_id": row["gap_id"],
            "gap_kind": row["gap_kind"],
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


def take_back(work: UnitOfWork, gap_id: str) -> None:
    """The patient's own word on one item no longer stands: a mis-tap. Raises NotFound when none waits."""
    work.actor.require("own.reply")
    taken = work.connection.execute(
        text(
            "UPDATE care_gaps.patient_reply SET reviewed_at = :at, reviewed_by = :by, review_outcome = 'taken_back' "
            "WHERE gap_id::text = :gap_id AND patient_id = :patient_id AND reviewed_at IS NULL "
            "RETURNING gap_id, patient_id"
        ),
        {
            "at": work.now(),
            "by": work.actor.actor_id,
            "gap_id": gap_id,
            "patient_id": work.actor.patient_id,
        },
    ).mappings()
    row = taken.first()
    if row is None:
        raise NotFound("Nothing that you told us about this waits any more. Reload the page and look again.")
    tell(work, row, act="reply_taken_back")
    work.audit(
        "care_gaps.reply_taken_back", patient_id=row["patient_id"], detail={"gap_id": str(row["gap_id"])}
    )


def own_replies(work: UnitOfWork, patient_id: str) -> Sequence[Mapping[str, Any]]:
    """The word that counts on each item, waiting or answered lately; none that a label keeps from this actor."""
    since = work.now() - timedelta(days=ANSWER_SHOWN_DAYS)
    rows = work.connection.execute(text(OWN_REPLIES), {"id": patient_id, "since": since}).mappings()
    return [row for row in rows if evidence_open(work, row["evidence_sensitivity"], row["patient_id"])]


def review_reply(work: UnitOfWork, reply_id: str, review: ReviewReply) -> None:
    """Answers a reply, and with it what was said before on the same item and still waits.

    What was found is recorded in the chart, and closes the gap from there. Asked for elsewhere, the reply waits on.
    Raises NotFound when it does not wait any more, Conflict when "recorded" is said of a gap that has not moved.
    """
    work.actor.require("gap.act")
    row = _waiting_reply(work, reply_id)
    if review.outcome == "recorded" and not _has_changed(work, row):
        raise Conflict(
            "This care gap has not changed since the patient replied. Record the outside result in the chart first, "
            "and answer when the gap shows it."
        )
    reviewed = "reviewed_at = :at, reviewed_by = :by, review_outcome = :outcome"
    set_to = "requested_at = :at" if review.outcome == "requested" else reviewed
    work.connection.execute(
        text(
            f"UPDATE care_gaps.patient_reply SET {set_to}, answer = :answer "
            "WHERE gap_id = :gap_id AND reviewed_at IS NULL AND received_at <= :received_at"
        ),
        {
            "gap_id": row["gap_id"],
            "received_at": row["received_at"],
            "at": work.now(),
            "by": work.actor.actor_id,
            "outcome": review.outcome,
            "answer": review.answer,
        },
    )
    tell(work, row, act="reply_reviewed", reason=review.outcome, note=review.answer)
    work.audit("care_gaps.reply_reviewed", patient_id=row["patient_id"], detail={"outcome": review.outcome})


def _waiting_reply(work: UnitOfWork, reply_id: str) -> Mapping[str, Any]:
    found = work.connection.execute(
        text(
            "SELECT * FROM care_gaps.patient_reply WHERE reply_id::text = :id AND reviewed_at IS NULL FOR UPDATE"
        ),
        {"id": reply_id},
    ).mappings()
    row = found.one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_REPLY)
    return row


def _has_changed(work: UnitOfWork, row: Mapping[str, Any]) -> bool:
    """Whether the computed answer has moved since the patient spoke: only the chart can do that."""
    values = {"gap_id": row["gap_id"], "received_at": row["received_at"]}
    return work.connection.execute(text(CHANGED_SINCE), values).scalar_one()


def _shown_to_patient(work: UnitOfWork, row: Mapping[str, Any]) -> bool:
    return words.visible_to_patient(row) and evidence_open(
        work, row["evidence_sensitivity"], row["patient_id"]
    )


def _same_reply(work: UnitOfWork, row: Mapping[str, Any], said: AlreadyHadThis) -> datetime | None:
    return work.connection.execute(
        text(
            "SELECT max(received_at) FROM care_gaps.patient_reply WHERE gap_id = :gap_id AND reviewed_at IS NULL "
            "AND said_when IS NOT DISTINCT FROM :said_when AND said_where IS NOT DISTINCT FROM :said_where"
        ),
        {"gap_id": row["gap_id"], "said_when": said.when, "said_where": said.where},
    ).scalar_one()
