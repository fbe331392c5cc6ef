"""Signing: drafts become orders, all of them or none, and never twice.

Everything is in one transaction, each order has the id of its draft, and the act has a key of its own: whoever sends
it again, because the answer was lost, is answered with what was signed. ADR 14 tells why no order is ever made twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.orders import OrderDetails, SignedOrder, SignedOrders, SignOrders
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue, NotFound
from ehr_core.orders.drafts import check_waiting, details_of_row, ordered_of_row, settle_drafts
from ehr_core.orders.lines import Ordered, Subject, expected_by, missing
from ehr_core.orders.repeats import begin_repeat
from ehr_core.orders.resources import build_order, requester_of, timing_of
from ehr_core.orders.subjects import subject_to_order_for
from ehr_core.orders.writing import store_order
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource


def drafts_to_sign(work: UnitOfWork, patient_id: str, act: SignOrders) -> list[Row[Any]] | None:
    """The locked drafts, checked one by one; None when this very act was done before.

    Raises Conflict naming who was first, StaleVersion, InvalidResource naming what an order still needs.
    """
    work.actor.require("order.sign")
    subject = subject_to_order_for(work, patient_id)
    wanted = {_uuid("drafts", draft_id): version for draft_id, version in act.drafts}
    if not _claim_key(work, patient_id, act, sorted(wanted)):
        return None
    rows = work.connection.execute(
        text(
            "SELECT * FROM orders.draft WHERE draft_id = ANY(CAST(:ids AS uuid[])) AND patient_id = :patient "
            "ORDER BY place FOR UPDATE"
        ),
        {"ids": sorted(wanted), "patient": patient_id},
    ).all()
    if len(rows) != len(wanted):
        raise NotFound(
            "Some of these orders are not in this patient's basket. Reload the page and look again."
        )
    for row in rows:
        check_waiting(row, wanted[str(row.draft_id)])
    _check_complete(work, subject, rows)
    return list(rows)


def write_signed(work: UnitOfWork, patient_id: str, rows: Sequence[Row[Any]]) -> list[SignedOrder]:
    """Makes the orders of these checked drafts."""
    signed = [_write(work, patient_id, row) for row in rows]
    settle_drafts(work, [str(row.draft_id) for row in rows], "signed")
    work.audit(
        "orders.signed", patient_id=patient_id, detail={"orders": [order.order_id for order in signed]}
    )
    return signed


def signed_before(work: UnitOfWork, patient_id: str, act: SignOrders) -> SignedOrders:
    """What this act's key has signed. Raises Conflict when the key stands for other drafts."""
    row = work.connection.execute(
        text(
            "SELECT draft_ids FROM orders.signature WHERE sign_key = CAST(:key AS uuid) AND patient_id = :patient"
        ),
        {"key": act.sign_key, "patient": patient_id},
    ).one_or_none()
    if row is None or {str(one) for one in row.draft_ids} != {draft_id for draft_id, _ in act.drafts}:
        raise Conflict("This key has signed something else. Reload the page and look again.")
    found = Store(work).read_many("ServiceRequest", [str(one) for one in row.draft_ids])
    drafts = work.connection.execute(
        text("SELECT draft_id::text AS id, display FROM orders.draft WHERE draft_id = ANY(:ids)"),
        {"ids": row.draft_ids},
    )
    names = {draft.id: draft.display for draft in drafts}
    return SignedOrders(
        orders=[SignedOrder(order_id=one.id, version_id=one.version_id, name=names[one.id]) for one in found],
        signed_before=True,
    )


def _claim_key(work: UnitOfWork, patient_id: str, act: SignOrders, draft_ids: Sequence[str]) -> bool:
    """False when the key is taken. A second sender waits here until the first one has committed or failed."""
    done = work.connection.execute(
        text(
            "INSERT INTO orders.signature (sign_key, patient_id, signed_at, signed_by, draft_ids) "
            "VALUES (CAST(:key AS uuid), :patient, :now, :by, CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING"
        ),
        {
            "key": _uuid("sign_key", act.sign_key),
            "patient": patient_id,
            "now": work.now(),
            "by": work.actor.actor_id,
            "ids": list(draft_ids),
        },
        execution_options={"preserve_rowcount": True},
    )
    return done.rowcount == 1


def _check_complete(work: UnitOfWork, subject: Subject, rows: Sequence[Row[Any]]) -> None:
    lacking = [
        Issue(field, f"{row.display}: {sentence}", "required")
        for row in rows
        for field, sentence in missing(ordered_of_row(row), details_of_row(row), subject, work.today())
    ]
    if lacking:
        raise InvalidResource(lacking)


def _write(work: UnitOfWork, patient_id: str, row: Row[Any]) -> SignedOrder:
    stored = write_order(
        work,
        patient_id,
        str(row.draft_id),
        ordered_of_row(row),
        details_of_row(row),
        gap_id=row.gap_id,
    )
    return SignedOrder(order_id=stored.id, version_id=stored.version_id, name=row.display)


def write_order(
    work: UnitOfWork,
    patient_id: str,
    order_id: str,
    what: Ordered,
    details: OrderDetails,
    *,
    gap_id: str | None = None,
) -> StoredResource:
    """The ServiceRequest and its Task; for a repeating one also its rhythm and the first instance."""
    start = max(details.start_on or work.today(), work.today())
    timing = timing_of(details, start)
    due = expected_by(what, details, start) if timing is None else None
    order = build_order(
        what,
        details,
        patient_id=patient_id,
        requester=requester_of(work.actor),
        authored_on=work.now().replace(microsecond=0).isoformat(),
        start=start,
        due=due,
        gap_id=gap_id,
        timing=timing,
    )
    stored = store_order(work, order_id, order, due)
    if timing is not None:
        begin_repeat(work, patient_id, order_id, order, details, start)
    return stored


def _uuid(field: str, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError as error:
        raise BadRequest(f"{field}: this is not an id of ours. Reload the page and try again.") from error
