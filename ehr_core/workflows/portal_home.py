"""The portal's home: things to do in plain words, the next visit, new results. A person's own record only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.api.portal import (
    Language,
    OwnAppointment,
    OwnReply,
    OwnResult,
    PortalHome,
    ThingToDo,
    ToDoState,
)
from ehr_core.access.chart_policy import LabelSieve, evidence_open, whole_record
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.people import practitioner_names
from ehr_core.care_gaps.reading import SELECT_GAPS
from ehr_core.care_gaps.rules import LIVE_STATUSES, STATUS_SQL
from ehr_core.care_gaps.standing import check_on_panel
from ehr_core.care_gaps.words import patient_words, visible_to_patient
from ehr_core.kernel.errors import Conflict
from ehr_core.kernel.fhir_json import decode
from ehr_core.scheduling.rules import STILL_TO_COME
from ehr_core.workflows.portal_language import answer_language, own_person
from ehr_core.workflows.portal_replies import replies_by_gap
from ehr_core.workflows.portal_results import own_results

NEW_DAYS = 30
"""A result counts as new for so many days, opened or not: nothing is kept about what a person has opened."""

NEWS_CATEGORIES = ("laboratory", "imaging", "other")
"""What arrives after the visit. A weight or a blood pressure was told when it was taken."""


def portal_home(work: UnitOfWork, site_name: str, asked_language: str | None = None) -> PortalHome:
    """Raises Forbidden for anybody but a patient."""
    person = own_person(work)
    language = answer_language(asked_language, person)
    state = _to_do_state(work, person.patient_id)
    replies = replies_by_gap(work, person.patient_id, language)
    things, hidden_things = [], 0
    if state != "paused":
        things, hidden_things = _things_to_do(work, person.patient_id, language, replies)
    listed = {thing.gap_id for thing in things}
    results = own_results(work, language)
    visit, hidden_visits = _next_visit(work, person.patient_id)
    hidden = hidden_things + hidden_visits
    work.audit(
        "portal.home.read", patient_id=person.patient_id, detail={"things": len(things), "hidden": hidden}
    )
    return PortalHome(
        patient_id=person.patient_id,
        first_name=person.name.used or person.name.given,
        language=language,
        things_to_do=things,
        to_do_state=state,
        replies=[reply for gap_id, reply in replies.items() if gap_id not in listed],
        next_visit=visit,
        new_results=sum(1 for result in results.results if _is_new(result, work.today())),
        site_name=site_name,
        hidden_items=bool(hidden) or results.hidden_items,
    )


def _to_do_state(work: UnitOfWork, patient_id: str) -> ToDoState:
    """Whether an empty list would mean "nothing to do": only when the gaps were computed and still can be.

    Who opted out, moved or was merged away gets no nudge: read again now, whatever the last run said.
    """
    try:
        check_on_panel(work, patient_id)
    except Conflict:
        return "paused"
    measured = text(
        "SELECT computed_at IS NOT NULL AND NOT quarantined FROM care_gaps.measured_patient WHERE patient_id = :id"
    )
    return (
        "checked"
        if work.connection.execute(measured, {"id": patient_id}).scalar_one_or_none()
        else "not_checked"
    )


def _things_to_do(
    work: UnitOfWork, patient_id: str, language: Language, replies: Mapping[str, OwnReply]
) -> tuple[list[ThingToDo], int]:
    """Open gaps that the person may see, in the pack's plain words; and how many a label keeps back."""
    rows = work.connection.execute(
        text(
            f"{SELECT_GAPS} AND gap.patient_id = :id AND {STATUS_SQL} = ANY(:live) "
            "ORDER BY gap.priority NULLS LAST, gap.due_on NULLS LAST, gap.source_id"
        ),
        {"id": patient_id, "today": work.today(), "live": list(LIVE_STATUSES)},
    ).mappings()
    wanted = [row for row in rows if visible_to_patient(row)]
    shown = [row for row in wanted if evidence_open(work, row["evidence_sensitivity"], row["patient_id"])]
    found = [_thing(row, language, replies.get(str(row["gap_id"]))) for row in shown]
    things = [thing for thing in found if thing is not None]
    return sorted(things, key=lambda thing: thing.is_under_way), len(wanted) - len(shown)


def _thing(row: Mapping[str, Any], language: Language, reply: OwnReply | None) -> ThingToDo | None:
    words = patient_words(row, language)
    if words is None:
        return None
    scheduled = row["workflow_until"] - timedelta(days=1) if row["status"] == "scheduled" else None
    return ThingToDo(
        gap_id=str(row["gap_id"]),
        title=words.title,
        text=words.words,
        action=words.what_to_do,
        version=row["version"],
        reply=reply,
        scheduled_on=scheduled,
    )


def _next_visit(work: UnitOfWork, patient_id: str) -> tuple[OwnAppointment | None, int]:
    """The first visit from now on that the person may see; and how many before it a label keeps back."""
    upcoming = (
        text(
            "SELECT date_low, body FROM fhir.appointment WHERE patient_id = :id AND NOT deleted "
            "AND status = ANY(:booked) AND date_low >= :now ORDER BY date_low, id"
        ),
        {"id": patient_id, "booked": list(STILL_TO_COME), "now": work.now()},
    )
    with whole_record(work):
        rows = work.connection.execute(*upcoming).all()
    hidden, sight = 0, LabelSieve(work)
    for row in rows:
        body = decode(row.body.encode())
        if sight.sees(body):
            return _visit(work, row.date_low, body), hidden
        hidden += 1
    return None, hidden


def _visit(work: UnitOfWork, starts_at: datetime, body: dict[str, Any]) -> OwnAppointment:
    actors = [(entry.get("actor") or {}) for entry in body.get("participant") or ()]
    references = [actor.get("reference", "") for actor in actors]
    clinician = next((ref.partition("/")[2] for ref in references if ref.startswith("Practitioner/")), None)
    place = next((actor for actor in actors if actor.get("reference", "").startswith("Location/")), {})
    return OwnAppointment(
        starts_at=starts_at.astimezone(ZoneInfo(work.site_time_zone)),
        time_zone=work.site_time_zone,
        minutes=body.get("minutesDuration"),
        with_whom=practitioner_names(work, [clinician]).get(clinician or ""),
        where=place.get("display") or _place_name(work, place.get("reference", "")),
        reason=body.get("description"),
    )


def _place_name(work: UnitOfWork, reference: str) -> str | None:
    return work.connection.execute(
        text("SELECT display_name FROM fhir.location WHERE id = :id"), {"id": reference.partition("/")[2]}
    ).scalar_one_or_none()


def _is_new(result: OwnResult, today: date) -> bool:
    """Of the last `NEW_DAYS` days; a result with a partial date is not called new."""
    if result.category not in NEWS_CATEGORIES or result.on is None or len(result.on) < len("2000-01-01"):
        return False
    return today - timedelta(days=NEW_DAYS) <= date.fromisoformat(result.on[:10]) <= today
