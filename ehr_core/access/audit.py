"""Audit rows: who did what to whose record, append-only, in the transaction of the act itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from msgspec.json import Encoder
from psycopg.types.json import Jsonb
from sqlalchemy import Column, Connection, DateTime, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ehr_core.access.actor import Actor
from ehr_core.kernel.ids import new_id

EVENT = Table(
    "event",
    MetaData(schema="audit"),
    Column("id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("transaction_id", Text, nullable=False, comment="xid8 of the writing transaction"),
    Column("actor_id", Text),
    Column("actor_kind", Text),
    Column("session_id", Text),
    Column("act", Text, nullable=False),
    Column("resource_type", Text),
    Column("resource_id", Text),
    Column("patient_id", Text),
    Column("patient_ids", ARRAY(Text), comment="every patient of an export or search"),
    Column("patient_ids_sealed", Text, comment="sha256 of patient_ids, see seal()"),
    Column("outcome", Text, nullable=False),
    Column("detail", JSONB(none_as_null=True)),
)

WRITTEN = [column.name for column in EVENT.c if column.name != "transaction_id"]
APPEND = (
    f"INSERT INTO audit.event ({', '.join(WRITTEN)}) VALUES ({', '.join(f'%({name})s' for name in WRITTEN)})"
)
"""As the driver takes it: every read writes one."""
_as_json = partial(Jsonb, dumps=Encoder().encode)


def seal(patient_ids: Iterable[str]) -> tuple[list[str], str]:
    """The distinct ids in order, and the sha256 (hex) of them joined by newlines."""
    ordered = sorted(set(patient_ids))
    return ordered, hashlib.sha256("\n".join(ordered).encode()).hexdigest()


def record(
    connection: Connection,
    actor: Actor | None,
    at: datetime,
    act: str,
    *,
    resource_type: str | None = None,
    resource_id: str | None = None,
    patient_id: str | None = None,
    patient_ids: Iterable[str] | None = None,
    outcome: str = "success",
    detail: dict[str, Any] | None = None,
) -> None:
    """Writes one audit row in this transaction. `detail` holds codes and counts, never clinical content; for an
    outside application also which one it is.
    """
    if actor is not None and actor.application is not None:
        detail = {**(detail or {}), "client": actor.application.client_id}
    listed, sealed = (None, None) if patient_ids is None else seal(patient_ids)
    row = {
        "id": new_id(),
        "at": at,
        "actor_id": actor.actor_id if actor else None,
        "actor_kind": actor.kind if actor else None,
        "session_id": actor.session_id if actor else None,
        "act": act,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "patient_id": patient_id,
        "patient_ids": listed,
        "patient_ids_sealed": sealed,
        "outcome": outcome,
        "detail": None if detail is None else _as_json(detail),
    }
    connection.exec_driver_sql(APPEND, row)
