"""Closes the distance to a gap from the chart: orders what the guideline asks for; the gap waits for its result."""

from __future__ import annotations

from datetime import timedelta

from data_contracts.api.care_gaps import NextStep, OrderedGap, OrderGap, OrderOption
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.reading import as_care_gap, read_row
from ehr_core.care_gaps.rules import RESULT_DEADLINE_DAYS
from ehr_core.care_gaps.service import row_to_act_on, set_workflow_state
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.orders.service import place_order


def order_for_gap(work: UnitOfWork, gap_id: str, act: OrderGap) -> OrderedGap:
    """One click: an order of the gap's next step. An order is never evidence; without a result by the deadline the
    gap opens again.

    Raises Conflict when nothing can be ordered for it or an order is under way, StaleVersion, Forbidden.
    """
    work.actor.require("gap.act")
    row = row_to_act_on(work, gap_id, act.version)
    wanted = _wanted(words.next_step(row), act.order_code)
    if row["status"] == "result_pending":
        raise Conflict("An order for this gap is under way already. Wait for its result, or revoke it first.")
    order = place_order(
        work,
        row["patient_id"],
        wanted.code_system,
        wanted.code,
        wanted.display,
        words.title(row["source_id"]),
        gap_id=gap_id,
    )
    until = work.today() + timedelta(days=RESULT_DEADLINE_DAYS)
    set_workflow_state(work, row, "result_pending", until, act="ordered", reference=order.id)
    work.audit(
        "care_gaps.ordered",
        resource_type="ServiceRequest",
        resource_id=order.id,
        patient_id=row["patient_id"],
        detail={"gap_id": gap_id, "source_id": row["source_id"]},
    )
    return OrderedGap(gap=as_care_gap(work, read_row(work, gap_id)), service_request_id=order.id)


def _wanted(step: NextStep | None, code: str | None) -> OrderOption:
    """The order that was chosen among those of the next step."""
    if step is None or not step.orders:
        raise Conflict("There is nothing to order for this gap. Its card says what to do instead.")
    if code is None and len(step.orders) > 1:
        raise BadRequest("order_code: there are several orders for this gap. Say which one.")
    found = [order for order in step.orders if code in (None, order.code)]
    if not found:
        raise BadRequest("order_code: this is not among the orders of this gap's next step.")
    return found[0]
