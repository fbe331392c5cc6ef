"""Turns imported bytes into checked resources with ids and resolved references; what is bad becomes a problem."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
from msgspec import UNSET

from ehr_core.kernel.errors import AlmonerError, InvalidResource, Issue
from ehr_core.kernel.ids import new_id, stable_id
from ehr_core.store.binary_context import refuse_context
from ehr_core.store.compartment import require_patient
from ehr_core.store.content import Content
from ehr_core.store.elements import NO_ELEMENTS, Elements, Reader
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.guides.remembered import ProfileMemory
from ehr_core.store.import_bundle import NAMESPACE, digest, read_bundle
from ehr_core.store.import_problems import Origin, Problem
from ehr_core.store.import_sources import UNREADABLE, Part, read_document, why_unreadable
from ehr_core.store.merged import refuse_own_link
from ehr_core.store.origins import PROVENANCE
from ehr_core.store.promote import Promoted, promote
from ehr_core.store.references import (
    address,
    is_conditional,
    is_temporary,
    local_reference,
    references,
    rewrite,
)
from ehr_core.store.resource_types import resource_type
from ehr_core.store.validation import NotJson, peek_type, validate

LINE_BITS, ENTRY_BITS = 28, 16
"""Room for 268 million lines a file and 65,536 entries a line in a place; the rest of 64 bits counts files."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LookUp = Callable[[str], str | None]


@dataclass(slots=True)
class Prepared:
    """A resource ready to be stored. `order` is its place in the whole import, `origin` the place in words.

    `revision` is that of the guides by which it was promoted.
    """

    type_name: str
    order: int
    origin: Origin
    content: Content
    promoted: Promoted
    revision: int = 0

    @property
    def resource_id(self) -> str:
        return self.content.resource_id

    @property
    def key(self) -> int:
        """64 bits that stand for type and id."""
        return identity_of(self.type_name, self.resource_id)


@dataclass
class Preparation:
    """What became of a part. `referred` are the 'Type/id' that it refers to, and where first."""

    prepared: list[Prepared] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    referred: dict[str, Origin] = field(default_factory=dict)
    read: int = 0
    rejected: int = 0

    def note(self, origin: Origin, path: str, reason: str, *, kept: bool = False) -> None:
        self.problems.append(Problem(origin.file, origin.line, path, reason, kept))

    def reject(self, origin: Origin, path: str, reason: str) -> None:
        """Counts something that was read and is not even a resource."""
        self.read += 1
        self.rejected += 1
        self.note(origin, path, reason)


def identity_of(type_name: str, resource_id: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(f"{type_name}/{resource_id}".encode(), digest_size=8).digest(), "big"
    )


def prepared_provenance(made: dict[str, Any], time_zone: str) -> Prepared:
    """A Provenance of our own, ready to be stored beside what it is about."""
    body, resource_id = msgspec.json.encode(made), new_id()
    promoted = promote(PROVENANCE, validate(PROVENANCE, body), resource_id, time_zone)
    return Prepared(PROVENANCE, 0, Origin("", 0), Content(body, resource_id), promoted)


