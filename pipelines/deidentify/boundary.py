"""Scrubs one piece of JSON by its shape: decodes strictly, counts what is unlisted, encodes what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from pipelines.deidentify.structs import Shape, decode_treated, emptiness, struct_of
from pipelines.deidentify.treatments import GONE

UNLISTED = "Object contains unknown field"
REMEMBERED_PIECES = 20_000
REMEMBERED_BYTES = 2_000
encode = msgspec.json.Encoder().encode


class Boundary:
    """Bytes in, scrubbed bytes out; None when nothing is left.

    `needed` names an element without which the rest means nothing (a reference without its target).
    Raises Refused or msgspec.ValidationError when something has the wrong type, msgspec.DecodeError when it is no JSON.
    """

    def __init__(self, shape: Shape, dropped: list[Any], *, repeats: bool = False, needed: str | None = None):
        self.shape, self.dropped, self.repeats, self.needed = shape, dropped, repeats, needed
        self.is_resource = "resourceType" in shape.names
        self._is_empty = emptiness(shape)
        self._strict = self._decoder(strict=True)
        self._lenient: msgspec.json.Decoder[Any] | None = None

    def scrub(self, piece: bytes) -> bytes | None:
        mark = len(self.dropped)
        try:
            value = self._strict.decode(piece)
        except msgspec.ValidationError as error:
            if not str(error).startswith(UNLISTED):
                raise
            del self.dropped[mark:]
            value = self._decode_counting(piece)
        return self._encode(value)

    def _encode(self, value: Any) -> bytes | None:
        if self.is_resource:
            return encode(value)
        if self.repeats:
            kept = [item for item in value if not self._is_lost(item)]
            return encode(kept) if kept else None
        return None if self._is_lost(value) else encode(value)

    def _is_lost(self, item: Any) -> bool:
        return getattr(item, self.needed) is GONE if self.needed else self._is_empty(item)

    def _decoder(self, *, strict: bool) -> msgspec.json.Decoder[Any]:
        struct = struct_of(self.shape, strict=strict)
        return msgspec.json.Decoder(list[struct] if self.repeats else struct, dec_hook=decode_treated)

    def _decode_counting(self, piece: bytes) -> Any:
        self._lenient = self._lenient or self._decoder(strict=False)
        value = self._lenient.decode(piece)
        self._count_unlisted(self.shape, msgspec.json.decode(piece))
        return value

    def _count_unlisted(self, shape: Shape, value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, Mapping):
                continue
            for name, content in item.items():
                if name in shape.parts:
                    self._count_unlisted(shape.parts[name], content)
                elif name not in shape.names:
                    self.dropped.append(f"{shape.path}.{name if name.isidentifier() else '?'} (unlisted)")


class Remembered:
    """A boundary for pieces that repeat: the same bytes are scrubbed once, and counted every time.

    `passed` keeps what came of them: the scrubbed piece, and the paths dropped in it. Bounded: when full it forgets
    all and starts again; long pieces are never remembered.
    """

    def __init__(self, boundary: Boundary, dropped: list[Any]):
        self.boundary, self.dropped = boundary, dropped
        self.passed: dict[bytes, tuple[Any, tuple[Any, ...]]] = {}

    def __call__(self, raw: Raw) -> tuple[Any, tuple[Any, ...]]:
        piece = bytes(raw)
        mark = len(self.dropped)
        scrubbed = self.boundary.scrub(piece)
        found = (GONE if scrubbed is None else Raw(scrubbed), tuple(self.dropped[mark:]))
        del self.dropped[mark:]
        if len(piece) <= REMEMBERED_BYTES:
            if len(self.passed) >= REMEMBERED_PIECES:
                self.passed.clear()
            self.passed[piece] = found
        return found
