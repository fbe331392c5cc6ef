"""What patients said that waits for review, each with the person as the chart names them."""

from __future__ import annotations

from sqlalchemy import Row, text

from data_contracts.api.care_gaps import PatientReplies, PatientReply
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.rules import STATUS_SQL
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable

REPLIES_SHOWN = 200


def replies_to_review(work: UnitOfWork) -> PatientReplies:
    """The oldest unreviewed replies first, `REPLIES_SHOWN` at most; audited with their patients."""
    work.actor.require("worklist.read")
    rows = work.connection.execute(
        text(
            f"SELECT reply.*, gap.source_id, gap.source_kind, gap.gap_kind AS gap_kind_now, {STATUS_SQL} AS status, "
            f"{words.MEASURE_SQL} AS measure, "
            "count(*) OVER () AS waiting FROM care_gaps.patient_reply AS reply "
            "JOIN care_gaps.gap AS gap USING (gap_id) WHERE reply.reviewed_at IS NULL "
            "ORDER BY reply.received_at LIMIT :most"
        ),
        {"today": work.today(), "most": REPLIES_SHOWN},
    ).all()
    persons = people_by_id(work, [row.patient_id for row in rows])
    alike = mistakable({patient_id: person.name for patient_id, person in persons.items()})
    work.audit("care_gaps.replies.read", patient_ids=list(persons))
    return PatientReplies(
        replies=[
            _as_reply(row, persons[row.patient_id], same_name=row.patient_id in alike)
            for row in rows
            if row.patient_id in persons
        ],
        waiting=rows[0].waiting if rows else 0,
    )


def _as_reply(row: Row, person: PersonFacts, *, same_name: bool) -> PatientReply:
    return PatientReply(
        reply_id=str(row.reply_id),
        gap_id=str(row.gap_id),
        patient_id=row.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        language=person.language,
        same_name=same_name,
        title=words.title(row._mapping),
        status=row.status,
        gap_kind=row.gap_kind_now,
        received_at=row.received_at,
        requested_at=row.requested_at,
        when=row.said_when,
        where=row.said_where,
    )
