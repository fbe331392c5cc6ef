"""Orders written over FHIR: checked in the transaction that writes them, and open until somebody here has looked.

Such a write is kept, not refused: that somebody ordered it is a fact. What decision support says of it is recorded,
shown in the chart, and closed by who may sign such an order, with a reason for each warning that interrupts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cds.facts import Facts, Proposal
from data_contracts.api.orders import OrderDetails
from data_contracts.api.outside_orders import (
    OutsideOrder,
    OutsideOrders,
    ReviewOutsideOrder,
    WaitingOutsideOrder,
    WaitingOutsideOrders,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.decision_support.outside import (
    OUTSIDE,
    open_of_patient,
    open_with_warnings,
    settle,
)
from ehr_core.decision_support.service import (
    Asked,
    check_proposals,
    record_signed,
    require_answers,
)
from ehr_core.kernel.errors import NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode, reference_id
from ehr_core.orders.resources import ordered_of
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource
from ehr_core.workflows.check_orders import service_of
from ehr_core.workflows.patient_facts import PatientFacts, build_facts, build_facts_of_all

SIGNING = {"MedicationRequest": "medication.prescribe", "ServiceRequest": "order.sign"}
"""What it takes to sign an order of that type here, and so to close one that came from outside."""
ORDERS = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
RUNNING = frozenset({"active", "on-hold", "unknown"})
GONE = "This order is not waiting: somebody has looked at it already, or it has ended. Open the chart again."


@dataclass(frozen=True)
class Found:
    """An order from outside as the rules see it."""

    reference: str
    version_id: int
    name: str
    patient_id: str
    asked: Asked
    requester: str | None


def check_written(work: UnitOfWork, written: Iterable[StoredResource]) -> None:
    """Checks every running order among what a request has just written, and records what was said of it."""
    orders = {one.reference: one for one in written if one.resource_type in SIGNING and not one.deleted}
    running = [one for one in orders.values() if one.patient_id and _is_running(decode(one.body))]
    if not running:
        return
    facts = build_facts_of_all(work, {one.patient_id for one in running})
    found = [
        found
        for one in running
        if one.patient_id in facts and (found := _found(one, facts[one.patient_id])) is not None
    ]
    checked = check_proposals(work, [one.asked for one in found], moment=OUTSIDE)
    warned = sum(bool(one.interrupting) for one in checked)
    work.audit(
        "check_outside_orders",
        patient_ids=sorted({one.patient_id for one in found}),
        detail={"orders": len(found), "with_warnings": warned},
    )


def read_outside_orders(work: UnitOfWork, *, patient_id: str) -> OutsideOrders:
    """What waits in this chart and has a card that is worth a look, checked again as of now. Audited."""
    work.actor.require("chart.read")
    waiting = open_of_patient(work.connection, patient_id)
    found = _read(work, patient_id, list(waiting)) if waiting else []
    checked = check_proposals(work, [one.asked for one in found], moment="outside_order_shown")
    if waiting:
        work.audit("outside_orders_read", patient_id=patient_id, detail={"orders": len(found)})
    return OutsideOrders(
        orders=[
            OutsideOrder(
                reference=one.reference,
                version_id=one.version_id,
                name=one.name,
                written_at=waiting[one.reference].at,
                requester=one.requester,
                may_review=work.actor.may(SIGNING[one.reference.partition("/")[0]]),
                checked=said.shown(),
            )
            for one, said in zip(found, checked, strict=True)
            if any(card.tier < 3 for card in said.cards)
        ]
    )


def review_outside_order(work: UnitOfWork, *, patient_id: str, act: ReviewOutsideOrder) -> None:
    """Somebody who may sign it has looked. Checked again now; the order itself stays as it is.

    Raises Forbidden, NotFound, StaleVersion where it was written anew, Conflict for a warning without a reason,
    InvalidResource for a wrong reason.
    """
    kind = act.reference.partition("/")[0]
    work.actor.require("chart.read")
    work.actor.require(SIGNING.get(kind, "order.sign"))
    waiting = open_of_patient(work.connection, patient_id).get(act.reference)
    found = _read(work, patient_id, [act.reference]) if waiting else []
    if waiting is None or not found:
        raise NotFound(GONE)
    if found[0].version_id != act.version_id:
        raise StaleVersion("This order was written anew meanwhile. Look at what it says now.")
    (checked,) = check_proposals(work, [found[0].asked], moment=OUTSIDE)
    answers = require_answers(checked, act.acknowledged)
    record_signed(work, checked, answers)
    settle(work.connection, waiting, work.now())
    work.audit("outside_order_reviewed", patient_id=patient_id, detail={"warnings": len(answers)})


def waiting_outside_orders(work: UnitOfWork) -> WaitingOutsideOrders:
    """Patients with an order from outside against which a warning stands, the oldest first; audited."""
    if not any(work.actor.may(permission) for permission in SIGNING.values()):
        work.actor.require("order.sign")
    waiting = open_with_warnings(work.connection)
    people = people_by_id(work, [one.patient_id for one in waiting])
    alike = mistakable({patient_id: person.name for patient_id, person in people.items()})
    work.audit("outside_orders_listed", patient_ids=list(people))
    return WaitingOutsideOrders(
        patients=[
            WaitingOutsideOrder(
                patient_id=one.patient_id,
                name=people[one.patient_id].name,
                birth_date=people[one.patient_id].birth_date,
                mrn=people[one.patient_id].mrn,
                same_name=one.patient_id in alike,
                since=one.at,
                orders=one.orders,
            )
            for one in waiting
            if one.patient_id in people
        ]
    )


def _read(work: UnitOfWork, patient_id: str, references: list[str]) -> list[Found]:
    """Those that still run and that the reader may see."""
    facts, store = build_facts(work, patient_id), Store(work)
    found: list[Found] = []
    for kind in SIGNING:
        wanted = [one.partition("/")[2] for one in references if one.startswith(f"{kind}/")]
        for stored in store.read_many(kind, wanted) if wanted else ():
            if stored.patient_id == patient_id and _is_running(decode(stored.body)):
                found += filter(None, [_found(stored, facts)])
    return sorted(found, key=lambda one: one.reference)


def _is_running(order: dict) -> bool:
    return order.get("status") in RUNNING and order.get("intent") in ORDERS and not order.get("doNotPerform")


def _found(stored: StoredResource, facts: PatientFacts) -> Found | None:
    """None where the order is no medication that the rules could read, such as one whose patient is another."""
    order = decode(stored.body)
    patient_id = reference_id(order.get("subject"), "Patient") or ""
    requester = (order.get("requester") or {}).get("display")
    if stored.resource_type == "ServiceRequest":
        what = ordered_of(order)
        details = OrderDetails(contrast="radiologist_decides" if what.item and what.item.contrast else None)
        asked = Asked(
            patient_id,
            facts.whole,
            facts.visible,
            Proposal(order=service_of(what, details)),
            name=f"outside:{stored.reference}",
        )
        return Found(stored.reference, stored.version_id, what.name, patient_id, asked, requester)
    medication = next((one for one in facts.whole.medications if one.reference == stored.reference), None)
    if medication is None:
        return None
    whole = _without(facts.whole, stored.reference)
    visible = whole if facts.visible is facts.whole else _without(facts.visible, stored.reference)
    asked = Asked(
        patient_id,
        whole,
        visible,
        Proposal(medication=medication, reasons=medication.indications),
        name=f"outside:{stored.reference}",
    )
    return Found(stored.reference, stored.version_id, medication.name, patient_id, asked, requester)


def _without(facts: Facts, reference: str) -> Facts:
    """Nothing is told of an order beside itself."""
    return replace(facts, medications=tuple(_others(facts, reference)))


def _others(facts: Facts, reference: str) -> Iterator:
    return (one for one in facts.medications if one.reference != reference)
