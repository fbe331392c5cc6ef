"""Opens the sealed values of a stored resource. A body without any is handed back as it is, at the cost of one look."""

from __future__ import annotations

import itertools
import re

import msgspec

from ehr_core.kernel.vault import MARK, NotOpened, vault

MARK_BYTES = f'"{MARK}'.encode()
SEALED = re.compile(rb'"(almoner-sealed:[A-Za-z0-9_-]+:[A-Za-z0-9_=-]+)"')


class _Meta(msgspec.Struct):
    versionId: str = ""


class _Head(msgspec.Struct):
    resourceType: str = ""
    id: str = ""
    meta: _Meta = msgspec.field(default_factory=_Meta)


_head = msgspec.json.Decoder(_Head)


def holds_sealed(body: bytes) -> bool:
    return MARK_BYTES in body


def opened(body: bytes) -> bytes:
    """The resource with every sealed value in its place. Raises NotOpened, KeyMissing."""
    return body if MARK_BYTES not in body else each_sealed(body, vault().open)


def each_sealed(body: bytes, change) -> bytes:
    """`change(sealed, place)` of every sealed value, in order, put in its place."""
    start, numbers = place_of(body), itertools.count(1)
    return SEALED.sub(lambda found: _bytes(change(found[1].decode(), f"{start}#{next(numbers)}")), body)


def place_of(body: bytes) -> str:
    """What binds a value to its resource and version."""
    try:
        head = _head.decode(body)
    except msgspec.DecodeError as error:
        raise NotOpened("A sealed value stands in something that is no resource.") from error
    return place(head.resourceType, head.id, head.meta.versionId)


def place(type_name: str, resource_id: str, version_id: str | int) -> str:
    return f"fhir.{type_name}/{resource_id}/{version_id}"


def _bytes(changed: bytes | str) -> bytes:
    """An opened value is the JSON that was sealed; a re-wrapped one is a string once more."""
    return changed if isinstance(changed, bytes) else f'"{changed}"'.encode()
