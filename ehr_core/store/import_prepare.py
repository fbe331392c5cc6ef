"""Turns imported bytes into checked resources with ids and resolved references; what is bad becomes a problem."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, Raw

from ehr_core.kernel.errors import AlmonerError, InvalidResource, Issue
from ehr_core.kernel.ids import FHIR_ID, stable_id
from ehr_core.store.content import Content
from ehr_core.store.import_sources import UNREADABLE, Part, read_document
from ehr_core.store.promote import Promoted, promote
from ehr_core.store.references import is_conditional, is_temporary, references, rewrite
from ehr_core.store.resource_types import resource_type
from ehr_core.store.validation import NotJson, peek_type, validate

NAMESPACE = "https://almoner.dev/import"
LINE_BITS, ENTRY_BITS = 28, 16
"""Room for 268 million lines a file and 65,536 entries a line in a place; the rest of 64 bits counts files."""
LookUp = Callable[[str], str | None]


@dataclass(frozen=True)
class Problem:
    """One thing that went wrong: file, line, element and reason. `kept` says that the resource was stored anyway."""

    file: str
    line: int
    path: str
    reason: str
    kept: bool = False


@dataclass(slots=True)
class Prepared:
    """A resource ready to be stored. `order` is its place in the whole import."""

    type_name: str
    order: int
    content: Content
    promoted: Promoted

    @property
    def resource_id(self) -> str:
        return self.content.resource_id

    @property
    def key(self) -> int:
        """64 bits that stand for type and id."""
        return identity_of(self.type_name, self.resource_id)


@dataclass
class Preparation:
    """What became of a part."""

    prepared: list[Prepared] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read: int = 0
    rejected: int = 0


class _Request(msgspec.Struct):
    method: str = "POST"


class _Entry(msgspec.Struct):
    resource: Raw = Raw(b"")
    fullUrl: str | None = None
    request: _Request = msgspec.field(default_factory=_Request)


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


_bundle = msgspec.json.Decoder(_Bundle)


def identity_of(type_name: str, resource_id: str) -> int:
    digest = hashlib.blake2b(f"{type_name}/{resource_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Preparer:
    """Prepares parts. `look_up` finds 'Type/id' for a conditional reference, or None."""

    def __init__(self, time_zone: str, look_up: LookUp):
        self.time_zone = time_zone
        self.look_up = look_up

    def prepare(self, part: Part) -> Preparation:
        """Everything in a part. A bad resource is a problem; nothing is raised for it."""
        done = Preparation()
        for number, line in part.lines:
            self._text(done, part.order, part.name, number, line)
        for order, path in part.documents:
            try:
                data = read_document(path)
            except UNREADABLE as error:
                _reject(done, path.name, 1, "", f"The file cannot be read ({type(error).__name__}).")
                continue
            self._document(done, order, path.name, data)
        for number, type_name, body in part.resources:
            self._resource(done, place(part.order, number), "", number, type_name, body, type_name)
        return done

    def _document(self, done: Preparation, order: int, name: str, data: bytes) -> None:
        """A .json file: one resource or Bundle, or lines of them under the wrong ending."""
        try:
            self._text(done, order, name, 1, data, refuse_lines=True)
        except _SeveralDocuments:
            for number, line in enumerate(data.split(b"\n"), start=1):
                if line.strip():
                    self._text(done, order, name, number, line)

    def _text(
        self, done: Preparation, order: int, name: str, line: int, data: bytes, *, refuse_lines: bool = False
    ) -> None:
        """One JSON text: a resource or a Bundle of them."""
        try:
            found = peek_type(data)
        except NotJson as error:
            if refuse_lines and _is_json(data.partition(b"\n")[0]):
                raise _SeveralDocuments from None
            _reject(done, name, line, "", error.message)
            return
        except AlmonerError as error:
            _reject(done, name, line, "", error.message)
            return
        if found == "Bundle":
            self._bundle(done, order, name, line, data)
        elif found is None:
            _reject(done, name, line, "resourceType", "must name a resource type")
        else:
            self._resource(done, place(order, line), name, line, found, data, found)

    def _bundle(self, done: Preparation, order: int, name: str, line: int, data: bytes) -> None:
        try:
            entries = _bundle.decode(data).entry
        except (msgspec.DecodeError, UnicodeDecodeError):
            _reject(done, name, line, "Bundle", "is not a Bundle whose entries can be read")
            return
        targets, ids = _targets(name, entries)
        for index, entry in enumerate(entries):
            raw = bytes(entry.resource)
            where = f"Bundle.entry[{index}].resource"
            entry_line = line if line > 1 else lambda raw=raw: _line_of(data, raw)
            if ids[index] is None or entry.request.method in ("DELETE", "GET", "PATCH"):
                reason = "holds no resource to store" if not raw else "cannot be stored by an import"
                _reject(done, name, entry_line, where, reason)
                continue
            type_name, resource_id = ids[index]
            body = rewrite(raw, targets.get) if targets else raw
            position = place(order, line, index)
            self._resource(done, position, name, entry_line, type_name, body, where, resource_id=resource_id)

    def _resource(
        self,
        done: Preparation,
        order: int,
        name: str,
        line: int | Callable[[], int],
        type_name: str,
        body: bytes,
        where: str,
        *,
        resource_id: str | None = None,
    ) -> None:
        """Checks one resource and adds it; without an id it gets one that its content decides."""
        done.read += 1
        try:
            resource_type(type_name)
            resolved, unresolved = self._looked_up(body)
            resource = validate(type_name, resolved)
            if resource_id is None:
                resource_id = (
                    stable_id(NAMESPACE, f"{type_name}:{_digest(body)}")
                    if resource.id is UNSET
                    else resource.id
                )
            content = Content(resolved, resource_id)
            promoted = promote(type_name, resource, resource_id, self.time_zone)
        except InvalidResource as error:
            for issue in error.issues:
                _note(done, name, line, _path(where, type_name, issue), issue.message)
            done.rejected += 1
        except AlmonerError as error:
            done.rejected += 1
            _note(done, name, line, where, error.message)
        else:
            done.prepared.append(Prepared(type_name, order, content, promoted))
            for _ in range(unresolved):
                _note(done, name, line, where, "refers to something that was not found", kept=True)

    def _looked_up(self, body: bytes) -> tuple[bytes, int]:
        """The body with conditional references resolved, and how many references lead nowhere."""
        if b"urn:" not in body and b"?" not in body:
            return body, 0
        found: dict[str, str] = {}
        unresolved = 0
        for reference in references(body):
            if is_conditional(reference) and reference not in found:
                target = self.look_up(reference)
                if target:
                    found[reference] = target
                unresolved += target is None
            elif is_temporary(reference):
                unresolved += 1
        return (rewrite(body, found.get) if found else body), unresolved


class _SeveralDocuments(Exception):
    """A .json file that holds a JSON text a line."""


def place(order: int, line: int, entry: int = 0) -> int:
    """A resource's place in the import: first by file, then by line, then by entry of a Bundle."""
    last_entry = (1 << ENTRY_BITS) - 1
    return (order << LINE_BITS | line) << ENTRY_BITS | min(entry, last_entry)


