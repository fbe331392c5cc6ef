"""What a clinician does with results in the inbox: acknowledges, tells the patient, notes, recalls.

Acknowledging is the review of the chart, written on the result itself in the version that was seen; so the chart, the
portal and the inbox never disagree on what somebody has looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from data_contracts.api.chart import ReviewResult
from data_contracts.api.orders import OrderDetails
from data_contracts.api.results_inbox import Acknowledge, Acted, ActOnResults
from data_contracts.code_systems import ORDERABLE
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting import service as charting
from ehr_core.charting.queries import StoredResult, stored_results
from ehr_core.charting.reviews import DONE
from ehr_core.kernel.errors import BadRequest, InvalidResource, Issue
from ehr_core.kernel.fhir_json import decode
from ehr_core.orders.lines import Ordered
from ehr_core.orders.signing import write_order
from ehr_core.orders.subjects import subject_to_order_for
from ehr_core.results_inbox.acts import acknowledge_item, acted, items_to_act_on, note_act
from ehr_core.results_inbox.queries import items_by_id

RECALL = Ordered("nursing", ORDERABLE.uri, "recall", "Recall the patient")


def acknowledge(work: UnitOfWork, act: Acknowledge) -> Acted:
    """Looked at, all of them or none. With words the patient is told at once, with the first of the items.

    Raises Forbidden, StaleVersion, and Conflict that says who acknowledged one of them before, and when.
    """
    work.actor.require("result.act")
    items = items_to_act_on(work, act.items, unacknowledged=True)
    message = (act.message or "").strip() or None
    for place, item in enumerate(items):
        words = message if place == 0 else None
        version = _review(work, item, words)
        acknowledge_item(work, item, version, act="told_patient" if message else None)
        if words:
            note_act(work, item, "told_patient")
    _audit(work, "acknowledged", items)
    return acted(work, items)


def act_on_results(work: UnitOfWork, act: ActOnResults) -> Acted:
    """What was done, in a note; it closes the items, and acknowledges what nobody had acknowledged before."""
    work.actor.require("result.act")
    items = items_to_act_on(work, act.items, unacknowledged=False)
    reference = _recall(work, items, act) if act.act == "recalled" else None
    for item in items:
        version = item.result_version if item.acknowledged_at else _review(work, item, None)
        acknowledge_item(work, item, version, act=act.act)
        note_act(work, item, act.act, note=act.note, reference=reference)
    _audit(work, act.act, items)
    return acted(work, items)


def order_was_signed(work: UnitOfWork, item_id: str, order_id: str) -> None:
    """An order answers this result: one that was acknowledged is closed by it; one that nobody saw is not."""
    for item in items_by_id(work, [item_id]):
        note_act(work, item, "ordered", reference=f"ServiceRequest/{order_id}")
        if item.state == "acknowledged":
            acknowledge_item(work, item, item.result_version, act="ordered")


def _review(work: UnitOfWork, item: Row[Any], message: str | None) -> int:
    """Writes the review on the result and returns its new version. What is not final carries none: it was cancelled,
    or taken back."""
    stored = stored_results(work, [(item.resource_type, item.resource_id)]).get(
        (item.resource_type, item.resource_id)
    )
    if stored is None or _status(stored) not in DONE:
        if message:
            raise InvalidResource(
                [
                    Issue(
                        "message", "This result does not count any more, so nothing is said with it.", "value"
                    )
                ]
            )
        return item.result_version
    review = ReviewResult(version_id=item.result_version, comment_to_patient=message)
    recorded = charting.review_result(
        work, resource_type=item.resource_type, resource_id=item.resource_id, review=review
    )
    ((_, _, version),) = recorded.resources
    return version


def _status(stored: StoredResult) -> str | None:
    """None for a deleted result, and for one that cannot be read."""
    try:
        return None if stored.deleted else decode(stored.body).get("status")
    except BadRequest:
        return None


def _recall(work: UnitOfWork, items: Sequence[Row[Any]], act: ActOnResults) -> str:
    """An order to see the patient again by that day: it is overdue when that has not happened."""
    work.actor.require("order.sign")
    patient_id = _one_patient(items)
    subject_to_order_for(work, patient_id)
    on: date | None = act.recall_on
    if on is None or on < work.today():
        raise InvalidResource([Issue("recall_on", "Say the day of the recall, today or later.", "value")])
    details = OrderDetails(start_on=on, indication=act.note)
    return write_order(work, patient_id, str(uuid.uuid4()), RECALL, details).reference


def _one_patient(items: Sequence[Row[Any]]) -> str:
    patients = {item.patient_id for item in items}
    if len(patients) != 1:
        raise InvalidResource([Issue("items", "A recall is of one patient. Choose results of one.", "value")])
    return patients.pop()


def _audit(work: UnitOfWork, act: str, items: Sequence[Row[Any]]) -> None:
    work.audit(
        f"results_inbox.{act}",
        patient_ids=[item.patient_id for item in items],
        detail={"items": [str(item.item_id) for item in items]},
    )
