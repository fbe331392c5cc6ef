"""A visit on its way through the clinic: each step moves the board, the Appointment and the Encounter together."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from data_contracts.api.visit_flow import FlowBoard, FlowVisit, MoveOnBoard, Stage, WalkIn
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.kernel.fhir_json import decode, without_empty
from ehr_core.kernel.ids import new_id
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable
from ehr_core.scheduling import appointment, flow
from ehr_core.scheduling.calendars import calendar, calendars, sites
from ehr_core.scheduling.flow import Standing
from ehr_core.scheduling.holds import let_go
from ehr_core.scheduling.rules import ENCOUNTER_OF_STAGE, STATUS_OF_STAGE, check_movable
from ehr_core.scheduling.taken import with_alternatives
from ehr_core.scheduling.types import appointment_type
from ehr_core.store.repository import Store
from ehr_core.workflows.book_visit import check_bookable

PERMISSIONS: dict[Stage, str] = {
    "expected": "visit.check_in",
    "arrived": "visit.check_in",
    "roomed": "visit.room",
    "with_clinician": "visit.room",
    "checked_out": "visit.check_in",
}
"""Who may move a visit there; back into the room is the work of those who room."""

ENCOUNTER_CLASSES = {
    "office": ("AMB", "ambulatory"),
    "video": ("VR", "virtual"),
    "phone": ("VR", "virtual"),
    "home": ("HH", "home health"),
}
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
VISIT_TYPE = "https://almoner.dev/fhir/CodeSystem/visit-type"
VISIT_TYPES = {"office": "Office visit", "video": "Video visit", "phone": "Phone visit", "home": "Home visit"}


def read_flow_board(work: UnitOfWork, on: date | None = None, site_id: str | None = None) -> FlowBoard:
    """The board, with a warning where two of the day have names alike."""
    board = flow.read_board(work, on, site_id)
    people = people_by_id(work, [one.visit.patient_id for one in board.visits if one.visit.patient_id])
    alike = mistakable({patient_id: person.name for patient_id, person in people.items()})
    named = [
        one.model_copy(
            update={
                "name": people[one.visit.patient_id].name if one.visit.patient_id in people else None,
                "same_name_today": one.visit.patient_id in alike,
            }
        )
        for one in board.visits
    ]
    return board.model_copy(update={"visits": named})


def move_on_board(work: UnitOfWork, appointment_id: str, wanted: MoveOnBoard) -> FlowVisit:
    """One step, as it was drawn. Raises StaleVersion, Conflict, BadRequest, Forbidden."""
    work.actor.require(PERMISSIONS[wanted.to])
    standing = flow.standing_of(work, appointment_id)
    flow.check_drawn(standing, wanted.version)
    move_to(work, standing, wanted.to, room=wanted.room)
    return present(work, appointment_id)


def move_to(work: UnitOfWork, standing: Standing, to: Stage, *, room: str | None = None) -> None:
    """The board, the Appointment and the Encounter; the permission was checked."""
    if standing.visit.patient_id is None:
        raise Conflict("This visit names no patient. Correct the booking first.")
    if standing.stage == "expected":
        check_movable(standing.visit.status)
    encounter_id = _follow_encounter(work, standing, to, room)
    flow.set_stage(work, standing, to, room=room, encounter_id=encounter_id)
    _set_status(work, standing, STATUS_OF_STAGE[to])
    work.audit(
        "visit.moved",
        resource_type="Appointment",
        resource_id=standing.visit.appointment_id,
        patient_id=standing.visit.patient_id,
        detail={"from": standing.stage, "to": to},
    )


def receive_walk_in(work: UnitOfWork, wanted: WalkIn) -> FlowVisit:
    """Somebody without a booking: arrived now, with a provider who is free or waiting for one.

    Raises TimeTaken when the provider who was named has somebody else; nobody named always works.
    """
    work.actor.require("visit.check_in")
    check_bookable(work, wanted.patient_id)
    kind = appointment_type(work, wanted.type_code)
    site = next((one for one in sites(work) if one.site_id == wanted.site_id), None)
    if site is None:
        raise BadRequest("site_id: choose one of the sites of this installation.")
    let_go(work)
    begins = work.now().replace(second=0, microsecond=0)
    provider = calendar(work, wanted.provider) if wanted.provider else None
    time = appointment.Time(
        starts_at=begins,
        ends_at=begins + timedelta(minutes=kind.minutes),
        time_zone=site.time_zone,
        provider=provider.actor if provider else None,
        provider_name=provider.name if provider else None,
        site_id=site.site_id,
    )
    resource = appointment.booked(
        wanted.patient_id, kind, time, reason=wanted.reason, created=work.now(), walk_in=True
    )
    appointment_id = new_id()
    with_alternatives(
        work,
        kind,
        wanted.patient_id,
        wanted.provider,
        begins,
        lambda: Store(work).create("Appointment", resource, id=appointment_id),
    )
    return _arrive_at_once(work, appointment_id)


def present(work: UnitOfWork, appointment_id: str) -> FlowVisit:
    names = {one.actor: one.name for one in calendars(work, active_only=False)}
    return flow.present(flow.standing_of(work, appointment_id), names)


def _arrive_at_once(work: UnitOfWork, appointment_id: str) -> FlowVisit:
    """On the board as somebody who has just come in."""
    found = flow.standing_of(work, appointment_id)
    fresh = Standing(found.visit, "expected", {})
    encounter_id = _follow_encounter(work, fresh, "arrived", None)
    flow.set_stage(work, fresh, "arrived", room=None, encounter_id=encounter_id)
    flow.mark_walk_in(work, appointment_id)
    work.audit(
        "visit.walked_in",
        resource_type="Appointment",
        resource_id=appointment_id,
        patient_id=found.visit.patient_id,
    )
    return present(work, appointment_id)


def _set_status(work: UnitOfWork, standing: Standing, status: str) -> None:
    if standing.visit.status == status:
        return
    store = Store(work)
    body = decode(store.read("Appointment", standing.visit.appointment_id).body)
    store.update(
        "Appointment",
        standing.visit.appointment_id,
        appointment.with_status(body, status),
        if_match=standing.visit.version,
    )


def _follow_encounter(work: UnitOfWork, standing: Standing, to: Stage, room: str | None) -> str | None:
    """The visit's Encounter: begun on arrival, ended at check-out; each state with its time, as FHIR keeps them.

    One that its signed note has ended is left as it is: the patient goes home after that.
    """
    store = Store(work)
    encounter_id = standing.row.get("encounter_id")
    if encounter_id is None:
        if to == "expected":
            return None
        return store.create("Encounter", _new_encounter(work, standing, to, room)).id
    found = store.read("Encounter", encounter_id)
    body = decode(found.body)
    if body.get("status") in ("finished", "entered-in-error") and to == "checked_out":
        return encounter_id
    store.update(
        "Encounter", encounter_id, _next_state(body, to, room, work.now()), if_match=found.version_id
    )
    return encounter_id


def _new_encounter(work: UnitOfWork, standing: Standing, to: Stage, room: str | None) -> dict[str, Any]:
    visit, now = standing.visit, work.now().isoformat(timespec="seconds")
    mode = appointment_type(work, visit.type_code, retired_too=True).mode if visit.type_code else "office"
    code, display = ENCOUNTER_CLASSES[mode]
    kind = {"system": VISIT_TYPE, "code": mode, "display": VISIT_TYPES[mode]}
    provider = {"reference": visit.provider, "display": visit.provider_name}
    return without_empty(
        {
            "resourceType": "Encounter",
            "status": ENCOUNTER_OF_STAGE[to],
            "class": {"system": ACT_CODE, "code": code, "display": display},
            "type": [{"coding": [kind], "text": VISIT_TYPES[mode]}],
            "subject": {"reference": f"Patient/{visit.patient_id}"},
            "participant": [{"individual": provider}] if visit.provider else [],
            "appointment": [{"reference": f"Appointment/{visit.appointment_id}"}],
            "period": {"start": now},
            "reasonCode": [{"text": visit.reason}] if visit.reason else [],
            "location": _places(visit.site_id, room),
        }
    )


def _next_state(body: dict[str, Any], to: Stage, room: str | None, now: datetime) -> dict[str, Any]:
    at = now.isoformat(timespec="seconds")
    history = list(body.get("statusHistory") or ())
    begun = history[-1]["period"].get("end") if history else (body.get("period") or {}).get("start")
    history.append({"status": body["status"], "period": {"start": begun or at, "end": at}})
    period = {key: value for key, value in (body.get("period") or {}).items() if key != "end"}
    if to in ("checked_out", "expected"):
        period["end"] = at
    changed = body | {"status": ENCOUNTER_OF_STAGE[to], "statusHistory": history, "period": period}
    if room is not None:
        kept = [one for one in body.get("location") or () if one.get("status") != "active"]
        changed["location"] = [*kept, *_places(None, room)]
    return changed


def _places(site_id: str | None, room: str | None) -> list[dict[str, Any]]:
    places = [{"location": {"reference": f"Location/{site_id}"}}] if site_id else []
    return [*places, *([{"location": {"reference": room}, "status": "active"}] if room else [])]
