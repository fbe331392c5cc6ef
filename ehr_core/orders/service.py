"""Placing one order at once: prepared and signed in one act, by the same code as a whole basket."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from data_contracts.api.orders import OrderDetails, SignOrders
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict
from ehr_core.orders.catalogue import catalogue
from ehr_core.orders.drafts import insert_draft
from ehr_core.orders.lines import Ordered, usual_details
from ehr_core.orders.subjects import subject_to_order_for


def prepare_order(
    work: UnitOfWork,
    patient_id: str,
    code_system: str,
    code: str,
    display: str,
    reason: str | None,
    gap_id: str | None = None,
) -> SignOrders:
    """Puts one order of that code into the basket and returns the act that signs it.

    `code_system` is a URI. With `gap_id` the order says which care gap it answers. Raises Forbidden without the
    permission to prepare orders (and to act on gaps), NotFound, Conflict for a record that is not in use or a gap
    that has an order waiting, and InvalidResource for a code without its system.
    """
    work.actor.require("order.write")
    if gap_id is not None:
        work.actor.require("gap.act")
        _refuse_second(work, gap_id)
    subject_to_order_for(work, patient_id)
    item = catalogue().of_code(code_system, code.strip())
    what = Ordered(item.kind if item else "other", code_system, code, display, item)
    details = OrderDetails(indication=reason, question=reason if what.kind == "referral" else None)
    draft_id = insert_draft(
        work, patient_id, what, usual_details(item, details) if item else details, gap_id=gap_id
    )
    return SignOrders(sign_key=str(uuid.uuid4()), drafts=[(draft_id, 1)])


def _refuse_second(work: UnitOfWork, gap_id: str) -> None:
    waiting = work.connection.execute(
        text("SELECT prepared_by_name FROM orders.draft WHERE gap_id = :gap AND state = 'draft' LIMIT 1"),
        {"gap": gap_id},
    ).scalar_one_or_none()
    if waiting is not None:
        raise Conflict(
            f"{waiting} has put an order for this gap into the basket. Sign it there, or take it out."
        )
