"""Refills: asked for, checked again against the whole record, and approved in one click where nothing is against it.

One click is off where a rule interrupts, a check could not be done, or monitoring is overdue.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cds.facts import Medication, Proposal
from data_contracts.api.medications import (
    AnswerRefill,
    AskRefill,
    PrescriptionWritten,
    RefillRequest,
    RefillRequests,
    RefillsWaiting,
)
from data_contracts.api.patients import PatientName
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.decision_support.service import (
    Asked,
    Checked,
    check_proposal,
    check_proposals,
    record_signed,
    require_answers,
)
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode, reference_id
from ehr_core.medications.imported import lookup_for
from ehr_core.medications.listing import medication_name, rxcui_of
from ehr_core.medications.prescriptions import (
    REQUEST_IDENTIFIER,
    SENT,
    changed,
    refills_left,
    state_of,
    why_not_here,
)
from ehr_core.medications.queries import count_refills, day_of, open_refills
from ehr_core.medications.refills import REFILL_TOKEN, answered, asked_by, build_refill_request, renewed
from ehr_core.medications.tall_man import tall_man
from ehr_core.outside.services import asks_of_orders
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable
from ehr_core.store.repository import Store
from ehr_core.workflows.patient_facts import PatientFacts, build_facts, build_facts_of_all
from ehr_core.workflows.prescribe import require_in_use, why_no_single_click

Resource = dict[str, Any]

MOST = 50
"""Requests on one page of the queue, and in one patient's list."""
LOOKED_THROUGH = "queue"
"""Requests that are looked through are shown, and are no orders yet."""
ASK_FIRST = "Outside decision support is asked before a renewal: open the request to read what it says."


def ask_refill(work: UnitOfWork, *, patient_id: str, asked: AskRefill) -> RefillRequest:
    """Puts a request into the queue. Raises Conflict while one for the same prescription is still waiting."""
    work.actor.require("medication.reconcile")
    require_in_use(work, patient_id)
    store = Store(work)
    request = decode(store.read("MedicationRequest", asked.prescription_id).body)
    if reference_id(request.get("subject"), "Patient") != patient_id:
        raise NotFound("There is no such prescription in this record.")
    if request.get("status") in ("draft", "cancelled", "entered-in-error"):
        raise Conflict("This prescription was never in force, so there is nothing to refill.")
    if any(one.prescription_id == asked.prescription_id for one in _requests(work, patient_id)):
        raise Conflict("A refill of this prescription has been asked for already and waits for an answer.")
    built = build_refill_request(
        patient_id=patient_id,
        prescription_id=asked.prescription_id,
        asked_by=asked.asked_by,
        requester=person(work.actor),
        authored_on=instant(work.now()),
    )
    written = store.create("Task", encode(built))
    return next(one for one in _requests(work, patient_id) if one.request_id == written.id)


def refill_queue(work: UnitOfWork) -> RefillRequests:
    """Every request that waits, oldest first, with its context and its checks."""
    work.actor.require("medication.prescribe")
    items = _requests(work, None)
    work.audit(
        "refill_queue", patient_ids=[item.patient_id for item in items], detail={"requests": len(items)}
    )
    return RefillRequests(items=items)


def refills_waiting(work: UnitOfWork) -> RefillsWaiting:
    """How many wait. No patient data: unaudited."""
    work.actor.require("medication.prescribe")
    return RefillsWaiting(waiting=count_refills(work.connection, REFILL_TOKEN))


def refills_of(work: UnitOfWork, patient_id: str) -> list[RefillRequest]:
    """The waiting requests of one patient; the caller audits the read."""
    return _requests(work, patient_id)


def answer_refill(work: UnitOfWork, *, task_id: str, answer: AnswerRefill) -> PrescriptionWritten:
    """Approves a refill by a renewed prescription, or refuses it with a reason; bound to both versions shown.

    Raises StaleVersion when somebody answered first or the prescription changed, Conflict where a warning has no
    reason.
    """
    work.actor.require("medication.prescribe")
    store = Store(work)
    task = store.read("Task", task_id)
    if task.version_id != answer.version_id:
        raise StaleVersion("Somebody else has answered this request a moment ago.")
    body = decode(task.body)
    if body.get("status") != "requested":
        raise Conflict("This request has been answered already.")
    prescription_id = reference_id(body.get("focus"), "MedicationRequest") or ""
    found = store.read("MedicationRequest", prescription_id)
    if found.version_id != answer.prescription_version_id:
        raise StaleVersion("The prescription was changed since this request was shown. Look at it again.")
    request = decode(found.body)
    if not answer.approve:
        if not (answer.reason or "").strip():
            raise BadRequest("A refusal needs a reason that the patient and the pharmacy can read.")
        done = answered(body, approved=False, reason=answer.reason, answered_by=person(work.actor))
        store.update("Task", task_id, encode(done), if_match=task.version_id)
        return PrescriptionWritten(
            prescription_id=prescription_id,
            version_id=found.version_id,
            state=state_of(request, dispensed=True),
        )
    return _renew(
        work, store, task_id, body, task.version_id, prescription_id, found.version_id, request, answer
    )


