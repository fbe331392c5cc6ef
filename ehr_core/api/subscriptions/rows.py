"""Subscriptions in the database: kept, found by their owner, counted on, leased to a courier."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.access.sealing import Seal
from ehr_core.api.subscriptions.asked import AskedFor
from ehr_core.kernel.fhir_json import decode, encode

DESK = Actor("service:subscriptions", "service", "Subscriptions", (), frozenset())
"""Who keeps the subscriptions. What they are told is read as the subscriber, never as this."""
LEASE = timedelta(seconds=60)
PURPOSE = "subscription-headers"

INSERT = text(
    """
    INSERT INTO outside.subscription (id, version_id, body, sealed_headers, actor_id, client_id, grant_id, scopes,
      patient_id, topic, filters, endpoint, content, heartbeat_seconds, timeout_seconds, most_events, ends_at, status,
      created_at, changed_at, next_try_at)
    VALUES (:id, 1, :body, :headers, :actor_id, :client_id, :grant_id, :scopes, :patient_id, :topic,
      CAST(:filters AS jsonb), :endpoint, :content, :heartbeat, :timeout, :most, :ends_at, :status, :now, :now, :now)
    """
)
REPLACE = text(
    """
    UPDATE outside.subscription SET version_id = version_id + 1, body = :body, sealed_headers = :headers,
      grant_id = :grant_id, scopes = :scopes, patient_id = :patient_id, topic = :topic,
      filters = CAST(:filters AS jsonb), endpoint = :endpoint, content = :content, heartbeat_seconds = :heartbeat,
      timeout_seconds = :timeout, most_events = :most, ends_at = :ends_at, status = :status, changed_at = :now,
      next_try_at = :now, tries = 0, failure = NULL, failed_at = NULL, lease = NULL, lease_until = NULL
    WHERE id = :id
    """
)
OWNED = "client_id = :client AND actor_id = :actor"
EVENTS = text(
    "SELECT number, at, act, resource_type, resource_id FROM outside.subscription_event "
    "WHERE subscription_id = :id AND number BETWEEN :first AND :last ORDER BY number"
)
CLAIM = text(
    """
    UPDATE outside.subscription SET lease = :lease, lease_until = :until WHERE id = (
      SELECT id FROM outside.subscription
      WHERE status IN ('requested', 'active') AND next_try_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
        AND (status = 'requested' OR delivered_through < last_event OR (heartbeat_seconds IS NOT NULL
          AND coalesce(last_sent_at, created_at) + heartbeat_seconds * interval '1 second' <= :now))
      ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *
    """
)
SENT = text(
    """
    UPDATE outside.subscription SET status = 'active', delivered_through = greatest(delivered_through, :through),
      last_sent_at = :now, tries = 0, failure = NULL, failed_at = NULL, next_try_at = :now, lease = NULL,
      lease_until = NULL
    WHERE id = :id AND lease = :lease
    """
)
FAILED = text(
    """
    UPDATE outside.subscription SET status = :status, tries = :tries, failure = :failure, failed_at = :now,
      next_try_at = :next, lease = NULL, lease_until = NULL
    WHERE id = :id AND lease = :lease
    """
)
SET_STATUS = text(
    """
    UPDATE outside.subscription SET status = :status, failure = :failure, failed_at = :failed_at, tries = 0,
      next_try_at = :now, lease = NULL, lease_until = NULL WHERE id = :id AND status <> 'off'
    """
)


@dataclass(frozen=True)
class Event:
    number: int
    at: datetime
    act: str
    resource_type: str
    resource_id: str

    @property
    def reference(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


def grant_of(row: Row[Any]) -> ApplicationGrant:
    """What the subscriber was granted when it asked; what is left of it is judged each time."""
    return ApplicationGrant(row.client_id, tuple(row.scopes), row.patient_id, None, row.grant_id)


def add(
    connection: Connection, subscription_id: str, actor: Actor, asked: AskedFor, seal: Seal, now: datetime
) -> None:
    owner = {"actor_id": actor.actor_id, "client_id": actor.application.client_id}
    connection.execute(INSERT, owner | _values(subscription_id, actor, asked, seal, now))


def replace(
    connection: Connection, subscription_id: str, actor: Actor, asked: AskedFor, seal: Seal, now: datetime
) -> None:
    """What was asked anew; events that were not delivered yet wait on."""
    connection.execute(REPLACE, _values(subscription_id, actor, asked, seal, now))


def _values(subscription_id: str, actor: Actor, asked: AskedFor, seal: Seal, now: datetime) -> dict[str, Any]:
    grant = actor.application
    headers = seal.close(json.dumps(asked.headers).encode(), subscription_id) if asked.headers else None
    return {
        "id": subscription_id,
        "body": encode(asked.kept).decode(),
        "headers": headers,
        "grant_id": grant.grant_id,
        "scopes": list(grant.scopes),
        "patient_id": grant.patient_id,
        "topic": asked.topic.url,
        "filters": json.dumps(asked.filters),
        "endpoint": asked.endpoint,
        "content": asked.content,
        "heartbeat": asked.heartbeat_seconds,
        "timeout": asked.timeout_seconds,
        "most": asked.most_events,
        "ends_at": asked.ends_at,
        "status": "off" if asked.off else "requested",
        "now": now,
    }


def headers_of(row: Row[Any], seal: Seal) -> list[tuple[str, str]]:
    if row.sealed_headers is None:
        return []
    return [(name, value) for name, value in json.loads(seal.open(bytes(row.sealed_headers), row.id))]


def find(
    connection: Connection, subscription_id: str, actor: Actor, *, lock: bool = False
) -> Row[Any] | None:
    """The owner's alone: the same application, in the name of the same person."""
    query = f"SELECT * FROM outside.subscription WHERE id = :id AND {OWNED}" + (" FOR UPDATE" if lock else "")
    return connection.execute(text(query), {"id": subscription_id} | _owner(actor)).one_or_none()


def owned(connection: Connection, actor: Actor) -> Sequence[Row[Any]]:
    query = f"SELECT * FROM outside.subscription WHERE {OWNED} ORDER BY created_at, id"
    return connection.execute(text(query), _owner(actor)).all()


def _owner(actor: Actor) -> dict[str, str]:
    return {"client": actor.application.client_id, "actor": actor.actor_id}


def events(connection: Connection, subscription_id: str, first: int, last: int) -> list[Event]:
    return [
        Event(*row)
        for row in connection.execute(EVENTS, {"id": subscription_id, "first": first, "last": last})
    ]


def resource_of(row: Row[Any]) -> dict[str, Any]:
    """The Subscription as it stands: what was asked, with today's status and why it fails."""
    asked = decode(row.body)
    meta = (asked.get("meta") or {}) | {
        "versionId": str(row.version_id),
        "lastUpdated": row.changed_at.isoformat(timespec="milliseconds"),
    }
    rest = {
        name: value for name, value in asked.items() if name not in ("resourceType", "id", "meta", "error")
    }
    told = {"resourceType": "Subscription", "id": row.id, "meta": meta} | rest | {"status": row.status}
    return told | ({"error": row.failure} if row.failure else {})
