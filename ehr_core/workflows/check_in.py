"""Check-in at the desk and in the portal: who it is, who pays, what is signed, what has changed; then: arrived."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from data_contracts.api.check_in import (
    CheckIn,
    CheckInSheet,
    CoverageShown,
    ReportedChange,
    ReportedChanges,
    ReportedList,
)
from data_contracts.api.scheduling import VisitAct
from data_contracts.api.visit_flow import FlowVisit
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, reference_id, without_empty
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.service import person_by_id
from ehr_core.scheduling import check_in, flow
from ehr_core.scheduling.appointment import OWN
from ehr_core.scheduling.flow import Standing
from ehr_core.scheduling.forms import due_forms, sign_form
from ehr_core.scheduling.rules import check_movable
from ehr_core.scheduling.types import appointment_type
from ehr_core.store.repository import Store
from ehr_core.workflows.visit_flow import move_to, present

TASK_SYSTEM = f"{OWN}/CodeSystem/task"
REVIEW_REPORTED = "review-reported-changes"
LIST_LIMIT = 100

COVERAGES = text("""
SELECT c.id, c.body, c.status, payer.display_name AS payer FROM fhir.coverage AS c
LEFT JOIN LATERAL (
  SELECT o.display_name FROM unnest(c.reference_tokens) AS token
  JOIN fhir.organization AS o ON token = 'payor:Organization/' || o.id LIMIT 1) AS payer ON true
WHERE c.patient_id = :patient AND NOT c.deleted AND c.status IN ('active', 'draft') ORDER BY c.id
""")


def read_sheet(work: UnitOfWork, appointment_id: str, language: str = "en") -> CheckInSheet:
    """All that is gone through, for the desk or for the person. Raises NotFound for anybody else's visit."""
    standing = _standing(work, appointment_id)
    visit = standing.visit
    patient_id = str(visit.patient_id)
    person = person_by_id(work, patient_id)
    row = check_in.noted(work, appointment_id)
    kind = appointment_type(work, visit.type_code, retired_too=True) if visit.type_code else None
    preparation = kind and (kind.patient_preparations.get(language) or kind.preparation)
    work.audit(
        "check_in.read", resource_type="Appointment", resource_id=appointment_id, patient_id=patient_id
    )
    return CheckInSheet(
        visit=visit,
        version=standing.version,
        stage=standing.stage,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        sex=person.sex,
        phone=person.phone,
        email=person.email,
        address=_address(work, patient_id),
        coverages=_coverages(work, patient_id),
        forms=due_forms(work, patient_id, language),
        copay=check_in.noted_copay(row),
        identity_checked_at=row.get("identity_checked_at"),
        coverage_answer=row.get("coverage_answer"),
        coverage_note=row.get("coverage_note"),
        reported=row.get("reported_at") is not None,
        preparation=preparation,
    )


def do_check_in(work: UnitOfWork, appointment_id: str, wanted: CheckIn) -> FlowVisit:
    """Keeps every answer; at the desk the person has then arrived. All of it or nothing.

    Raises StaleVersion when the visit was moved meanwhile, BadRequest naming what is missing.
    """
    standing = _standing(work, appointment_id)
    flow.check_drawn(standing, wanted.version)
    if standing.stage == "expected":
        check_movable(standing.visit.status)
    patient_id = str(standing.visit.patient_id)
    for answer in wanted.forms:
        sign_form(work, patient_id, answer, appointment_id=appointment_id, by=_who(work))
    if wanted.reported is not None:
        _report(work, standing, wanted.reported)
    check_in.note(work, appointment_id, patient_id, wanted)
    work.audit(
        "check_in.noted", resource_type="Appointment", resource_id=appointment_id, patient_id=patient_id
    )
    if wanted.arrive and work.actor.kind != "patient" and standing.stage == "expected":
        _require_checked(work, appointment_id)
        move_to(work, standing, "arrived")
    return present(work, appointment_id)


def reported_changes(work: UnitOfWork) -> ReportedList:
    """What people told at check-in and no clinician has looked at yet, oldest first."""
    work.actor.require("chart.read")
    page = Store(work).search(
        "Task",
        {"code": f"{TASK_SYSTEM}|{REVIEW_REPORTED}", "status": "requested", "_sort": "authored-on"},
        limit=LIST_LIMIT,
    )
    people = people_by_id(work, [one.patient_id for one in page.resources if one.patient_id])
    return ReportedList(
        changes=[
            _reported(one.version_id, decode(one.body), people[one.patient_id])
            for one in page.resources
            if one.patient_id in people
        ]
    )


