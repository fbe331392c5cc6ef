"""Writes an order together with the Task that follows it, and moves both from one state to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.orders.resources import build_task, requester_of, with_status
from ehr_core.store.repository import Store
from ehr_core.store.tokens import reference_token
from ehr_core.store.versions import StoredResource

Resource = dict[str, Any]

TASK_STATUS = {
    "active": "requested",
    "on-hold": "on-hold",
    "revoked": "cancelled",
    "completed": "completed",
    "entered-in-error": "entered-in-error",
}
"""What the Task says when the order says this."""


@dataclass(frozen=True)
class StoredOrder:
    """An order with its Task; orders from elsewhere may have none."""

    stored: StoredResource
    order: Resource
    task_id: str | None = None
    task_version: int | None = None
    task: Resource | None = None


def store_order(work: UnitOfWork, order_id: str, order: Resource, due: date | None) -> StoredResource:
    """A new order and its Task."""
    stored = Store(work).create("ServiceRequest", encode(order), id=order_id)
    Store(work).create("Task", encode(build_task(order_id, order, due=due)))
    return stored


def read_order(work: UnitOfWork, order_id: str, version_id: int | None = None) -> StoredOrder:
    """Raises NotFound, Gone, and StaleVersion when `version_id` is not the current version."""
    stored = Store(work).read("ServiceRequest", order_id)
    if version_id is not None and stored.version_id != version_id:
        raise StaleVersion("Somebody else changed this order first. Look at what it says now, then go on.")
    row = work.connection.execute(
        text(
            "SELECT id, version_id, body FROM fhir.task WHERE reference_tokens @> CAST(:focus AS text[]) "
            "AND NOT deleted ORDER BY id LIMIT 1"
        ),
        {"focus": [reference_token("focus", f"ServiceRequest/{order_id}")]},
    ).one_or_none()
    if row is None:
        return StoredOrder(stored, decode(stored.body))
    return StoredOrder(stored, decode(stored.body), row.id, row.version_id, decode(row.body))


def move_order(work: UnitOfWork, found: StoredOrder, status: str, reason: str | None) -> StoredResource:
    """The order and its Task in their next state."""
    who, at = requester_of(work.actor), instant(work)
    changed = with_status(found.order, status, reason=reason, who=who, at=at)
    stored = Store(work).update(
        "ServiceRequest", found.stored.id, encode(changed), if_match=found.stored.version_id
    )
    if found.task is not None:
        update_task(work, found, with_status(found.task, TASK_STATUS[status], reason=reason, who=who, at=at))
    return stored


def update_task(work: UnitOfWork, found: StoredOrder, task: Resource) -> None:
    Store(work).update("Task", found.task_id, encode(task), if_match=found.task_version)


def instant(work: UnitOfWork) -> str:
    return work.now().replace(microsecond=0).isoformat()
