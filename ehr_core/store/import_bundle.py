"""Reads a Bundle that is imported: each entry for itself, with its id and its references among the entries resolved.

An id decides whose record a resource is in, so none is guessed. An entry has the id that its resource brings, or that
of its server's address, or the UUID of its 'urn:uuid:'. Any other fullUrl ('urn:uuid:patient') is a mark within one
Bundle that the next Bundle uses for somebody else: then the content of the whole Bundle and the entry's place in it
make the id. The same Bundle again gives the same ids, and two different people never share one.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.ids import stable_id
from ehr_core.store.content import brought_id
from ehr_core.store.references import address, in_bundle, rewrite
from ehr_core.store.validation import peek_type

NAMESPACE = "https://almoner.dev/import"
STORED_METHODS = ("POST", "PUT")
UUID_URN = re.compile(r"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z", re.IGNORECASE)
PLACE_IN_ENTRY = re.compile(r"`\$(.*)`\Z")


class _Request(msgspec.Struct):
    method: str = "POST"


class _Entry(msgspec.Struct):
    resource: Raw = Raw(b"")
    fullUrl: str | None = None
    request: _Request | None = None


class _Bundle(msgspec.Struct):
    entry: list[Raw] | None = None


_bundle = msgspec.json.Decoder(_Bundle)
_entry = msgspec.json.Decoder(_Entry)


@dataclass(slots=True)
class Entry:
    """An entry: its line, its element in the Bundle and its resource. `refused` says why it holds nothing to store."""

    line: int
    element: str
    body: bytes = b""
    type_name: str = ""
    resource_id: str = ""
    full_url: str | None = None
    refused: str | None = None

    @property
    def local(self) -> str:
        return f"{self.type_name}/{self.resource_id}"


def read_bundle(data: bytes, first_line: int) -> list[Entry]:
    """Every entry, readable or not. Raises msgspec.DecodeError or UnicodeDecodeError without a list of entries."""
    raws = [bytes(raw) for raw in _bundle.decode(data).entry or ()]
    whole: list[str] = []

    def made_id(type_name: str, index: int) -> str:
        if not whole:
            whole.append(digest(b"\n".join(msgspec.json.format(raw, indent=-1) for raw in raws)))
        return stable_id(NAMESPACE, f"{type_name}:{whole[0]}:{index}")

    entries = []
    for index, (raw, line) in enumerate(zip(raws, _lines(data, raws, first_line), strict=True)):
        entry = _read_entry(raw, line, f"Bundle.entry[{index}]")
        if entry.refused is None:
            entry.resource_id = entry.resource_id or made_id(entry.type_name, index)
        entries.append(entry)
    _resolve(entries)
    return entries


def digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def _read_entry(raw: bytes, line: int, element: str) -> Entry:
    """An entry with the id that it states; without one the id stays empty."""
    try:
        found = _entry.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = PLACE_IN_ENTRY.search(str(error))
        return Entry(
            line, f"{element}{place.group(1) if place else ''}", refused="is not as a Bundle's entry has it"
        )
    element, body = f"{element}.resource", bytes(found.resource)
    type_name = _type_or_none(body)
    method = found.request.method if found.request else None
    if type_name is None:
        return Entry(line, element, refused="holds no resource to store")
    if method not in (None, *STORED_METHODS):
        return Entry(line, element, refused="cannot be stored by an import")
    resource_id = brought_id(body) or _stated_id(found.fullUrl, type_name, method) or ""
    return Entry(line, element, body, type_name, resource_id, found.fullUrl)


def _type_or_none(body: bytes) -> str | None:
    try:
        return peek_type(body) if body else None
    except AlmonerError:
        return None


def _stated_id(full_url: str | None, type_name: str, method: str | None) -> str | None:
    """The id in a fullUrl that is one: a UUID, or a server's address of this type, unless a POST leaves the id open."""
    if urn := UUID_URN.match(full_url or ""):
        found = uuid.UUID(urn.group(1))
        return str(found) if found.version else None
    there = address(full_url)
    if there is None or method == "POST" or not there.local.startswith(f"{type_name}/"):
        return None
    return there.local.partition("/")[2]


def _resolve(entries: Sequence[Entry]) -> None:
    """Puts the real references into the entries' bytes. A fullUrl of two resources leads to neither."""
    targets: dict[str, str | None] = {}
    for entry in entries:
        if entry.full_url and entry.refused is None:
            known = targets.setdefault(entry.full_url, entry.local)
            targets[entry.full_url] = known if known == entry.local else None
    for entry in entries:
        if entry.refused is None:
            entry.body = rewrite(
                entry.body, lambda reference, entry=entry: _meaning(reference, entry, targets)
            )


def _meaning(reference: str, entry: Entry, targets: dict[str, str | None]) -> str | None:
    """Among the entries first. An entry that keeps its server's id also refers to that server's other resources."""
    found = in_bundle(reference, entry.full_url, targets)
    there, here = address(reference), address(entry.full_url)
    if found or reference in targets or there is None or here is None:
        return found
    return there.local if there.base == here.base and here.local == entry.local else None


def _lines(data: bytes, raws: Sequence[bytes], line: int) -> Iterator[int]:
    """The line on which each entry begins."""
    position = 0
    for raw in raws:
        start = max(position, data.find(raw, position))
        line += data.count(b"\n", position, start)
        position = start
        yield line
