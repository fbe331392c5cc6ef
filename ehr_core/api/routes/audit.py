"""Who saw and did what, for those who may ask."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Row

from data_contracts.api.audit import AuditEvent, AuditPage
from ehr_core.access.audit_reading import MOST_EVENTS, read_events
from ehr_core.access.audit_words import actor_words, sentence
from ehr_core.api.dependencies import Work

router = APIRouter(prefix="/api/audit", tags=["audit"])

Id = Annotated[str | None, Query(max_length=100, pattern=r"^[A-Za-z0-9\-.:_]*$")]


@router.get("")
def audit_page(
    work: Work,
    patient_id: Id = None,
    actor_id: Id = None,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
) -> AuditPage:
    """The newest events, of one patient or one person when asked. Needs audit.read."""
    rows = read_events(work, patient_id=patient_id or None, actor_id=actor_id or None, limit=limit + 1)
    return AuditPage(events=[_event(row) for row in rows[:limit]], more=len(rows) > limit)


def _event(row: Row) -> AuditEvent:
    actor = actor_words(row.actor_id, row.actor_name)
    return AuditEvent(
        event_id=row.id,
        at=row.at,
        actor_id=row.actor_id,
        actor_name=actor if row.actor_id else None,
        actor_kind=row.actor_kind,
        act=row.act,
        sentence=sentence(
            actor=actor,
            act=row.act,
            outcome=row.outcome,
            resource_type=row.resource_type,
            resource_id=row.resource_id,
            patients=row.patients,
            detail=row.detail,
        ),
        outcome=row.outcome,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        patient_id=row.patient_id,
    )
