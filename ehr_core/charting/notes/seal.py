"""The seal of a signed note: a fingerprint over its words, whose they are and who signed when. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

TEXT_PLACE, STRUCTURE_PLACE = 0, 1
"""Where a note's DocumentReference holds the words that people read, and the structure behind them."""


def fingerprint(
    *, note_id: str, patient_id: str, signed_by: str, signed_at: datetime, text: bytes, structure: bytes
) -> str:
    """SHA-256 (hex). Any other byte, patient, signer or moment gives another one."""
    facts = {
        "note": note_id,
        "patient": patient_id,
        "signed_by": signed_by,
        "signed_at": signed_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "text": hashlib.sha256(text).hexdigest(),
        "structure": hashlib.sha256(structure).hexdigest(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def contents_of(document: dict[str, Any]) -> tuple[bytes, bytes] | None:
    """The text and the structure that a note's document holds; None when it does not hold both."""
    held = [
        ((content.get("attachment") or {}).get("data") or "") for content in document.get("content") or ()
    ]
    if len(held) <= STRUCTURE_PLACE:
        return None
    try:
        text, structure = (
            base64.b64decode(held[place], validate=True) for place in (TEXT_PLACE, STRUCTURE_PLACE)
        )
    except (binascii.Error, ValueError):
        return None
    return (text, structure) if text and structure else None
