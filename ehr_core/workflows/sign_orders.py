"""Signs a basket, or one order at once: checked, written, and told to the care gap or the result that it answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from data_contracts.api.orders import PlacedOrder, PlaceOrder, SignedOrder, SignedOrders, SignOrders
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.reading import read_row
from ehr_core.care_gaps.rules import RESULT_DEADLINE_DAYS
from ehr_core.care_gaps.service import set_workflow_state
from ehr_core.kernel.errors import NotFound
from ehr_core.orders.service import prepare_order
from ehr_core.orders.signing import drafts_to_sign, signed_before, write_signed
from ehr_core.workflows.act_on_results import order_was_signed
from ehr_core.workflows.check_orders import answers_to, check_rows, record_orders_signed


def sign_orders(work: UnitOfWork, patient_id: str, act: SignOrders) -> SignedOrders:
    """All of these drafts or none. Sent again with the same key, it answers what was signed and signs nothing.

    Decision support is asked again now: what has changed since the screen was drawn counts. Raises Forbidden, NotFound,
    StaleVersion, Conflict naming who was first or which warning has no reason, InvalidResource naming what is missing.
    """
    rows = drafts_to_sign(work, patient_id, act)
    if rows is None:
        return signed_before(work, patient_id, act)
    checked = check_rows(work, patient_id, rows)
    answers = answers_to(checked, act.acknowledged)
    signed = write_signed(work, patient_id, rows)
    for row, order in zip(rows, signed, strict=True):
        _tell_gap(work, row, order)
        if row.result_item_id is not None:
            order_was_signed(work, row.result_item_id, order.order_id)
    record_orders_signed(work, checked, answers)
    return SignedOrders(orders=signed)


def place_order(work: UnitOfWork, patient_id: str, asked: PlaceOrder) -> PlacedOrder:
    """One order of any code, prepared and signed in one act. Where a warning interrupts, it is for the basket."""
    work.actor.require("order.sign")
    act = prepare_order(work, patient_id, asked.code_system, asked.code, asked.display, asked.reason)
    (signed,) = sign_orders(work, patient_id, act).orders
    return PlacedOrder(service_request_id=signed.order_id, version_id=signed.version_id)


def _tell_gap(work: UnitOfWork, row: Row[Any], order: SignedOrder) -> None:
    """The gap waits for the result. One that has closed or gone meanwhile is left as it is."""
    if row.gap_id is None:
        return
    try:
        gap = read_row(work, row.gap_id, lock=True)
    except NotFound:
        return
    if gap["status"] not in ("open", "outreach_sent", "scheduled"):
        return
    until = work.today() + timedelta(days=RESULT_DEADLINE_DAYS)
    set_workflow_state(work, gap, "result_pending", until, act="ordered", reference=order.order_id)
    work.audit(
        "care_gaps.ordered",
        resource_type="ServiceRequest",
        resource_id=order.order_id,
        patient_id=row.patient_id,
        detail={"gap_id": row.gap_id, "source_id": gap["source_id"]},
    )
