"""The content of a document on file: where it stands, and as what it may be handed out. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ehr_core.charting.documents import FIRST_BYTES
from ehr_core.kernel.fhir_json import reference_id

Resource = dict[str, Any]

PLAIN_TEXT = "text/plain"
UNKNOWN_TYPE = "application/octet-stream"


def attachment_of(document: Resource) -> Resource:
    """The first attachment of a DocumentReference; empty when there is none."""
    contents = document.get("content") or ()
    return next((content["attachment"] for content in contents if content.get("attachment")), {})


def binary_id(attachment: Resource) -> str | None:
    """The Binary of this store that holds the content; None for content in place, or on another server."""
    url = attachment.get("url") or ""
    return reference_id({"reference": url}, "Binary") if url.startswith("Binary/") else None


def is_stored(attachment: Resource) -> bool:
    return bool(attachment.get("data") or binary_id(attachment))


def read_base64(data: str | None) -> bytes | None:
    """The bytes; None when there are none or they cannot be read."""
    try:
        return base64.b64decode(data, validate=True) if data else None
    except (binascii.Error, ValueError):
        return None


def safe_type(content_type: str | None, content: bytes) -> str:
    """A type that a screen may show: plain text, or one of those that we take in and that the content begins like.

    Everything else, a web page above all, is handed out as bytes to save.
    """
    plain = (content_type or "").partition(";")[0].strip().lower()
    if plain == PLAIN_TEXT or content.startswith(FIRST_BYTES.get(plain, ())):
        return plain
    return UNKNOWN_TYPE
