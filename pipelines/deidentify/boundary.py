"""Scrubs one piece of JSON by its shape: decodes strictly, counts what is unlisted, encodes what is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pipelines.deidentify.structs import Shape, decode_treated, emptiness, struct_of
from pipelines.deidentify.treatments import GONE

UNLISTED = "Object contains unknown field"
LEARNING_LINES = 100
ELEMENT = re.compile(r"_?[a-z]{1,20}(?:[A-Z][a-z0-9]{0,20}){0,5}", re.ASCII)
"""How FHIR names an element; anything else that stands where a name should is not repeated in the report."""
encode = msgspec.json.Encoder().encode
_names = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Boundary:
    """Bytes in, scrubbed bytes out; None when nothing is left.

    `needed` names an element without which the rest means nothing (a reference without its target).
    Raises Refused or msgspec.ValidationError when something has the wrong type, msgspec.DecodeError when it is no JSON.
    """

    def __init__(self, shape: Shape, dropped: list[Any], *, repeats: bool = False, needed: str | None = None):
        self.shape, self.dropped, self.repeats, self.needed = shape, dropped, repeats, needed
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
                    self.dropped.append(f"{shape.path}.{name if ELEMENT.fullmatch(name) else '?'} (unlisted)")


class ResourceBoundary(Boundary):
    """A boundary that learns which elements a source really fills, and decodes into a struct of just those.

    A line with any other element goes the full way. What may pass is the same on both: the smaller struct is a part
    of the same allow-list. Fewer fields cost less: a site fills a dozen of the fifty elements of an Observation.
    """

    def __init__(self, shape: Shape, dropped: list[Any]):
        super().__init__(shape, dropped)
        self._usual: Callable[[bytes], Any] | None = None
        self._usual_names: set[str] = set()
        self._full_way = 0

    def scrub(self, piece: bytes) -> bytes | None:
        if self._usual is not None:
            mark = len(self.dropped)
            try:
                return encode(self._usual(piece))
            except msgspec.ValidationError as error:
                if not str(error).startswith(UNLISTED):
                    raise
                del self.dropped[mark:]
        scrubbed = super().scrub(piece)
        self._learn(piece)
        return scrubbed

    def _encode(self, value: Any) -> bytes:
        return encode(value)

    def _learn(self, piece: bytes) -> None:
        self._usual_names.update(_names.decode(piece))
        self._full_way += 1
        if self._full_way >= LEARNING_LINES:
            struct = struct_of(self.shape.only(self._usual_names), strict=True)
            self._usual = msgspec.json.Decoder(struct, dec_hook=decode_treated).decode
            self._full_way = 0


class Strings:
    """Scrubs a list of strings: each item is treated, and nothing left means that the list goes."""

    _decode = msgspec.json.Decoder(list[str]).decode

    def __init__(self, treat: Callable[[str], Any]):
        self.treat = treat

    def scrub(self, piece: bytes) -> bytes | None:
        kept = [value for value in map(self.treat, self._decode(piece)) if value is not GONE]
        return encode(kept) if kept else None