def _renew(
    work: UnitOfWork,
    store: Store,
    task_id: str,
    task: Resource,
    task_version: int,
    prescription_id: str,
    version_id: int,
    request: Resource,
    answer: AnswerRefill,
) -> PrescriptionWritten:
    patient_id = reference_id(request.get("subject"), "Patient") or ""
    require_in_use(work, patient_id)
    rxcui = rxcui_of(request.get("medicationCodeableConcept"))
    if refused := why_not_here(rxcui, lookup_for(work.connection, [rxcui] if rxcui else [])):
        raise Conflict(refused)
    facts = build_facts(work, patient_id)
    checked = check_proposal(work, _asked(patient_id, facts, prescription_id, task_id))
    answers = require_answers(checked, answer.acknowledged)
    now = instant(work.now())
    built = renewed(
        request,
        prescription_id=prescription_id,
        refills=answer.refills,
        writer=person(work.actor),
        authored_on=now,
    )
    built |= {
        "extension": [{"url": SENT, "valueDateTime": now}],
        "identifier": [{"system": REQUEST_IDENTIFIER, "value": f"refill-{task_id}"}],
    }
    written = store.create("MedicationRequest", encode(built))
    if request.get("status") in ("active", "on-hold"):
        ended = changed(request, status="completed", reason={"text": "Renewed"}, at=now)
        store.update("MedicationRequest", prescription_id, encode(ended), if_match=version_id)
    done = answered(task, approved=True, reason=None, answered_by=person(work.actor))
    store.update("Task", task_id, encode(done), if_match=task_version)
    record_signed(work, checked, answers)
    return PrescriptionWritten(prescription_id=written.id, version_id=written.version_id, state="sent")


def _requests(work: UnitOfWork, patient_id: str | None) -> list[RefillRequest]:
    """A handful of statements however many wait: the requests, the facts of their patients, what was shown."""
    rows = open_refills(work.connection, REFILL_TOKEN, patient_id=patient_id, most=MOST)
    facts = build_facts_of_all(work, dict.fromkeys(row.patient_id for row in rows))
    asked = [_asked(row.patient_id, facts[row.patient_id], row.prescription_id, row.id) for row in rows]
    checks = check_proposals(work, asked, moment=LOOKED_THROUGH)
    orders = [decode(row.prescription) for row in rows]
    codes = [rxcui_of(order.get("medicationCodeableConcept")) for order in orders]
    lookup = lookup_for(work.connection, filter(None, codes))
    refused = [why_not_here(code, lookup) for code in codes]
    outside = asks_of_orders(work.connection) if rows else False
    people = people_by_id(work, facts)
    alike = mistakable({patient_id: person.name for patient_id, person in people.items()})
    shown = zip(rows, orders, checks, refused, strict=True)
    return [_shown(people.get(one[0].patient_id), alike, outside, *one) for one in shown]


def _shown(
    whose: PersonFacts | None,
    alike: set[str],
    outside: bool,
    row: Any,
    request: Resource,
    checked: Checked,
    refused: str | None,
) -> RefillRequest:
    task = decode(row.body)
    why_not = why_no_single_click(checked, refused) or (ASK_FIRST if outside else None)
    return RefillRequest(
        request_id=row.id,
        version_id=row.version_id,
        prescription_id=row.prescription_id,
        prescription_version_id=row.prescription_version_id,
        patient_id=row.patient_id,
        name=whose.name if whose else PatientName(family=row.display_name),
        same_name=row.patient_id in alike,
        birth_date=None if row.birth_date is None else row.birth_date.isoformat(),
        mrn=whose.mrn if whose else None,
        medication=tall_man(medication_name(request, request.get("medicationCodeableConcept"))),
        sig="; ".join(one["text"] for one in request.get("dosageInstruction") or () if one.get("text"))
        or None,
        asked_by=asked_by(task),
        asked_at=datetime.fromisoformat(task["authoredOn"]).astimezone(UTC),
        refills_left=refills_left(request, row.dispensed_times),
        last_dispensed_on=day_of(row.last_dispensed),
        last_visit_on=day_of(row.last_visit),
        cards=checked.shown(),
        one_click=why_not is None,
        why_not=why_not,
    )


def _asked(patient_id: str, facts: PatientFacts, prescription_id: str, task_id: str) -> Asked:
    """The prescription as if it were ordered anew, in its own place."""
    reference = f"MedicationRequest/{prescription_id}"
    medication = _taken(facts, reference)
    proposal = Proposal(
        medication=medication,
        reasons=medication.indications if medication else (),
        replaces=frozenset({reference}),
    )
    return Asked(patient_id, facts.whole, facts.visible, proposal, name=f"refill:{task_id}")


def _taken(facts: PatientFacts, reference: str) -> Medication | None:
    everything = (*facts.whole.medications, *facts.whole.stopped_medications)
    return next((one for one in everything if one.reference == reference), None)
