"""The portal's home: things to do in plain words, the next visit, new results. A person's own record only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.api.portal import OwnAppointment, PortalHome, ThingToDo
from data_contracts.guidelines import patient_text
from ehr_core.access.sensitivity import may_see_label
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.people import BOOKED, PersonFacts, people, practitioner_names
from ehr_core.care_gaps.reading import SELECT_GAPS
from ehr_core.care_gaps.replies import waiting_since
from ehr_core.care_gaps.rules import LIVE_STATUSES, STATUS_SQL
from ehr_core.care_gaps.standing import check_on_panel
from ehr_core.care_gaps.words import visible_to_patient
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.workflows.portal_results import NEW_DAYS, own_results

PATIENT_LANGUAGES = ("en", "es")


def portal_home(work: UnitOfWork, site_name: str) -> PortalHome:
    """Raises Forbidden for anybody but a patient."""
    work.actor.require("own.read")
    patient_id = own_id(work)
    person = people(work, [patient_id]).get(patient_id)
    if person is None:
        raise NotFound("Your record could not be found. Please call the clinic.")
    language = portal_language(person)
    things, hidden = _things_to_do(work, patient_id, language)
    results = own_results(work, language)
    work.audit("portal.home.read", patient_id=patient_id, detail={"things": len(things), "hidden": hidden})
    return PortalHome(
        patient_id=patient_id,
        first_name=person.name.used or person.name.given,
        language=language,
        things_to_do=things,
        next_visit=_next_visit(work, patient_id),
        new_results=sum(1 for result in results.results if _is_new(result.on, work.today())),
        site_name=site_name,
        hidden_items=bool(hidden) or results.hidden_items,
    )


def own_id(work: UnitOfWork) -> str:
    if work.actor.patient_id is None:
        raise NotFound("The portal shows a patient's own record.")
    return work.actor.patient_id


def portal_language(person: PersonFacts) -> str:
    """A language that the portal has words for; English otherwise."""
    spoken = (person.language or "en").lower()[:2]
    return spoken if spoken in PATIENT_LANGUAGES else "en"


def _things_to_do(work: UnitOfWork, patient_id: str, language: str) -> tuple[list[ThingToDo], int]:
    """Open gaps that the person may see, in the pack's plain words; and how many a label keeps back.

    Who opted out, moved or was merged away gets no nudge: read again now, whatever the last run said.
    """
    try:
        check_on_panel(work, patient_id)
    except Conflict:
        return [], 0
    rows = work.connection.execute(
        text(
            f"{SELECT_GAPS} AND gap.patient_id = :id AND {STATUS_SQL} = ANY(:live) "
            "ORDER BY gap.priority NULLS LAST, gap.source_id"
        ),
        {"id": patient_id, "today": work.today(), "live": list(LIVE_STATUSES)},
    ).mappings()
    wanted = [row for row in rows if visible_to_patient(row)]
    shown = [row for row in wanted if may_see_label(work.actor.kind, row["evidence_sensitivity"])]
    said = waiting_since(work, [row["gap_id"] for row in shown])
    things = [_thing(row, language, said.get(row["gap_id"])) for row in shown]
    return [thing for thing in things if thing is not None], len(wanted) - len(shown)


def _thing(row: Mapping[str, Any], language: str, said: Any) -> ThingToDo | None:
    words = patient_text(row["source_id"], row["gap_kind"], language)
    if words is None:
        return None
    scheduled = row["workflow_until"] - timedelta(days=1) if row["status"] == "scheduled" else None
    return ThingToDo(
        gap_id=str(row["gap_id"]),
        title=words.title,
        text=words.words,
        action=words.what_to_do,
        version=row["version"],
        already_said=said,
        scheduled_on=scheduled,
    )


def _next_visit(work: UnitOfWork, patient_id: str) -> OwnAppointment | None:
    row = work.connection.execute(
        text(
            "SELECT date_low, body FROM fhir.appointment WHERE patient_id = :id AND NOT deleted "
            "AND status = ANY(:booked) AND date_low >= :now ORDER BY date_low LIMIT 1"
        ),
        {"id": patient_id, "booked": list(BOOKED), "now": work.now()},
    ).one_or_none()
    if row is None:
        return None
    body = decode(row.body.encode())
    actors = [(entry.get("actor") or {}) for entry in body.get("participant") or ()]
    references = [actor.get("reference", "") for actor in actors]
    clinician = next((ref.partition("/")[2] for ref in references if ref.startswith("Practitioner/")), None)
    place = next((actor for actor in actors if actor.get("reference", "").startswith("Location/")), {})
    return OwnAppointment(
        starts_at=row.date_low.astimezone(ZoneInfo(work.site_time_zone)),
        minutes=body.get("minutesDuration"),
        with_whom=practitioner_names(work, [clinician]).get(clinician or ""),
        where=place.get("display") or _place_name(work, place.get("reference", "")),
        reason=body.get("description"),
    )


def _place_name(work: UnitOfWork, reference: str) -> str | None:
    return work.connection.execute(
        text("SELECT display_name FROM fhir.location WHERE id = :id"), {"id": reference.partition("/")[2]}
    ).scalar_one_or_none()


def _is_new(on: str | None, today: date) -> bool:
    """Dated to the day and within the last days; a result with a partial date is not called new."""
    if on is None or len(on) < len("2000-01-01"):
        return False
    return today - timedelta(days=NEW_DAYS) <= date.fromisoformat(on[:10]) <= today
