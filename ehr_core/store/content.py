"""A resource's own bytes: identity and version are spliced in, all else stays as it was sent, digit for digit."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import Raw

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.ids import FHIR_ID
from ehr_core.store.elements import Element, Elements
from ehr_core.store.marked import WORDS_OF, refuse_sealed, sealed

HASH_BYTES = 16
MEMBERS = "meta's members"


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

    __slots__ = (
        "_after",
        "_before",
        "_meta",
        "_plain",
        "_type_name",
        "content_hash",
        "resource_id",
        "sent_id",
    )

    def __init__(self, body: bytes, resource_id: str | None):
        """`resource_id` None keeps the id in the body. Raises InvalidResource when there is no usable id or meta."""
        refuse_sealed(body)
        if b"\n" in body or b"\r" in body:
            body = msgspec.json.format(body, indent=-1)
        fields = _fields.decode(body)
        self.sent_id = read_id(fields) if "id" in fields or resource_id is None else None
        self.resource_id = resource_id or self.sent_id
        self._type_name = bytes(fields["resourceType"]).strip(b'"').decode()
        self._plain = False
        meta = _members(_caller_meta(bytes(fields["meta"]))) if "meta" in fields else b""
        pairs = {name: b"%b:%b" % (_encode(name), bytes(raw)) for name, raw in fields.items()}
        self._lay_out(pairs, meta, tight=False)

    @classmethod
    def of(cls, body: bytes, elements: Elements, resource_id: str | None) -> Content:
        """The same of a valid resource that was read element by element."""
        refuse_sealed(body)
        made = cls.__new__(cls)
        own = elements.get("id")
        made.sent_id = None if own is None else own.value
        made.resource_id = resource_id or made.sent_id
        made._type_name = elements["resourceType"].raw[1:-1].decode()
        made._plain, tight, pairs = made._type_name not in WORDS_OF, True, {}
        for name, one in elements.items():
            made._plain = made._plain and not one.marked
            tight = tight and one.pair is one.tight_pair
            pairs[name] = one.pair
        meta = elements.get("meta")
        made._lay_out(pairs, b"" if meta is None else meta.found(MEMBERS, _members_of), tight=tight)
        return made

    def _lay_out(self, pairs: dict[str, bytes], meta: bytes, *, tight: bool) -> None:
        """A missing id gets its place behind resourceType, a missing meta behind the id. `meta`: its other members."""
        own_id = b'"id":%b' % _encode(self.resource_id)
        before: list[bytes] = []
        after: list[bytes] = []
        place = before
        for name, pair in pairs.items():
            if name == "meta":
                place = after
                continue
            place.append(own_id if name == "id" else pair)
            if name == "resourceType" and "id" not in pairs:
                place.append(own_id)
            if name == ("id" if "id" in pairs else "resourceType") and "meta" not in pairs:
                place = after
        self._meta = meta
        self._before = b"{%b," % b",".join(before) if before else b"{"
        self._after = b"".join(b",%b" % pair for pair in after)
        hashed = [*before, b'"meta":{%b}' % meta, *after] if meta else [*before, *after]
        text = b"{%b}" % b",".join(hashed)
        if not tight:
            text = msgspec.json.format(text, indent=-1)
        self.content_hash = hashlib.blake2b(text, digest_size=HASH_BYTES).digest()

    def at_version(self, version_id: int, last_updated: datetime) -> bytes:
        """The resource as it is stored: one line of JSON, `meta.versionId` and `meta.lastUpdated` set, marked values
        sealed."""
        others = b",%b" % self._meta if self._meta else b""
        meta = b'{"versionId":"%d","lastUpdated":"%b"%b}' % (version_id, _instant(last_updated), others)
        body = b'%b"meta":%b%b}' % (self._before, meta, self._after)
        return body if self._plain else sealed(body, self._type_name, self.resource_id, version_id)


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


@lru_cache(maxsize=64)
def _instant(instant: datetime) -> bytes:
    return instant_text(instant).encode()


def _caller_meta(raw: bytes) -> dict[str, Raw]:
    meta = _fields.decode(raw)
    meta.pop("versionId", None)
    meta.pop("lastUpdated", None)
    return meta


def _members(fields: dict[str, Raw]) -> bytes:
    """What stands between an object's braces."""
    return _encode(fields)[1:-1]


def _members_of(meta: Element) -> bytes:
    return _members(_caller_meta(meta.raw))
