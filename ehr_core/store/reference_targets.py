"""Whether what a resource refers to is there: asked in sets, one question for a write or for a whole transaction.

There is what the actor's own wall in the database lets be seen: a reference is no way to find out what exists. What the
replaced version referred to is not asked again; nor are other servers' addresses, logical identifiers, '#contained'.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.references import is_conditional, is_temporary, local_reference, references
from ehr_core.store.resource_types import RESOURCE_TYPES

NOT_THERE = "refers to something that is not there: store that first, or send both in one transaction"
NOT_KEPT = "refers to a type that is not kept here: name it by an identifier instead"
TEMPORARY = "means something inside a Bundle only: send it in a transaction, or name the resource as Type/id"
CONDITIONAL = "is conditional: send it in a transaction, or name the resource as Type/id"


@dataclass(frozen=True)
class Referring:
    """A resource that is being written, and what of its references is new. `place` is its entry in a Bundle."""

    type_name: str
    body: bytes
    wanted: frozenset[str]
    place: str


class Targets:
    """The references of one unit of work. Deferred, they are asked for when everything is written."""

    def __init__(self, connection: Connection, base_url: str = ""):
        self.connection = connection
        self.base_url = f"{base_url}/" if base_url else ""
        self.deferred = False
        self.place = ""
        self._waiting: list[Referring] = []

    def add(self, type_name: str, body: bytes, replaced: bytes = b"", there: Collection[str] = ()) -> None:
        """Raises InvalidResource at once, unless deferred. `there` has been seen to be there just now."""
        wanted = frozenset(references(body)).difference(references(replaced), there)
        if not wanted:
            return
        self._waiting.append(Referring(type_name, body, wanted, self.place))
        if not self.deferred:
            self.settle()

    def settle(self) -> None:
        """Raises InvalidResource with every reference that leads nowhere."""
        waiting, self._waiting = self._waiting, []
        locals_of = {text: self._local(text) for each in waiting for text in each.wanted}
        there = existing(self.connection, {local for local in locals_of.values() if local})
        issues = [
            issue
            for each in waiting
            for text in sorted(each.wanted)
            if (words := self._wrong(text, locals_of[text], there))
            for issue in _issues(each, text, words)
        ]
        if issues:
            raise InvalidResource(issues)

    def _local(self, text: str) -> str | None:
        return local_reference(text.removeprefix(self.base_url) if self.base_url else text)

    @staticmethod
    def _wrong(text: str, local: str | None, there: set[str]) -> str | None:
        if local is None:
            return TEMPORARY if is_temporary(text) else CONDITIONAL if is_conditional(text) else None
        if local.partition("/")[0] not in RESOURCE_TYPES:
            return NOT_KEPT
        return None if local in there else NOT_THERE


def existing(connection: Connection, wanted: Iterable[str]) -> set[str]:
    """Those of these 'Type/id' that are there and not deleted: one question, however many there are."""
    ids: dict[str, list[str]] = {}
    for local in wanted:
        type_name, _, resource_id = local.partition("/")
        if type_name in RESOURCE_TYPES:
            ids.setdefault(type_name, []).append(resource_id)
    if not ids:
        return set()
    names = sorted(ids)
    parts = (
        f"SELECT '{name}/' || id FROM fhir.\"{RESOURCE_TYPES[name].table}\" WHERE id = ANY(%s) AND NOT deleted"
        for name in names
    )
    found = connection.exec_driver_sql(" UNION ALL ".join(parts), tuple(ids[name] for name in names))
    return set(found.scalars())


def _issues(referring: Referring, text: str, words: str) -> Iterator[Issue]:
    """One at each element that holds this reference."""
    content = msgspec.json.decode(referring.body)
    start = f"{referring.place}.resource" if referring.place else referring.type_name
    for path in _places(content, start, text):
        yield Issue(path, words, "not-found")


def _places(node: Any, path: str, text: str) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("reference") == text:
            yield path
        for name, value in node.items():
            yield from _places(value, f"{path}.{name}", text)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _places(value, f"{path}[{index}]", text)
