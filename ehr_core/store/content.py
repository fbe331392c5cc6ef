"""A resource's own bytes: identity and version are spliced in, all else stays as it was sent, digit for digit."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec
from msgspec import Raw

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.ids import FHIR_ID
from ehr_core.store.marked import refuse_sealed, sealed

HASH_BYTES = 16


class _Id(msgspec.Struct):
    id: Raw = Raw(b"")


_id = msgspec.json.Decoder(_Id)
_fields = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


class Content:
    """The top-level elements of a resource as bytes, with its id, and its meta without version and time.

    Elements keep their order and their bytes; line breaks between tokens are dropped, so that a resource is one line.
    The hash is the same however the JSON is spaced.
    """

    __slots__ = ("caller_meta", "content_hash", "fields", "resource_id", "sent_id")

    def __init__(self, body: bytes, resource_id: str | None):
        """`resource_id` None keeps the id in the body. Raises InvalidResource when there is no usable id or meta."""
        refuse_sealed(body)
        if b"\n" in body or b"\r" in body:
            body = msgspec.json.format(body, indent=-1)
        fields = _fields.decode(body)
        self.sent_id = read_id(fields) if "id" in fields or resource_id is None else None
        self.resource_id = resource_id or self.sent_id
        self.caller_meta = _caller_meta(fields)
        self.fields = _with_places(fields)
        self.fields["id"] = Raw(_encode(self.resource_id))
        self.fields["meta"] = Raw(_encode(self.caller_meta) if self.caller_meta else b"")
        hashed = self.fields if self.caller_meta else {k: v for k, v in self.fields.items() if k != "meta"}
        tight = msgspec.json.format(_encode(hashed), indent=-1)
        self.content_hash = hashlib.blake2b(tight, digest_size=HASH_BYTES).digest()

    def at_version(self, version_id: int, last_updated: datetime) -> bytes:
        """The resource as it is stored: one line of JSON, `meta.versionId` and `meta.lastUpdated` set, marked values
        sealed."""
        meta = {
            "versionId": Raw(b'"%d"' % version_id),
            "lastUpdated": Raw(_encode(instant_text(last_updated))),
        } | self.caller_meta
        body = _encode(self.fields | {"meta": Raw(_encode(meta))})
        type_name = bytes(self.fields["resourceType"]).strip(b'"').decode()
        return sealed(body, type_name, self.resource_id, version_id)


def read_id(fields: dict[str, Raw]) -> str:
    """The id that a body brings; raises InvalidResource when it brings none."""
    if "id" not in fields:
        raise InvalidResource([Issue("Resource.id", "is required here", "required")])
    found = msgspec.json.decode(fields["id"])
    if not isinstance(found, str) or not FHIR_ID.match(found):
        raise InvalidResource([Issue("Resource.id", "must be 1 to 64 letters, digits, hyphens and dots")])
    return found


def brought_id(body: bytes) -> str | None:
    """The id that a resource brings; None when it brings none, or one that is no id: the check will refuse that."""
    raw = bytes(_id.decode(body).id)
    try:
        found = msgspec.json.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, str) and FHIR_ID.match(found) else None


def instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _caller_meta(fields: dict[str, Raw]) -> dict[str, Raw]:
    if "meta" not in fields:
        return {}
    meta = _fields.decode(fields["meta"])
    meta.pop("versionId", None)
    meta.pop("lastUpdated", None)
    return meta


def _with_places(fields: dict[str, Raw]) -> dict[str, Raw]:
    """The fields in their order; a missing id gets its place behind resourceType, a missing meta behind the id."""
    if "id" in fields and "meta" in fields:
        return fields
    placed: dict[str, Raw] = {}
    for name, value in fields.items():
        placed[name] = value
        if name == "resourceType" and "id" not in fields:
            placed["id"] = Raw(b"")
        if name == ("id" if "id" in fields else "resourceType") and "meta" not in fields:
            placed["meta"] = Raw(b"")
    return placed
