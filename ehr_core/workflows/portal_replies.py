"""What a patient told us about the things to do, and what came of it, as the portal says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.api.portal import Language, OwnReply, ReplyState
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.replies import own_replies
from ehr_core.care_gaps.words import patient_words


def replies_by_gap(work: UnitOfWork, patient_id: str, language: Language) -> dict[str, OwnReply]:
    """The word that counts on each item, by the gap's id; the newest first."""
    zone = ZoneInfo(work.site_time_zone)
    rows = sorted(own_replies(work, patient_id), key=lambda row: row["received_at"], reverse=True)
    replies = [_reply(row, language, zone) for row in rows]
    return {reply.gap_id: reply for reply in replies if reply is not None}


def _reply(row: Mapping[str, Any], language: Language, zone: ZoneInfo) -> OwnReply | None:
    """Named as the item was when the person spoke; null when it is not shown to patients any more."""
    words = patient_words(row, language)
    if words is None:
        return None
    answered = row["reviewed_at"] or row["requested_at"]
    waits: ReplyState = "requested" if row["requested_at"] else "waiting"
    return OwnReply(
        gap_id=str(row["gap_id"]),
        title=words.title,
        told_at=row["received_at"].astimezone(zone),
        state=row["review_outcome"] or waits,
        answered_at=answered and answered.astimezone(zone),
        answer=row["answer"],
    )