def _targets(name: str, entries: list[_Entry]) -> tuple[dict[str, str], list[tuple[str, str] | None]]:
    """What each fullUrl stands for, and (type, id) of each entry; None where there is no resource."""
    targets: dict[str, str] = {}
    ids: list[tuple[str, str] | None] = []
    for entry in entries:
        raw = bytes(entry.resource)
        type_name = _type_or_none(raw)
        if type_name is None:
            ids.append(None)
            continue
        resource_id = _own_id(raw) or _id_in_url(entry.fullUrl)
        if resource_id is None:
            source = f"{name}:{entry.fullUrl}" if entry.fullUrl else _digest(raw)
            resource_id = stable_id(NAMESPACE, f"{type_name}:{source}")
        if entry.fullUrl:
            targets[entry.fullUrl] = f"{type_name}/{resource_id}"
        ids.append((type_name, resource_id))
    return targets, ids


def _type_or_none(raw: bytes) -> str | None:
    try:
        return peek_type(raw) if raw else None
    except AlmonerError:
        return None


def _id_in_url(full_url: str | None) -> str | None:
    """The id at the end of 'urn:uuid:…' or 'https://…/Type/id'."""
    tail = (full_url or "").replace("urn:uuid:", "/").rpartition("/")[2]
    return tail if FHIR_ID.match(tail) else None


class _Id(msgspec.Struct):
    id: Raw = Raw(b"")


_id = msgspec.json.Decoder(_Id)


def _own_id(body: bytes) -> str | None:
    """The id that a resource brings; None when it brings none. One that is no id stays for the check to refuse."""
    raw = bytes(_id.decode(body).id)
    found = msgspec.json.decode(raw) if raw else None
    return found if isinstance(found, str) and FHIR_ID.match(found) else None


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def _is_json(data: bytes) -> bool:
    try:
        return peek_type(data) is not None
    except AlmonerError:
        return False


def _line_of(data: bytes, raw: bytes) -> int:
    return data.count(b"\n", 0, max(0, data.find(raw))) + 1


def _path(where: str, type_name: str, issue: Issue) -> str:
    return f"{where}{issue.expression.removeprefix(type_name).removeprefix('Resource')}"


def _note(
    done: Preparation, name: str, line: int | Callable[[], int], path: str, reason: str, *, kept: bool = False
) -> None:
    done.problems.append(Problem(name, line() if callable(line) else line, path, reason, kept))


def _reject(done: Preparation, name: str, line: int | Callable[[], int], path: str, reason: str) -> None:
    done.read += 1
    done.rejected += 1
    _note(done, name, line, path, reason)