def settle_reported(work: UnitOfWork, task_id: str, act: VisitAct) -> None:
    """A clinician has looked and brought the chart up to date where it was needed. Raises StaleVersion."""
    work.actor.require("chart.write")
    store = Store(work)
    found = store.read("Task", task_id)
    body = decode(found.body)
    if found.version_id != act.version or body.get("status") != "requested":
        raise StaleVersion("Somebody else has looked at this already.")
    done = body | {
        "status": "completed",
        "owner": _who(work),
        "lastModified": work.now().isoformat(timespec="seconds"),
    }
    store.update("Task", task_id, done, if_match=act.version)
    work.audit(
        "check_in.reported_settled", resource_type="Task", resource_id=task_id, patient_id=found.patient_id
    )


def _standing(work: UnitOfWork, appointment_id: str) -> Standing:
    if work.actor.kind == "patient":
        work.actor.require("own.check_in")
    else:
        work.actor.require("visit.check_in")
    standing = flow.standing_of(work, appointment_id)
    if standing.visit.patient_id is None or work.actor.patient_id not in (None, standing.visit.patient_id):
        raise NotFound("There is no such visit. It may have been deleted; reload the page.")
    return standing


def _require_checked(work: UnitOfWork, appointment_id: str) -> None:
    row = check_in.noted(work, appointment_id)
    if row.get("identity_checked_at") is None:
        raise BadRequest("identity: compare name and birth date with the person first.")
    if row.get("coverage_answer") is None:
        raise BadRequest("coverage: ask whether the coverage is still as shown.")


def _who(work: UnitOfWork) -> dict[str, Any]:
    actor = work.actor
    if actor.kind == "patient":
        return {"reference": f"Patient/{actor.patient_id}"}
    if actor.practitioner_id:
        return {"reference": f"Practitioner/{actor.practitioner_id}", "display": actor.name}
    return {"display": actor.name}


def _report(work: UnitOfWork, standing: Standing, told: ReportedChanges) -> None:
    """In the person's own words, as a task for a clinician: nothing is in the chart before somebody has looked."""
    said = {"allergies": (told.allergies or "").strip(), "medications": (told.medications or "").strip()}
    inputs = [{"type": {"text": name}, "valueString": words} for name, words in said.items() if words]
    if not inputs:
        return
    visit = standing.visit
    now = work.now().isoformat(timespec="seconds")
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {
            "coding": [{"system": TASK_SYSTEM, "code": REVIEW_REPORTED}],
            "text": "Reported by the patient",
        },
        "focus": {"reference": f"Appointment/{visit.appointment_id}"},
        "for": {"reference": f"Patient/{visit.patient_id}"},
        "authoredOn": now,
        "lastModified": now,
        "requester": _who(work),
        "owner": {"reference": visit.provider} if visit.provider else None,
        "input": inputs,
    }
    Store(work).create("Task", without_empty(task))


def _reported(version: int, task: dict[str, Any], person: Any) -> ReportedChange:
    said = {one["type"].get("text"): one.get("valueString") for one in task.get("input") or ()}
    requester = task.get("requester") or {}
    by_patient = reference_id(requester, "Patient") is not None
    return ReportedChange(
        task_id=task["id"],
        version=version,
        patient_id=person.patient_id,
        patient_name=", ".join(part for part in (person.name.family, person.name.given) if part) or None,
        birth_date=person.birth_date,
        mrn=person.mrn,
        reported_at=task["authoredOn"],
        reported_by="the patient, in the portal" if by_patient else requester.get("display") or "staff",
        allergies=said.get("allergies"),
        medications=said.get("medications"),
    )


def _coverages(work: UnitOfWork, patient_id: str) -> list[CoverageShown]:
    shown = []
    for row in work.connection.execute(COVERAGES, {"patient": patient_id}):
        body = decode(row.body)
        payor = next(iter(body.get("payor") or ()), {})
        own = reference_id(payor, "Patient") is not None
        shown.append(
            CoverageShown(
                coverage_id=row.id,
                payer="Pays for themselves" if own else row.payer or payor.get("display"),
                member_id=body.get("subscriberId"),
                order=body.get("order"),
                status=row.status,
                until=(body.get("period") or {}).get("end"),
                copay=_copay_words(body),
            )
        )
    return sorted(shown, key=lambda one: one.order or 99)


def _copay_words(coverage: dict[str, Any]) -> str | None:
    for cost in coverage.get("costToBeneficiary") or ():
        money = cost.get("valueMoney") or {}
        if money.get("value") is not None:
            return f"{money['value']} {money.get('currency') or 'currency not recorded'}"
    return None


def _address(work: UnitOfWork, patient_id: str) -> str | None:
    body = work.connection.execute(
        text("SELECT body FROM fhir.patient WHERE id = :id"), {"id": patient_id}
    ).scalar_one()
    listed = [one for one in decode(body).get("address") or () if one.get("use") != "old"]
    if not listed:
        return None
    first = listed[0]
    if first.get("text"):
        return first["text"]
    parts = [*(first.get("line") or ()), first.get("city"), first.get("state"), first.get("postalCode")]
    return ", ".join(part for part in parts if part) or None
