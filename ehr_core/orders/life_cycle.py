"""How a signed order goes on: held, resumed, revoked, closed by a report. Each act names the version that was seen."""

from __future__ import annotations

from data_contracts.api.orders import (
    ORDER_STATUS_WORDS,
    OrderAct,
    OrderActWithReason,
    OrderLine,
    ReportReceived,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue
from ehr_core.orders.queries import order_line
from ehr_core.orders.repeats import end_repeat, open_instances
from ehr_core.orders.resources import with_output
from ehr_core.orders.writing import StoredOrder, instant, move_order, read_order, update_task
from ehr_core.store.repository import Store

MAY_BECOME = {
    "active": ("on-hold", "revoked", "completed"),
    "on-hold": ("active", "revoked"),
}
"""FHIR's states of a request; what is revoked, completed or in error stays so, and is ordered anew."""


def hold_order(work: UnitOfWork, order_id: str, act: OrderActWithReason) -> OrderLine:
    """Nothing happens until it is resumed: it is not overdue, and a repeating one makes no next one."""
    return _move(work, order_id, act, "on-hold", act.reason)


def resume_order(work: UnitOfWork, order_id: str, act: OrderAct) -> OrderLine:
    return _move(work, order_id, act, "active", None)


def revoke_order(work: UnitOfWork, order_id: str, act: OrderActWithReason) -> OrderLine:
    """Not to be done, for this reason. With a repeating order its open instances are revoked too."""
    line = _move(work, order_id, act, "revoked", act.reason)
    end_repeat(work, order_id)
    for instance in open_instances(work, order_id):
        move_order(work, read_order(work, instance), "revoked", act.reason)
    return line


def receive_report(work: UnitOfWork, order_id: str, act: ReportReceived) -> OrderLine:
    """Closes the loop: the answer to a referral has come, or somebody has found the result by hand."""
    work.actor.require("order.write")
    found = _to_move(work, order_id, act, "completed")
    if act.document_id is not None:
        _check_document(work, act.document_id, found)
    moved = move_order(work, found, "completed", f"Report received: {act.summary}")
    if act.document_id is not None:
        again = read_order(work, moved.id)
        if again.task is not None:
            output = with_output(
                again.task, f"DocumentReference/{act.document_id}", status="completed", at=instant(work)
            )
            update_task(work, again, output)
    _audit(work, found, "completed")
    return order_line(work, order_id)


def _check_document(work: UnitOfWork, document_id: str, found: StoredOrder) -> None:
    document = Store(work).read("DocumentReference", document_id)
    if document.patient_id != found.stored.patient_id:
        raise InvalidResource(
            [Issue("document_id", "This is not a document of this patient. Choose one of theirs.", "value")]
        )


def _move(work: UnitOfWork, order_id: str, act: OrderAct, status: str, reason: str | None) -> OrderLine:
    """Raises Forbidden, StaleVersion, and Conflict where an order in its state cannot become that."""
    work.actor.require("order.sign")
    found = _to_move(work, order_id, act, status)
    move_order(work, found, status, reason)
    _audit(work, found, status)
    return order_line(work, order_id)


def _to_move(work: UnitOfWork, order_id: str, act: OrderAct, status: str) -> StoredOrder:
    found = read_order(work, order_id, act.version_id)
    now = found.order["status"]
    if status not in MAY_BECOME.get(now, ()):
        told = ORDER_STATUS_WORDS.get(now, now).lower()
        raise Conflict(
            f"This order is {told}, so it cannot be set to '{ORDER_STATUS_WORDS[status].lower()}'."
        )
    return found


def _audit(work: UnitOfWork, found: StoredOrder, status: str) -> None:
    work.audit(
        f"orders.{status.replace('-', '_')}",
        resource_type="ServiceRequest",
        resource_id=found.stored.id,
        patient_id=found.stored.patient_id,
    )
