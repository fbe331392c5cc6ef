"""A lock on an identity that may not exist yet, so that two who look for it cannot both create it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection, text

LOCK = text("SELECT pg_advisory_xact_lock(:key)")


def identity_key(type_name: str, parameters: Sequence[tuple[str, str]]) -> int:
    """A 64-bit key of a condition. An identifier counts without its system: 'a|1' and '1' may mean one thing."""
    parts = sorted(
        f"{name}={value.rpartition('|')[2] if name == 'identifier' else value}" for name, value in parameters
    )
    digest = hashlib.blake2b("\n".join([type_name, *parts]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def identity_lock(connection: Connection, type_name: str, parameters: Sequence[tuple[str, str]]) -> None:
    """Waits until nobody else holds this condition, and holds it until the transaction ends.

    Needs READ COMMITTED (the default): the look-up after the lock must see what the last holder committed.
    """
    connection.execute(LOCK, {"key": identity_key(type_name, parameters)})
