"""Finds out who is to be told of what: the outbox in batches, each subscription's filters as one search of its type.

The search runs as the subscriber is allowed to see today. The events and the place up to which the outbox was looked
through are written in one transaction: nothing is matched twice, and nothing is passed over when this dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Connection, Row, Text, any_, literal, select, text

from ehr_core.access.field_sets import fields_of
from ehr_core.access.scopes import covering
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.dependencies import Parts
from ehr_core.api.subscriptions.asked import criteria_of
from ehr_core.api.subscriptions.rows import DESK, SET_STATUS, grant_of
from ehr_core.api.subscriptions.topics import topics
from ehr_core.kernel.errors import BadRequest, Forbidden
from ehr_core.kernel.logging import get_logger
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search import Asked
from ehr_core.store.tables import current_table

ROWS_AT_ONCE = 500
"""Rows of the outbox; one of an import stands for up to 4,000 resources."""
NAME = "subscriptions"
ACCESS_ENDED = "The application's access has ended. Ask to be let in again, then send the Subscription again."
OVER = "The time that was asked for is over."

PLACE = text(
    "SELECT transaction_id::text AS transaction_id, position FROM outside.follower WHERE name = :name"
)
LOCK = text(
    "SELECT transaction_id::text AS transaction_id, position FROM outside.follower WHERE name = :name FOR UPDATE"
)
MOVE = text(
    "UPDATE outside.follower SET transaction_id = CAST(CAST(:transaction AS text) AS xid8), position = :position "
    "WHERE name = :name"
)
SETTLED = text(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS settled, "
    "pg_snapshot_xmax(pg_current_snapshot()) < CAST(CAST(:transaction AS text) AS xid8) AS restored"
)
BATCH = text(
    """
    SELECT transaction_id::text AS transaction_id, position, at, act, resource_type, resource_id, resources
    FROM core.outbox
    WHERE (transaction_id, position) > (CAST(CAST(:transaction AS text) AS xid8), :position)
      AND transaction_id < CAST(CAST(:settled AS text) AS xid8)
    ORDER BY transaction_id, position LIMIT :most
    """
)
LISTENING = text(
    "SELECT * FROM outside.subscription WHERE status IN ('active', 'error') "
    "OR (status = 'requested' AND last_sent_at IS NOT NULL) ORDER BY id"
)
"""One that was active and is asked for anew hears on: what happens before its next handshake waits for it."""
TOLD_BEFORE = text(
    """
    SELECT DISTINCT subscription_id, resource_type, resource_id FROM outside.subscription_event
    WHERE (resource_type, resource_id) IN (SELECT * FROM unnest(CAST(:types AS text[]), CAST(:ids AS text[])))
    """
)
NUMBER = text(
    """
    UPDATE outside.subscription SET last_event = last_event + :count WHERE id = :id
    RETURNING last_event - :count AS before
    """
)
WRITE = text(
    """
    INSERT INTO outside.subscription_event (subscription_id, number, at, act, resource_type, resource_id)
    SELECT :id, CAST(:before AS bigint) + place, at, act, type, resource
    FROM unnest(CAST(:at AS timestamptz[]), CAST(:acts AS text[]), CAST(:types AS text[]), CAST(:ids AS text[]))
      WITH ORDINALITY AS told (at, act, type, resource, place)
    """
)
log = get_logger("subscriptions")


@dataclass
class Changes:
    """What a batch says was written: the last word on each resource, in the order of the outbox."""

    last: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)

    def add(self, row: Row[Any]) -> None:
        if row.resource_type:
            self._note(row.resource_type, row.resource_id, row.act, row.at)
        for reference in row.resources or ():
            type_name, _, resource_id = reference.partition("/")
            self._note(type_name, resource_id, "update", row.at)

    def _note(self, type_name: str, resource_id: str, act: str, at: datetime) -> None:
        if type_name in RESOURCE_TYPES and act in ("create", "update", "delete"):
            before = self.last.pop((type_name, resource_id), (act, at))
            first = "create" if before[0] == "create" and act == "update" else act
            self.last[type_name, resource_id] = (first, at)

    def written(self, type_name: str) -> list[str]:
        return [one for (kind, one), (act, _) in self.last.items() if kind == type_name and act != "delete"]

    def deleted(self) -> list[tuple[str, str]]:
        return [place for place, (act, _) in self.last.items() if act == "delete"]


def match_changes(parts: Parts) -> bool:
    """One batch; False when nothing waits."""
    with _desk(parts) as desk:
        place = desk.connection.execute(PLACE, {"name": NAME}).one()
        edge = desk.connection.execute(SETTLED, {"transaction": place.transaction_id}).one()
        listening = desk.connection.execute(LISTENING).all()
        rows: Sequence[Row[Any]] = ()
        if listening and not edge.restored:
            rows = desk.connection.execute(
                BATCH,
                {
                    "transaction": place.transaction_id,
                    "position": place.position,
                    "settled": edge.settled,
                    "most": ROWS_AT_ONCE,
                },
            ).all()
        if not rows:
            _move_on(desk.connection, place, edge, nobody=not listening)
            return False
    changes = Changes()
    for row in rows:
        changes.add(row)
    found = {one.id: _matching(parts, one, changes) for one in listening}
    with _desk(parts) as desk:
        now = desk.connection.execute(LOCK, {"name": NAME}).one()
        if (now.transaction_id, now.position) != (place.transaction_id, place.position):
            return True
        told = _told_before(desk.connection, changes)
        for one in listening:
            matched = found[one.id]
            if isinstance(matched, str):
                _end(desk, one.id, matched)
                continue
            wanted = matched | (told.get(one.id, set()) if topics()[one.topic].deletes else set())
            _write(desk.connection, one.id, [place for place in changes.last if place in wanted], changes)
        last = rows[-1]
        desk.connection.execute(
            MOVE, {"name": NAME, "transaction": last.transaction_id, "position": last.position}
        )
    return True


def _desk(parts: Parts) -> Any:
    return begin(parts.database, DESK, parts.clock, parts.settings.site_time_zone)


def _move_on(connection: Connection, place: Row[Any], edge: Row[Any], *, nobody: bool) -> None:
    """Without a listener nothing has to be looked through; after a restore the numbers of old begin anew."""
    if (nobody and int(edge.settled) > int(place.transaction_id) + 1) or edge.restored:
        connection.execute(MOVE, {"name": NAME, "transaction": str(int(edge.settled) - 1), "position": 2**62})


def _matching(parts: Parts, row: Row[Any], changes: Changes) -> set[tuple[str, str]] | str:
    """What of a batch this subscriber is to hear, or why the subscription has ended."""
    if row.ends_at is not None and row.ends_at <= parts.clock.now():
        return OVER
    actor = parts.identity.application_today(grant_of(row))
    if actor is None:
        return ACCESS_ENDED
    found: set[tuple[str, str]] = set()
    fields = fields_of(actor)
    try:
        with begin(parts.database, actor, parts.clock, parts.settings.site_time_zone) as work:
            for type_name in topics()[row.topic].resources:
                written = changes.written(type_name)
                readable = all(covering(actor.application.scopes, type_name, act) for act in "rs")
                if written and readable and (fields is None or type_name in fields):
                    queries = [query for kind, query in row.filters if kind == type_name]
                    found |= {(type_name, one) for one in _search(work, type_name, written, queries)}
    except (BadRequest, Forbidden) as refused:
        return f"A filter can be searched by no longer. {refused.message}"
    return found


def _search(work: UnitOfWork, type_name: str, ids: list[str], queries: list[str]) -> Sequence[str]:
    """Of these resources, those that every filter finds and the subscriber sees: one statement."""
    pairs = [pair for query in queries for pair in criteria_of(query)]
    asked = Asked.of(type_name, pairs, Store(work, fields_of(work.actor)).asking(), limit=1)
    table = current_table(type_name)
    wanted = table.c.id == any_(literal(ids, ARRAY(Text)))
    return work.connection.execute(select(table.c.id).where(wanted, *asked.where)).scalars().all()


def _told_before(connection: Connection, changes: Changes) -> dict[str, set[tuple[str, str]]]:
    deleted = changes.deleted()
    if not deleted:
        return {}
    values = {"types": [kind for kind, _ in deleted], "ids": [one for _, one in deleted]}
    found: dict[str, set[tuple[str, str]]] = {}
    for row in connection.execute(TOLD_BEFORE, values):
        found.setdefault(row.subscription_id, set()).add((row.resource_type, row.resource_id))
    return found


def _write(
    connection: Connection, subscription_id: str, wanted: list[tuple[str, str]], changes: Changes
) -> None:
    if not wanted:
        return
    before = connection.execute(NUMBER, {"id": subscription_id, "count": len(wanted)}).scalar_one_or_none()
    if before is None:
        return
    connection.execute(
        WRITE,
        {
            "id": subscription_id,
            "before": before,
            "at": [changes.last[place][1] for place in wanted],
            "acts": [changes.last[place][0] for place in wanted],
            "types": [kind for kind, _ in wanted],
            "ids": [one for _, one in wanted],
        },
    )


def _end(desk: UnitOfWork, subscription_id: str, why: str) -> None:
    now = desk.now()
    desk.connection.execute(
        SET_STATUS, {"id": subscription_id, "status": "off", "failure": why, "failed_at": now, "now": now}
    )
    desk.audit("subscription_ended", detail={"subscription": subscription_id})
    log.info("subscription_ended", subscription_id=subscription_id)
