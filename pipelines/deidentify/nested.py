"""Contained resources and extensions: each is scrubbed by its own list, or dropped and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Raw

from pipelines.deidentify.boundary import Boundary
from pipelines.deidentify.remembered import Remembered
from pipelines.deidentify.treatments import GONE, Refused


class _Kind(msgspec.Struct):
    resourceType: str = ""


class _Address(msgspec.Struct):
    url: str = ""


_raw_list = msgspec.json.Decoder(list[Raw])
_kind = msgspec.json.Decoder(_Kind)
_address = msgspec.json.Decoder(_Address)
BoundaryOf = Callable[[str], Boundary | None]


class ListedByName:
    """Treats a list whose items are scrubbed by a boundary chosen by each item's own name.

    Extensions repeat from patient to patient and are remembered; contained resources do not.
    """

    def __init__(
        self,
        path: str,
        name_of: Callable[[bytes], str],
        boundary_of: BoundaryOf,
        dropped: list[Any],
        *,
        remembers: bool,
    ):
        self.path, self.name_of, self.boundary_of, self.dropped = path, name_of, boundary_of, dropped
        self.remembered = Remembered(self, dropped) if remembers else None

    def __call__(self, raw: Raw) -> Any:
        items = [self._item(bytes(item)) for item in _raw_list.decode(raw)]
        kept = [item for item in items if item is not None]
        return Raw(b"[" + b",".join(kept) + b"]") if kept else GONE

    def _item(self, item: bytes) -> bytes | None:
        if self.remembered is None:
            return self.scrub(item)
        kept, lost = self.remembered.passed.get(item) or self.remembered(item)
        self.dropped.extend(lost)
        return None if kept is GONE else bytes(kept)

    def scrub(self, item: bytes) -> bytes | None:
        boundary = self.boundary_of(self.name_of(item))
        if boundary is None:
            self.dropped.append(f"{self.path} (unlisted)")
            return None
        return boundary.scrub(item)


class ListedModifiers(ListedByName):
    """Modifier extensions that are known to be harmless to read. Any other one refuses the whole resource."""

    def scrub(self, item: bytes) -> bytes | None:
        boundary = self.boundary_of(self.name_of(item))
        kept = boundary.scrub(item) if boundary else None
        if kept is None:
            raise Refused("unknown_modifier", self.path)
        return kept


def name_of_resource(item: bytes) -> str:
    return _kind.decode(item).resourceType


def name_of_extension(item: bytes) -> str:
    return _address.decode(item).url


def remembering(make: Callable[[str], Boundary], allowed: Iterable[str]) -> BoundaryOf:
    """Makes a boundary the first time that an allowed name is met; None for any other name."""
    names, made = frozenset(allowed), {}

    def boundary_of(name: str) -> Boundary | None:
        if name not in names:
            return None
        if name not in made:
            made[name] = make(name)
        return made[name]

    return boundary_of
