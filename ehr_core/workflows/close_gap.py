"""Closes the distance to a gap from the chart: orders what the guideline asks for; the gap waits for its result."""

from __future__ import annotations

from data_contracts.api.care_gaps import NextStep, OrderedGap, OrderGap, OrderOption
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.reading import as_care_gap, read_row
from ehr_core.care_gaps.service import row_to_act_on
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.orders.drafts import read_basket, waiting_rows
from ehr_core.orders.service import prepare_order
from ehr_core.workflows.check_orders import check_rows
from ehr_core.workflows.sign_orders import sign_orders


def order_for_gap(work: UnitOfWork, gap_id: str, act: OrderGap) -> OrderedGap:
    """One click: an order of the gap's next step, signed at once by who may sign. An order is never evidence; without
    a result by the deadline the gap opens again.

    It stays in the basket, and the gap open, when a clinician must still sign it, it lacks something (as the answer
    to the pregnancy question), or a safety warning must be answered first. Raises Conflict when nothing can be ordered
    for it or an order is under way, StaleVersion, Forbidden.
    """
    work.actor.require("gap.act")
    row = row_to_act_on(work, gap_id, act.version)
    wanted = _wanted(words.next_step(row), act.order_code)
    if row["status"] == "result_pending":
        raise Conflict("An order for this gap is under way already. Wait for its result, or revoke it first.")
    prepared = prepare_order(
        work,
        row["patient_id"],
        wanted.code_system,
        wanted.code,
        wanted.display,
        words.title(row),
        gap_id=gap_id,
    )
    ((draft_id, _),) = prepared.drafts
    still_missing = _still_missing(work, row["patient_id"], draft_id)
    if still_missing:
        return _answer(work, gap_id, draft_id=draft_id, waits_for=still_missing)
    (signed,) = sign_orders(work, row["patient_id"], prepared).orders
    return _answer(work, gap_id, service_request_id=signed.order_id)


def _still_missing(work: UnitOfWork, patient_id: str, draft_id: str) -> list[str]:
    """Why it cannot be signed at once, in sentences; empty when it can."""
    (draft,) = (one for one in read_basket(work, patient_id).drafts if one.draft_id == draft_id)
    lacking = [sentence for _, sentence in draft.missing]
    if not lacking:
        lacking = _warnings(work, patient_id, draft_id)
    return lacking if work.actor.may("order.sign") else [*lacking, "A clinician signs it."]


def _warnings(work: UnitOfWork, patient_id: str, draft_id: str) -> list[str]:
    """What interrupts: one click does not sign over it."""
    rows = [row for row in waiting_rows(work, patient_id) if str(row.draft_id) == draft_id]
    checked = check_rows(work, patient_id, rows)
    return [
        f"A safety warning must be answered first: {card.title}." for card in checked[draft_id].interrupting
    ]


def _answer(work: UnitOfWork, gap_id: str, **outcome: object) -> OrderedGap:
    return OrderedGap(gap=as_care_gap(work, read_row(work, gap_id)), **outcome)


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
