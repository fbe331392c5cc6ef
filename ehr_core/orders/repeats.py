"""Repeating and standing orders: one signed order, from which the next is made when it is due, or released as needed.

The signed order holds the rhythm and is the authority for each instance; an instance is an order of its own, based on
it, with its own day, Task and results. What was missed while the system stood still is not caught up one by one: only
the newest due one is made.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text

from data_contracts.api.orders import OrderAct, OrderDetails, Repeat, SignedOrder
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.display import show_date
from ehr_core.kernel.clock import in_zone
from ehr_core.kernel.errors import Conflict
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.ids import stable_id
from ehr_core.orders.lines import due_of, expected_by
from ehr_core.orders.resources import Resource, ordered_of
from ehr_core.orders.subjects import subject_to_order_for
from ehr_core.orders.writing import instant, move_order, read_order, store_order
from ehr_core.store.tokens import reference_token

NAMESPACE = "https://almoner.dev/orders/repeat"
AT_ONCE = 200
"""Repeating orders looked at in one transaction."""

KEPT_OF_PARENT = ("category", "priority", "code", "subject", "requester", "orderDetail", "reasonCode", "note")


def begin_repeat(
    work: UnitOfWork, patient_id: str, order_id: str, order: Resource, details: OrderDetails, first: date
) -> None:
    """Remembers the rhythm and makes the first instance; of a standing order none until somebody needs one."""
    repeat = details.repeat
    work.connection.execute(
        text(
            "INSERT INTO orders.repeat (order_id, patient_id, mode, every, unit, first_on, next_due_on, ends_on, most) "
            "VALUES (:order, :patient, :mode, :every, :unit, :first, :first, :ends, :most)"
        ),
        {
            "order": order_id,
            "patient": patient_id,
            "mode": "recurring" if repeat else "standing",
            "every": repeat.every if repeat else None,
            "unit": repeat.unit if repeat else None,
            "first": first,
            "ends": repeat.until if repeat else details.standing_until,
            "most": repeat.times if repeat else None,
        },
    )
    if repeat is not None and first <= work.today():
        _make_due(work, _locked(work, order_id), order)


def make_due_orders(work: UnitOfWork) -> int:
    """Makes the next instance of every repeating order whose day has come; how many were made. Safe to call twice."""
    rows = work.connection.execute(
        text(
            "SELECT * FROM orders.repeat WHERE mode = 'recurring' AND ended_at IS NULL AND next_due_on <= :today "
            "ORDER BY next_due_on LIMIT :most FOR UPDATE SKIP LOCKED"
        ),
        {"today": work.today(), "most": AT_ONCE},
    ).all()
    return sum(_follow(work, row) for row in rows)


def _follow(work: UnitOfWork, row: Row[Any]) -> int:
    """One repeating order: the next instance, none while it is on hold, or its end."""
    found = read_order(work, row.order_id)
    if found.order["status"] == "on-hold":
        return 0
    if found.order["status"] != "active" or not _still_here(work, found.stored.patient_id):
        end_repeat(work, row.order_id)
        return 0
    _make_due(work, row, found.order)
    return 1


def _still_here(work: UnitOfWork, patient_id: str | None) -> bool:
    return (
        work.connection.execute(
            text(
                "SELECT 1 FROM fhir.patient WHERE id = :id AND NOT deleted AND NOT coalesce(deceased, false) "
                "AND replaced_by IS NULL"
            ),
            {"id": patient_id},
        ).scalar_one_or_none()
        is not None
    )


def _make_due(work: UnitOfWork, row: Row[Any], order: Resource) -> None:
    """The newest instance that is due by today, and the day of the one after it."""
    repeat = Repeat(every=row.every, unit=row.unit)
    number = 0
    while due_of(row.first_on, repeat, number) < row.next_due_on or _is_due_too(
        work, row, repeat, number + 1
    ):
        number += 1
    _make_instance(work, row, order, number, due_of(row.first_on, repeat, number))
    if _is_within(row, repeat, number + 1):
        work.connection.execute(
            text("UPDATE orders.repeat SET next_due_on = :next, version = version + 1 WHERE order_id = :id"),
            {"next": due_of(row.first_on, repeat, number + 1), "id": row.order_id},
        )
    else:
        _complete(work, row.order_id)


def _is_due_too(work: UnitOfWork, row: Row[Any], repeat: Repeat, number: int) -> bool:
    return due_of(row.first_on, repeat, number) <= work.today() and _is_within(row, repeat, number)


def _is_within(row: Row[Any], repeat: Repeat, number: int) -> bool:
    if row.most is not None and number >= row.most:
        return False
    return row.ends_on is None or due_of(row.first_on, repeat, number) <= row.ends_on


def _make_instance(
    work: UnitOfWork, row: Row[Any], parent: Resource, number: int, start: date
) -> SignedOrder:
    what = ordered_of(parent)
    begin = max(start, work.today())
    due = expected_by(what, OrderDetails(priority=parent.get("priority", "routine")), begin)
    order = {
        "resourceType": "ServiceRequest",
        "basedOn": [{"reference": f"ServiceRequest/{row.order_id}"}],
        "status": "active",
        "intent": "instance-order",
        **{name: parent[name] for name in KEPT_OF_PARENT if name in parent},
        "occurrencePeriod": {"start": begin.isoformat(), "end": due.isoformat()},
        "authoredOn": instant(work),
    }
    stored = store_order(work, stable_id(NAMESPACE, f"{row.order_id}/{number}"), order, due)
    work.connection.execute(
        text("UPDATE orders.repeat SET made = made + 1, version = version + 1 WHERE order_id = :id"),
        {"id": row.order_id},
    )
    work.audit(
        "orders.repeated", patient_id=stored.patient_id, detail={"order_id": stored.id, "of": row.order_id}
    )
    return SignedOrder(order_id=stored.id, version_id=stored.version_id, name=what.name)


def release_standing(work: UnitOfWork, order_id: str, act: OrderAct) -> SignedOrder:
    """One instance of a signed standing order, by staff who prepare orders: the signature is the standing order's.

    Raises Conflict after its last day, or when one has been released today already.
    """
    work.actor.require("order.write")
    row = _locked(work, order_id)
    found = read_order(work, order_id, act.version_id)
    subject_to_order_for(work, found.stored.patient_id)
    if row is None or row.mode != "standing" or found.order["status"] != "active":
        raise Conflict("This is no standing order that is in force. Prepare an order and have it signed.")
    if work.today() > row.ends_on:
        raise Conflict(f"This standing order ended on {show_date(row.ends_on)}. A clinician signs it anew.")
    if already := _released_today(work, order_id):
        raise Conflict(
            f"One was released today already, at {already}. Wait for its result, or revoke it first."
        )
    return _make_instance(work, row, found.order, row.made, work.today())


def _released_today(work: UnitOfWork, order_id: str) -> str | None:
    """When the newest open instance was released, if that was today."""
    row = work.connection.execute(
        text(
            "SELECT date_low FROM fhir.service_request WHERE reference_tokens @> CAST(:parent AS text[]) "
            "AND NOT deleted AND status = 'active' ORDER BY date_low DESC LIMIT 1"
        ),
        {"parent": [reference_token("based-on", f"ServiceRequest/{order_id}")]},
    ).one_or_none()
    if row is None:
        return None
    there = in_zone(row.date_low, ZoneInfo(work.site_time_zone))
    return there.strftime("%H:%M") if there.date() == work.today() else None


def end_repeat(work: UnitOfWork, order_id: str) -> None:
    """No further instance is made. Does nothing for an order that repeats nothing."""
    work.connection.execute(
        text(
            "UPDATE orders.repeat SET ended_at = :now, next_due_on = NULL, version = version + 1 "
            "WHERE order_id = :id AND ended_at IS NULL"
        ),
        {"now": work.now(), "id": order_id},
    )


def open_instances(work: UnitOfWork, order_id: str) -> list[str]:
    """The ids of the instances that are still active or on hold."""
    return list(
        work.connection.execute(
            text(
                "SELECT id FROM fhir.service_request WHERE reference_tokens @> CAST(:parent AS text[]) "
                "AND NOT deleted AND status IN ('active', 'on-hold') ORDER BY id"
            ),
            {"parent": [reference_token("based-on", f"ServiceRequest/{order_id}")]},
        ).scalars()
    )


def _complete(work: UnitOfWork, order_id: str) -> None:
    """The last one was made: the order that made them is done."""
    end_repeat(work, order_id)
    found = read_order(work, order_id)
    if decode(found.stored.body)["status"] == "active":
        move_order(work, found, "completed", None)


def _locked(work: UnitOfWork, order_id: str) -> Row[Any] | None:
    return work.connection.execute(
        text("SELECT * FROM orders.repeat WHERE order_id = :id FOR UPDATE"), {"id": order_id}
    ).one_or_none()
