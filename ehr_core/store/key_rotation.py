"""A new encryption key while everything runs: the ring gets it first, then every sealed value's key is wrapped again.

In batches, each a transaction that also says how far it came: a rotation that was killed goes on there. Writers learn
of the key within seconds; so passes follow each other until one finds nothing left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from ehr_core.access.actor import Actor
from ehr_core.access.second_factor import totp_place
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import Conflict
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.sealed_body import MARK_BYTES, SEALED, each_sealed
from ehr_core.kernel.vault import LOOK_AGAIN_SECONDS, key_id_of, vault
from ehr_core.store.resource_types import RESOURCE_TYPES

AT_ONCE = 500
ACCOUNTS = "access.account"
Report = Callable[[str, int], None]
"""(the table that is being done, how many values are wrapped so far)."""
MARKED = f"%{MARK_BYTES.decode()}%"

OPEN_ROTATION = text(
    "SELECT id, place, after, wrapped FROM core.key_rotation WHERE key_id = :key AND finished_at IS NULL "
    "ORDER BY started_at LIMIT 1"
)
BEGIN = text("INSERT INTO core.key_rotation (id, key_id, started_at) VALUES (:id, :key, :now)")
NOTE = text("UPDATE core.key_rotation SET place = :place, after = :after, wrapped = :wrapped WHERE id = :id")
FINISH = text("UPDATE core.key_rotation SET finished_at = :now, wrapped = :wrapped WHERE id = :id")
SECRETS = text(
    "SELECT id, totp_secret FROM access.account WHERE totp_secret IS NOT NULL AND id > :after ORDER BY id LIMIT :most "
    "FOR UPDATE"
)
WRAP = text("SELECT core.wrap_again(:kept_in, :id, :version, :old, :new)")


@dataclass
class Progress:
    rotation_id: str
    place: str | None
    after: str | None
    wrapped: int


def begin_rotation(work: UnitOfWork) -> Progress:
    """Puts a new key into the ring and makes it the active one, unless a rotation is under way: that one goes on.

    A ring that comes from the environment or a command has its new key already, put there by whoever keeps it.
    """
    work.actor.require("keys.rotate")
    row = work.connection.execute(OPEN_ROTATION, {"key": vault().ring.active}).one_or_none()
    if row is not None:
        return Progress(row.id, row.place, row.after, row.wrapped)
    if vault().source.path is not None:
        vault().source.write(vault().ring.with_new_key())
        vault().look_again()
    rotation_id, key = new_id(), vault().ring.active
    work.connection.execute(BEGIN, {"id": rotation_id, "key": key, "now": work.now()})
    work.audit("key_rotation_begun", detail={"key": key})
    return Progress(rotation_id, None, None, 0)


def rotate(
    database: Database,
    actor: Actor,
    clock: Clock,
    zone: str,
    *,
    report: Report = lambda place, wrapped: None,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """How many values were wrapped. Ends when a whole pass, begun after every writer knows the key, finds none."""
    with begin(database, actor, clock, zone) as work:
        progress = begin_rotation(work)
    has_waited = False
    while True:
        before, is_rest = progress.wrapped, progress.place is not None
        for place in _places(progress.place):
            while _batch(database, actor, clock, zone, progress, place):
                report(place, progress.wrapped)
        progress.place = progress.after = None
        if progress.wrapped == before and not is_rest and has_waited:
            break
        wait(LOOK_AGAIN_SECONDS + 1)
        has_waited = True
    with begin(database, actor, clock, zone) as work:
        work.connection.execute(
            FINISH, {"id": progress.rotation_id, "now": work.now(), "wrapped": progress.wrapped}
        )
        work.audit("key_rotation_finished", detail={"key": vault().ring.active, "wrapped": progress.wrapped})
    return progress.wrapped


def retire(work: UnitOfWork, key_id: str) -> None:
    """Takes a key out of the ring that nothing is sealed with any more. Raises Conflict while something is."""
    work.actor.require("keys.rotate")
    left = vault().ring.without(key_id)
    used = in_use(work.connection).get(key_id, 0)
    if used:
        raise Conflict(f"{used:,} values are still sealed with '{key_id}'. Run `almoner keys rotate` first.")
    vault().source.write(left)
    vault().look_again()
    work.audit("key_retired", detail={"key": key_id})


def in_use(connection: Connection) -> dict[str, int]:
    """By key id: how many values are sealed with it. Looks at everything that is stored."""
    counted: dict[str, int] = {}
    secrets = connection.execute(text("SELECT totp_secret FROM access.account WHERE totp_secret IS NOT NULL"))
    found = [bytes(row.totp_secret) for row in secrets]
    for value in found:
        if value.startswith(MARK_BYTES[1:]):
            counted[key_id_of(value.decode())] = counted.get(key_id_of(value.decode()), 0) + 1
    for table in _tables():
        query = text(f'SELECT body FROM fhir."{table}" WHERE body LIKE :marked')
        bodies = connection.execute(query.execution_options(yield_per=AT_ONCE), {"marked": MARKED})
        for (body,) in bodies:
            for one in SEALED.findall(body.encode()):
                counted[key_id_of(one.decode())] = counted.get(key_id_of(one.decode()), 0) + 1
    return counted


def last_rotation(connection: Connection) -> tuple[datetime, datetime | None] | None:
    row = connection.execute(
        text("SELECT started_at, finished_at FROM core.key_rotation ORDER BY started_at DESC LIMIT 1")
    ).one_or_none()
    return None if row is None else (row.started_at, row.finished_at)


def _tables() -> list[str]:
    return [name for row in RESOURCE_TYPES.values() for name in (row.table, f"{row.table}_history")]


def _places(first: str | None) -> Iterator[str]:
    every = [ACCOUNTS, *_tables()]
    yield from every[every.index(first) :] if first in every else every


def _batch(database: Database, actor: Actor, clock: Clock, zone: str, progress: Progress, place: str) -> bool:
    """One transaction; False when the table is done."""
    if progress.place != place:
        progress.place, progress.after = place, ""
    with begin(database, actor, clock, zone) as work:
        wrap = _wrap_secrets if place == ACCOUNTS else _wrap_bodies
        last, wrapped = wrap(work.connection, place, progress.after or "")
        if last is None:
            return False
        values = {
            "id": progress.rotation_id,
            "place": place,
            "after": last,
            "wrapped": progress.wrapped + wrapped,
        }
        work.connection.execute(NOTE, values)
    progress.after, progress.wrapped = last, progress.wrapped + wrapped
    return True


def _wrap_secrets(connection: Connection, place: str, after: str) -> tuple[str | None, int]:
    rows = connection.execute(SECRETS, {"after": after, "most": AT_ONCE}).all()
    wrapped = 0
    for row in rows:
        value = bytes(row.totp_secret)
        if value.startswith(MARK_BYTES[1:]) and key_id_of(value.decode()) != vault().ring.active:
            again = vault().wrap_again(value.decode(), totp_place(row.id)).encode()
            connection.execute(
                text("UPDATE access.account SET totp_secret = :new WHERE id = :id"),
                {"new": again, "id": row.id},
            )
            wrapped += 1
    return (rows[-1].id if rows else None), wrapped


def _wrap_bodies(connection: Connection, table: str, after: str) -> tuple[str | None, int]:
    """By id, every version of one: `after` is the last id that is done. Somebody's newer version is left for the next
    pass."""
    ids = connection.execute(
        text(
            f'SELECT DISTINCT id FROM fhir."{table}" WHERE body LIKE :marked AND id > :after ORDER BY id LIMIT :most'
        ),
        {"marked": MARKED, "after": after, "most": AT_ONCE},
    ).scalars().all()  # fmt: skip
    if not ids:
        return None, 0
    rows = connection.execute(
        text(f'SELECT id, version_id, body FROM fhir."{table}" WHERE id = ANY(:ids) AND body LIKE :marked'),
        {"ids": list(ids), "marked": MARKED},
    )
    wrapped = 0
    for row in rows:
        body = row.body.encode()
        old = sum(key_id_of(one.decode()) != vault().ring.active for one in SEALED.findall(body))
        if old:
            values = {"kept_in": table, "id": row.id, "version": row.version_id, "old": row.body}
            new = each_sealed(body, vault().wrap_again).decode()
            wrapped += old if connection.execute(WRAP, values | {"new": new}).scalar_one() else 0
    return ids[-1], wrapped
