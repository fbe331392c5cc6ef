"""The outbox: every change announced in the transaction that makes it, for whoever follows the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    MetaData,
    Table,
    Text,
    any_,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

CHANNEL = "almoner_outbox"
"""Name to LISTEN on: a wake-up only. The rows are the truth; whoever follows them polls as well."""

OUTBOX = Table(
    "outbox",
    MetaData(schema="core"),
    Column("position", BigInteger, primary_key=True),
    Column("transaction_id", Text, nullable=False, comment="xid8 of the writing transaction"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("act", Text, nullable=False),
    Column("resource_type", Text),
    Column("resource_id", Text),
    Column("version_id", BigInteger),
    Column("patient_ids", ARRAY(Text), nullable=False),
    Column("code_tokens", ARRAY(Text), nullable=False, comment="'system|code' of what changed"),
    Column("remeasured_at", DateTime(timezone=True)),
    Column("resources", ARRAY(Text), comment="'Type/id' of each, where a row is of many"),
)

APPEND = insert(OUTBOX).returning(OUTBOX.c.position)


def announce(
    connection: Connection,
    *,
    act: str,
    resource_type: str | None,
    resource_id: str | None,
    version_id: int | None,
    patient_ids: Sequence[str],
    code_tokens: Sequence[str],
    resources: Sequence[str] | None = None,
) -> int:
    """Writes one outbox row in this transaction and returns its position.

    Positions are handed out before commit: a follower must not take the highest one as "everything before it is
    there". Types and ids are null for a batch, whose `resources` are 'Type/id' each. Wakes the listeners of CHANNEL at
    commit.
    """
    row = {
        "act": act,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "version_id": version_id,
        "patient_ids": list(patient_ids),
        "code_tokens": list(code_tokens),
        "resources": None if resources is None else list(resources),
    }
    return connection.execute(APPEND, row).scalar_one()


def waiting_since(connection: Connection, patient_id: str) -> datetime | None:
    """Since when a change of this record waits to be measured; null when nothing does."""
    waits = select(func.min(OUTBOX.c.at)).where(
        OUTBOX.c.remeasured_at.is_(None), literal(patient_id) == any_(OUTBOX.c.patient_ids)
    )
    return connection.execute(waits).scalar_one()
