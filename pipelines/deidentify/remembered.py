"""Pieces that repeat (codes, references, profiles) are scrubbed once and looked up by their bytes ever after.

Bounded: when a memory is full it forgets all and starts again; long pieces are never remembered. The short ways here
are taken by pieces written in their usual form only; any other goes through its boundary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Raw

from pipelines.deidentify.treatments import GONE

REMEMBERED_PIECES = 50_000
REMEMBERED_BYTES = 1_000
REFERENCE = rb'\{"reference": ?"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})"\}'
PLAIN_REFERENCE = re.compile(REFERENCE)
PLAIN_REFERENCES = re.compile(rb"\[" + REFERENCE + rb"(?:, ?" + REFERENCE + rb")*\]")
PLAIN_QUANTITY = re.compile(rb'\{"value": ?(-?[0-9][0-9.eE+-]*), ?("[^{}]*)\}')
STORED_META = re.compile(
    rb'\{"versionId": ?"[0-9]{1,20}", ?"lastUpdated": ?"[0-9TZ:.+-]{1,40}"(?:, ?("[^}].*))?\}'
)

Found = tuple[Any, tuple[Any, ...]]


class Scrubs(Protocol):
    def scrub(self, piece: bytes) -> bytes | None: ...


class Remembered:
    """Scrubs a piece, remembers what came of it, and counts what was dropped in it every time.

    `passed` gives, by the bytes of a piece, the scrubbed piece and the paths dropped; callers look there first.
    """

    def __init__(self, inner: Scrubs, dropped: list[Any]):
        self.inner, self.dropped = inner, dropped
        self.passed: dict[bytes, Found] = {}

    def __call__(self, raw: Raw | bytes) -> Found:
        piece = bytes(raw)
        found = self.look_at(piece)
        if len(piece) <= REMEMBERED_BYTES:
            if len(self.passed) >= REMEMBERED_PIECES:
                self.passed.clear()
            self.passed[piece] = found
        return found

    def look_at(self, piece: bytes) -> Found:
        mark = len(self.dropped)
        scrubbed = self.inner.scrub(piece)
        lost = tuple(self.dropped[mark:])
        del self.dropped[mark:]
        return (GONE if scrubbed is None else Raw(scrubbed)), lost


class RememberedReference(Remembered):
    """The same for a reference; a target and nothing else is rewritten without decoding it."""

    def __init__(self, inner: Scrubs, dropped: list[Any], pseudonym: Callable[[str, str], str]):
        super().__init__(inner, dropped)
        self.rewrite = rewriting(pseudonym)

    def look_at(self, piece: bytes) -> Found:
        match = PLAIN_REFERENCE.fullmatch(piece)
        return super().look_at(piece) if match is None else (Raw(self.rewrite(match)), ())


class References:
    """A list of references: each is rewritten where it stands, for such lists do not repeat (results of a report)."""

    def __init__(self, inner: Scrubs, pseudonym: Callable[[str, str], str]):
        self.inner, self.rewrite = inner, rewriting(pseudonym)

    def __call__(self, raw: Raw) -> Any:
        piece = bytes(raw)
        if PLAIN_REFERENCES.fullmatch(piece):
            return Raw(PLAIN_REFERENCE.sub(self.rewrite, piece))
        scrubbed = self.inner.scrub(piece)
        return GONE if scrubbed is None else Raw(scrubbed)


def rewriting(pseudonym: Callable[[str, str], str]) -> Callable[[re.Match[bytes]], bytes]:
    """Writes the reference of a match (type, id) anew."""

    def rewrite(match: re.Match[bytes]) -> bytes:
        resource_type = match[1].decode()
        return f'{{"reference":"{resource_type}/{pseudonym(resource_type, match[2].decode())}"}}'.encode()

    return rewrite


class RememberedQuantity(Remembered):
    """The same for a quantity; of one not met before, the number is kept as it stands and only the rest looked at."""

    def __init__(self, inner: Scrubs, dropped: list[Any]):
        super().__init__(inner, dropped)
        self.rest = Remembered(inner, dropped)

    def look_at(self, piece: bytes) -> Found:
        match = PLAIN_QUANTITY.fullmatch(piece)
        if match is None:
            return super().look_at(piece)
        rest = b"{%b}" % match[2]
        kept, lost = self.rest.passed.get(rest) or self.rest(rest)
        unit = b"}" if kept is GONE else b"," + bytes(kept)[1:]
        return Raw(b'{"value":' + match[1] + unit), lost


class RememberedMeta:
    """The `meta` that a store writes: version and time vary and are dropped, what follows is remembered."""

    def __init__(self, inner: Scrubs, dropped: list[Any], path: str):
        self.rest, self.dropped = Remembered(inner, dropped), dropped
        self.always_lost = (f"{path}.versionId", f"{path}.lastUpdated")

    def __call__(self, raw: Raw) -> Any:
        piece = bytes(raw)
        match = STORED_META.fullmatch(piece)
        if match is not None:
            self.dropped.append(self.always_lost)
            if match[1] is None:
                return GONE
            piece = b"{%b}" % match[1]
        kept, lost = self.rest.passed.get(piece) or self.rest(piece)
        if lost:
            self.dropped.append(lost)
        return kept
