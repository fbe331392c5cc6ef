"""What patients said that waits for review, each with the person as the chart names them."""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.care_gaps import PatientReply
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.registration.queries import people_by_id

REPLIES_SHOWN = 200


def replies_to_review(work: UnitOfWork) -> list[PatientReply]:
    """The oldest unreviewed replies first."""
    work.actor.require("worklist.read")
    rows = work.connection.execute(
        text(
            "SELECT reply.*, gap.source_id FROM care_gaps.patient_reply AS reply "
            "JOIN care_gaps.gap AS gap USING (gap_id) WHERE reply.reviewed_at IS NULL "
            "ORDER BY reply.received_at LIMIT :most"
        ),
        {"most": REPLIES_SHOWN},
    ).all()
    persons = people_by_id(work, [row.patient_id for row in rows])
    work.audit("care_gaps.replies.read", patient_ids=[row.patient_id for row in rows])
    return [
        PatientReply(
            reply_id=str(row.reply_id),
            gap_id=str(row.gap_id),
            patient_id=row.patient_id,
            name=persons[row.patient_id].name,
            title=words.title(row.source_id),
            received_at=row.received_at,
            when=row.said_when,
            where=row.said_where,
        )
        for row in rows
        if row.patient_id in persons
    ]
