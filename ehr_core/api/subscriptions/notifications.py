"""What a subscriber is sent: a history Bundle whose first entry is the subscription's status; made from stored bytes.

Source: HL7 Subscriptions R5 Backport 1.1.0, notifications and status in R4. Numbers are texts, as R4 has no integer64.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ehr_core.access.field_sets import fields_of
from ehr_core.access.scopes import covering
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.fhir.visibility import cut, is_context_open, is_visible
from ehr_core.api.subscriptions.asked import BACKPORT
from ehr_core.api.subscriptions.rows import Event
from ehr_core.kernel.ids import new_id
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

BUNDLE_PROFILE = f"{BACKPORT}/backport-subscription-notification-r4"
STATUS_PROFILE = f"{BACKPORT}/backport-subscription-status-r4"
METHODS = {
    "create": ("POST", "201 Created"),
    "update": ("PUT", "200 OK"),
    "delete": ("DELETE", "204 No Content"),
}
Seen = Mapping[str, StoredResource]


def seen_today(work: UnitOfWork, events: Sequence[Event]) -> dict[str, StoredResource]:
    """Of the resources that the events are about, by reference, those that the subscriber may read now."""
    store = Store(work, fields_of(work.actor))
    by_type: dict[str, set[str]] = {}
    for event in events:
        if event.act != "delete":
            by_type.setdefault(event.resource_type, set()).add(event.resource_id)
    return {
        found.reference: cut(work.actor, found)
        for type_name, ids in by_type.items()
        if covering(work.actor.application.scopes, type_name, "r")
        for found in store.read_many(type_name, sorted(ids))
        if is_visible(work.actor, found) and is_context_open(store, found)
    }


def notification(
    row: Row[Any],
    kind: str,
    base_url: str,
    now: datetime,
    events: Sequence[Event] = (),
    seen: Seen | None = None,
    content: str | None = None,
) -> bytes:
    """The Bundle. What the subscriber may not read any more keeps its number and loses its name."""
    content, seen = content or row.content, seen or {}
    told = [_event(event, seen, base_url) for event in events] if content != "empty" else []
    status = {
        "resourceType": "Parameters",
        "id": new_id(),
        "meta": {"profile": [STATUS_PROFILE]},
        "parameter": status_parameters(row, kind, base_url) + told,
    }
    entries = [
        _json(
            {
                "fullUrl": f"urn:uuid:{status['id']}",
                "resource": status,
                "request": {"method": "GET", "url": f"{base_url}/Subscription/{row.id}/$status"},
                "response": {"status": "200"},
            }
        )
    ]
    if content == "full-resource":
        shown = {event.reference: event for event in events}
        entries += [_entry(event, seen, base_url) for event in shown.values() if _is_told(event, seen)]
    head = {
        "resourceType": "Bundle",
        "id": new_id(),
        "meta": {"profile": [BUNDLE_PROFILE]},
        "type": "history",
        "timestamp": now.isoformat(timespec="milliseconds"),
    }
    return _json(head)[:-1] + b', "entry": [' + b", ".join(entries) + b"]}"


def status_parameters(row: Row[Any], kind: str, base_url: str) -> list[dict[str, Any]]:
    """What every message and `$status` say of the subscription itself."""
    told: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": f"{base_url}/Subscription/{row.id}"}},
        {"name": "topic", "valueCanonical": row.topic},
        {"name": "status", "valueCode": row.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(row.last_event)},
    ]
    return told + ([{"name": "error", "valueCodeableConcept": {"text": row.failure}}] if row.failure else [])


def _is_told(event: Event, seen: Seen) -> bool:
    return event.act == "delete" or event.reference in seen


def _event(event: Event, seen: Seen, base_url: str) -> dict[str, Any]:
    told = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": event.at.isoformat(timespec="milliseconds")},
    ]
    if _is_told(event, seen):
        told.append({"name": "focus", "valueReference": {"reference": f"{base_url}/{event.reference}"}})
    return {"name": "notification-event", "part": told}


def _entry(event: Event, seen: Seen, base_url: str) -> bytes:
    method, status = METHODS[event.act]
    address = event.resource_type if method == "POST" else event.reference
    head = _json({"fullUrl": f"{base_url}/{event.reference}"})[:-1]
    body = b"" if event.act == "delete" else b', "resource": ' + seen[event.reference].body
    rest = {"request": {"method": method, "url": address}, "response": {"status": status}}
    return head + body + b", " + _json(rest)[1:]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