class Preparer:
    """Prepares parts. `look_up` finds 'Type/id' for a conditional reference, or None.

    `server` is the address of the server that the input comes from: its absolute references are to ours.
    `guides` are those in force: a profile that a resource claims and does not keep is told, and the resource is kept.
    """

    def __init__(self, time_zone: str, look_up: LookUp, server: str | None = None):
        self.time_zone = time_zone
        self.look_up = look_up
        self.server = server.rstrip("/") if server else None
        self.checks_claims = False
        self._readers: dict[str, Reader] = {}
        self._memory = ProfileMemory(SHIPPED)

    @property
    def guides(self) -> Guides:
        return self._memory.guides

    @guides.setter
    def guides(self, guides: Guides) -> None:
        if guides is not self._memory.guides:
            self._memory = ProfileMemory(guides)

    def prepare(self, part: Part) -> Preparation:
        """Everything in a part. A bad resource is a problem; nothing is raised for it."""
        done = Preparation()
        for number, line in part.lines:
            self._text(done, part.order, Origin(part.name, number), line)
        if part.unreadable:
            line, reason = part.unreadable
            done.reject(Origin(part.name, line), "", reason)
        for order, source in part.documents:
            try:
                data = read_document(source.path)
            except UNREADABLE as error:
                done.reject(Origin(source.name, 1), "", why_unreadable(error))
                continue
            self._document(done, order, source.name, data)
        for number, type_name, body in part.resources:
            self._resource(done, place(part.order, number), Origin("", number, type_name), type_name, body)
        return done

    def _document(self, done: Preparation, order: int, name: str, data: bytes) -> None:
        """A .json file: one resource or Bundle, or lines of them under the wrong ending."""
        try:
            self._text(done, order, Origin(name, 1), data, refuse_lines=True)
        except _SeveralDocuments:
            for number, line in enumerate(data.split(b"\n"), start=1):
                if line.strip():
                    self._text(done, order, Origin(name, number), line)

    def _text(
        self, done: Preparation, order: int, origin: Origin, data: bytes, *, refuse_lines: bool = False
    ) -> None:
        """One JSON text: a resource or a Bundle of them."""
        try:
            found = peek_type(data)
        except NotJson as error:
            if refuse_lines and _is_json(data.partition(b"\n")[0]):
                raise _SeveralDocuments from None
            done.reject(origin, "", error.message)
            return
        except AlmonerError as error:
            done.reject(origin, "", error.message)
            return
        if found == "Bundle":
            self._bundle(done, order, origin, data)
        elif found is None:
            done.reject(origin, "resourceType", "must name a resource type")
        else:
            origin = Origin(origin.file, origin.line, found)
            self._resource(done, place(order, origin.line), origin, found, data)

    def _bundle(self, done: Preparation, order: int, origin: Origin, data: bytes) -> None:
        try:
            entries = read_bundle(data, origin.line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            done.reject(origin, "Bundle", "is not a Bundle whose entries can be read")
            return
        for index, entry in enumerate(entries):
            there = Origin(origin.file, entry.line, entry.element)
            if entry.refused:
                done.reject(there, entry.element, entry.refused)
                continue
            position = place(order, origin.line, index)
            self._resource(done, position, there, entry.type_name, entry.body, entry.resource_id)

    def _resource(
        self,
        done: Preparation,
        order: int,
        origin: Origin,
        type_name: str,
        body: bytes,
        resource_id: str | None = None,
    ) -> None:
        """Checks one resource and adds it; without an id it gets one that its content decides."""
        done.read += 1
        resolved, unresolved = self._looked_up(body)
        guides = self.guides
        try:
            resource_type(type_name)
            resource, elements = self._validated(type_name, resolved)
            require_patient(type_name, resource)
            refuse_context(type_name, resource)
            if resource_id is None and resource.id is UNSET:
                resource_id = stable_id(NAMESPACE, f"{type_name}:{digest(body)}")
            content = content_of(resolved, resource_id or resource.id, elements)
            refuse_own_link(type_name, content.resource_id, resource)
            more = guides.searches.get(type_name, ())
            promoted = promote(type_name, resource, content.resource_id, self.time_zone, more, elements)
            broken = self._broken(type_name, resource, resolved, elements) if self.checks_claims else ()
        except InvalidResource as error:
            for issue in error.issues:
                done.note(origin, _path(origin.element, type_name, issue), issue.message)
            done.rejected += 1
        except AlmonerError as error:
            done.rejected += 1
            done.note(origin, origin.element, error.message)
        else:
            done.prepared.append(Prepared(type_name, order, origin, content, promoted, guides.revision))
            if self.checks_claims:
                for local in _referred(resolved, elements):
                    done.referred.setdefault(local, origin)
            for _ in range(unresolved):
                done.note(origin, origin.element, "refers to something that was not found", kept=True)
            for issue in broken:
                if issue.severity == "error":
                    done.note(origin, _path(origin.element, type_name, issue), issue.message, kept=True)

    def _validated(self, type_name: str, body: bytes) -> tuple[Any, Elements]:
        """The checked resource, and its elements where it was read by them."""
        reader = self._readers.get(type_name)
        if reader is None:
            reader = self._readers[type_name] = Reader(type_name)
        known = reader.read(body)
        return known or (validate(type_name, body), NO_ELEMENTS)

    def _broken(self, type_name: str, resource: Any, body: bytes, elements: Elements) -> Sequence[Issue]:
        """What the profiles that are claimed or required have to say."""
        if elements and self._memory.all_kept(type_name, resource, elements):
            return ()
        return self.guides.check(type_name, resource, body, errors_only=True)

    def _looked_up(self, body: bytes) -> tuple[bytes, int]:
        """The body with conditional references and its server's resolved, and how many references lead nowhere."""
        if self.server is None and not any(mark in body for mark in (b"urn:", b"?", b"\\")):
            return body, 0
        found: dict[str, str] = {}
        unresolved = 0
        for reference in references(body):
            there = address(reference)
            if there and there.base == self.server:
                found[reference] = there.local
            elif is_conditional(reference) and reference not in found:
                target = self.look_up(reference)
                if target:
                    found[reference] = target
                unresolved += target is None
            elif is_temporary(reference):
                unresolved += 1
        return (rewrite(body, found.get) if found else body), unresolved


def content_of(body: bytes, resource_id: str, elements: Elements) -> Content:
    return Content.of(body, elements, resource_id) if elements else Content(body, resource_id)


def _referred(body: bytes, elements: Elements) -> Iterator[str]:
    """Every 'Type/id' that a resource refers to."""
    if elements:
        return chain.from_iterable(one.locals for one in elements.values() if one.locals)
    return (local for reference in references(body) if (local := local_reference(reference)))


def promoted_by(prepared: Prepared, guides: Guides, time_zone: str) -> Prepared:
    """The same, promoted by these guides; a package may have come since it was prepared."""
    more = guides.searches.get(prepared.type_name, ())
    if more and prepared.revision != guides.revision:
        body = prepared.content.at_version(1, LONG_AGO)
        resource = validate(prepared.type_name, body)
        prepared.promoted = promote(prepared.type_name, resource, prepared.resource_id, time_zone, more)
        prepared.revision = guides.revision
    return prepared


class _SeveralDocuments(Exception):
    """A .json file that holds a JSON text a line."""


def place(order: int, line: int, entry: int = 0) -> int:
    """A resource's place in the import: first by file, then by line, then by entry of a Bundle."""
    last_entry = (1 << ENTRY_BITS) - 1
    return (order << LINE_BITS | line) << ENTRY_BITS | min(entry, last_entry)


def _is_json(data: bytes) -> bool:
    try:
        return peek_type(data) is not None
    except AlmonerError:
        return False


def _path(element: str, type_name: str, issue: Issue) -> str:
    return f"{element}{issue.expression.removeprefix(type_name).removeprefix('Resource')}"
