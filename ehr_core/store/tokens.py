"""Identifiers and references as they are promoted and searched: short enough for an index, whatever was sent."""

from __future__ import annotations

import hashlib

from ehr_core.store.references import local_reference

ANY_SYSTEM = "*"
"""An identifier is also kept as '*|value', so that a number is found without its system."""
LONGEST_PART_BYTES = 1000
"""Two parts and what joins them stay below the 2,712 bytes that an index of PostgreSQL takes."""
SUBSTITUTE = "\x1a"
"""Begins the digest of a long part. FHIR allows this character in no text, so nobody can send such a token."""


def identifier_token(system: str, value: str) -> str:
    """'system|value'; the system may be empty or ANY_SYSTEM."""
    return f"{short(system)}|{short(value)}"


def reference_token(parameter: str, reference: str) -> str:
    """'parameter:Type/id', or with another server's address as it was written."""
    return f"{parameter}:{local_reference(reference) or short(reference)}"


def named_token(parameter: str, token: str) -> str:
    """'parameter=system|code': what a parameter without a column of its own finds."""
    return f"{parameter}={short(token)}"


def short(text: str) -> str:
    """The text, or its digest when it is too long: equal texts stay equal and different ones different."""
    if len(text) * 4 <= LONGEST_PART_BYTES or len(raw := text.encode()) <= LONGEST_PART_BYTES:
        return text
    return f"{SUBSTITUTE}{hashlib.sha256(raw).hexdigest()}"
