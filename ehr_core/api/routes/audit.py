"""Who saw and did what, for those who may ask."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import Row
from starlette.responses import Response

from data_contracts.api.access import PatientNamed
from data_contracts.api.audit import AuditEvent, AuditPage, AuditPeople
from data_contracts.api.model import Page
from ehr_core.access.audit_reading import MOST_COUNTED, AuditFilter, export_events, read_events, staff_who_act
from ehr_core.access.audit_words import SERVICES, actor_words, acts_in_words, sentence
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.api.known_patients import names_of

router = APIRouter(prefix="/api/audit", tags=["audit"])

MOST_EVENTS = 1000
Act = Annotated[str | None, Query(max_length=80, pattern=r"^[A-Za-z0-9_.:/{} -]*$")]
Outcome = Literal["success", "refused", "failure"] | None
Id = Annotated[str | None, Query(max_length=100, pattern=r"^[A-Za-z0-9\-.:_]*$")]


@router.get("")
def audit_page(
    parts: ProcessParts,
    work: Work,
    patient_id: Id = None,
    actor_id: Id = None,
    since: date | None = None,
    until: date | None = None,
    act: Act = None,
    outcome: Outcome = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 100,
) -> AuditPage:
    """The newest events first, of one patient, one person or some days when asked. Needs audit.read."""
    wanted = AuditFilter(patient_id or None, actor_id or None, since, until, act or None, outcome)
    rows, total = read_events(work, wanted, page=page, size=size)
    named = names_of(parts, (row.patient_id for row in rows if row.patient_id))
    return AuditPage(
        events=[_event(row, named.get(row.patient_id)) for row in rows],
        page=Page(number=page, size=size, total=total),
        counted_all=total < MOST_COUNTED,
    )


@router.get("/export", response_model=None)
def export(
    work: Work,
    patient_id: Id = None,
    actor_id: Id = None,
    since: date | None = None,
    until: date | None = None,
    act: Act = None,
    outcome: Outcome = None,
) -> Response:
    """The events that match as CSV, oldest first, with each row's place and hash in its chain. Needs audit.read."""
    wanted = AuditFilter(patient_id or None, actor_id or None, since, until, act or None, outcome)
    return Response(as_csv(export_events(work, wanted)), media_type="text/csv; charset=utf-8")


@router.get("/people")
def people(work: Work) -> AuditPeople:
    """What the log may be narrowed to: staff and our own services, and acts."""
    return AuditPeople(people=[*staff_who_act(work), *SERVICES.items()], acts=acts_in_words())


def _event(row: Row, patient: PatientNamed | None) -> AuditEvent:
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
        patient=patient,
    )


def as_csv(rows: Sequence[Row]) -> str:
    """With a head line. A text that a spreadsheet would take for a formula is written as text."""
    written = io.StringIO()
    csv_rows = csv.writer(written)
    if rows:
        csv_rows.writerow(rows[0]._fields)
    for row in rows:
        csv_rows.writerow([_plain(value) for value in row])
    return written.getvalue()


def _plain(value: object) -> str:
    text = "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
