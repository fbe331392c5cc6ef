"""The basket: what was prepared for a patient and nobody has signed yet. Kept by the server, one row a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.orders import AddDrafts, Basket, ChangeDraft, DiscardDraft, DraftOrder, OrderDetails
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound, StaleVersion
from ehr_core.orders.catalogue import catalogue
from ehr_core.orders.lines import Ordered, Subject, missing, usual_details
from ehr_core.orders.resources import check_code
from ehr_core.orders.subjects import read_subject, subject_to_order_for

MOST_IN_BASKET = 60

WAITING = text("SELECT * FROM orders.draft WHERE patient_id = :patient AND state = 'draft' ORDER BY place")

INSERT = text("""
INSERT INTO orders.draft (patient_id, item_key, kind, code_system, code, display, details, gap_id, result_item_id,
  prepared_at, prepared_by, prepared_by_name)
VALUES (:patient, :item, :kind, :system, :code, :display, CAST(:details AS jsonb), :gap, :result,
  :now, :by, :by_name)
RETURNING draft_id::text
""")


def read_basket(work: UnitOfWork, patient_id: str) -> Basket:
    """What waits for a signature, the oldest first, with what is missing."""
    work.actor.require("chart.read")
    subject = read_subject(work, patient_id)
    rows = waiting_rows(work, patient_id)
    work.audit("orders.basket.read", patient_id=patient_id, detail={"drafts": len(rows)})
    return Basket(
        patient_id=patient_id,
        drafts=[_present(row, subject, work) for row in rows],
        may_sign=work.actor.may("order.sign"),
        asks_pregnancy=subject.could_be_pregnant,
    )


def add_drafts(work: UnitOfWork, patient_id: str, act: AddDrafts) -> Basket:
    """Puts one item, or every line of a set, into the basket. Raises Forbidden, NotFound, Conflict, InvalidResource."""
    work.actor.require("order.write")
    subject_to_order_for(work, patient_id)
    if (act.item_key is None) == (act.set_key is None):
        raise BadRequest("Send an item_key or a set_key, one of them.")
    known = catalogue()
    lines = [(act.item_key, act.details)] if act.item_key else _set_lines(act.set_key)
    _check_room(work, patient_id, len(lines))
    for key, details in lines:
        item = known.item(key)
        what = Ordered(item.kind, item.code_system, item.code, item.name, item)
        insert_draft(work, patient_id, what, usual_details(item, details), result_item_id=act.result_item_id)
    return read_basket(work, patient_id)


def _set_lines(key: str) -> list[tuple[str, OrderDetails]]:
    return [(line.item_key, line.details) for line in catalogue().set_lines(key)]


def _check_room(work: UnitOfWork, patient_id: str, coming: int) -> None:
    waiting = work.connection.execute(
        text("SELECT count(*) FROM orders.draft WHERE patient_id = :patient AND state = 'draft'"),
        {"patient": patient_id},
    ).scalar_one()
    if waiting + coming > MOST_IN_BASKET:
        raise Conflict(f"A basket holds at most {MOST_IN_BASKET} orders. Sign or take out some first.")


def insert_draft(
    work: UnitOfWork,
    patient_id: str,
    what: Ordered,
    details: OrderDetails,
    *,
    gap_id: str | None = None,
    result_item_id: str | None = None,
) -> str:
    """The id of a new draft, audited. For callers that have checked permission and patient."""
    check_code(what.code_system, what.code)
    draft_id = work.connection.execute(
        INSERT,
        {
            "patient": patient_id,
            "item": what.item.key if what.item else None,
            "kind": what.kind,
            "system": what.code_system,
            "code": what.code.strip(),
            "display": what.name,
            "details": details.model_dump_json(exclude_defaults=True),
            "gap": gap_id,
            "result": result_item_id,
            "now": work.now(),
            "by": work.actor.actor_id,
            "by_name": work.actor.name,
        },
    ).scalar_one()
    work.audit(
        "orders.prepared",
        patient_id=patient_id,
        detail={"draft_id": draft_id, "kind": what.kind, "code": what.code},
    )
    return draft_id


def change_draft(work: UnitOfWork, draft_id: str, act: ChangeDraft) -> Basket:
    """New details. Raises StaleVersion when somebody else changed it first, Conflict when it is settled."""
    work.actor.require("order.write")
    row = lock_draft(work, draft_id)
    check_waiting(row, act.version)
    subject_to_order_for(work, row.patient_id)
    work.connection.execute(
        text(
            "UPDATE orders.draft SET details = CAST(:details AS jsonb), version = version + 1 WHERE draft_id = :id"
        ),
        {"details": act.details.model_dump_json(exclude_defaults=True), "id": row.draft_id},
    )
    work.audit("orders.draft_changed", patient_id=row.patient_id, detail={"draft_id": draft_id})
    return read_basket(work, row.patient_id)


def discard_draft(work: UnitOfWork, draft_id: str, act: DiscardDraft) -> Basket:
    """Takes it out of the basket; the row stays, with who took it out."""
    work.actor.require("order.write")
    row = lock_draft(work, draft_id)
    check_waiting(row, act.version)
    settle_drafts(work, [draft_id], "discarded")
    work.audit("orders.draft_discarded", patient_id=row.patient_id, detail={"draft_id": draft_id})
    return read_basket(work, row.patient_id)


def settle_drafts(work: UnitOfWork, draft_ids: Sequence[str], state: str) -> None:
    work.connection.execute(
        text(
            "UPDATE orders.draft SET state = :state, settled_at = :now, settled_by = :by, settled_by_name = :name, "
            "version = version + 1 WHERE draft_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {
            "state": state,
            "now": work.now(),
            "by": work.actor.actor_id,
            "name": work.actor.name,
            "ids": list(draft_ids),
        },
    )


def lock_draft(work: UnitOfWork, draft_id: str) -> Row[Any]:
    found = work.connection.execute(
        text("SELECT * FROM orders.draft WHERE draft_id::text = :id FOR UPDATE"), {"id": draft_id}
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such order in a basket.")
    return found


def check_waiting(row: Row[Any], version: int) -> None:
    """Raises Conflict, saying who, when it was signed or taken out, and StaleVersion when it was changed."""
    if row.state == "signed":
        raise Conflict(
            f"{row.settled_by_name} has signed '{row.display}' already. Nothing was ordered twice."
        )
    if row.state == "discarded":
        raise Conflict(f"{row.settled_by_name} has taken '{row.display}' out of the basket.")
    if row.version != version:
        raise StaleVersion(f"'{row.display}' has changed since you saw it. Look at it again, then go on.")


def waiting_rows(work: UnitOfWork, patient_id: str) -> list[Row[Any]]:
    """The lines of a basket as they are kept. For callers that have checked permission and patient."""
    return list(work.connection.execute(WAITING, {"patient": patient_id}))


def _present(row: Row[Any], subject: Subject, work: UnitOfWork) -> DraftOrder:
    what, details = ordered_of_row(row), details_of_row(row)
    return DraftOrder(
        draft_id=str(row.draft_id),
        version=row.version,
        patient_id=row.patient_id,
        item_key=row.item_key,
        kind=row.kind,
        name=row.display,
        details=details,
        prepared_by=row.prepared_by_name,
        prepared_at=row.prepared_at,
        gap_id=row.gap_id,
        missing=missing(what, details, subject, work.today()),
    )


def ordered_of_row(row: Row[Any]) -> Ordered:
    """What a draft asks for; an item that has left the catalogue meanwhile is a bare code."""
    item = catalogue().items.get(row.item_key) if row.item_key else None
    return Ordered(row.kind, row.code_system, row.code, row.display, item)


def details_of_row(row: Row[Any]) -> OrderDetails:
    return OrderDetails.model_validate(row.details)
