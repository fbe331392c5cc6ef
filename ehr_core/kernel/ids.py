"""Ids: new ones in time order, and stable ones derived from a source's own key."""

from __future__ import annotations

import re
import secrets
import time
import uuid

FHIR_ID = re.compile(r"\A[A-Za-z0-9\-.]{1,64}\Z")


def new_id() -> str:
    """A new UUID of version 7 as text: sorts by creation time, so indexes stay compact."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (random_bits >> 62) << 64
    value |= 0b10 << 62 | random_bits & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def stable_id(namespace: str, key: str) -> str:
    """The same id for the same key, so that a second import of one source changes nothing."""
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, namespace), key))
