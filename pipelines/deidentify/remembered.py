"""Pieces that repeat (codes, references, profiles) are scrubbed once and looked up by their bytes ever after.

Bounded: when a memory is full it forgets all and starts again; long pieces are never remembered. The short ways here
are taken by pieces written in their usual form only; any other goes through its boundary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec import Raw

from pipelines.deidentify.treatments import GONE

REMEMBERED_PIECES = 50_000
REMEMBERED_BYTES = 1_000
SHORT_LIST_BYTES = 250
VALUE = b'{"value":'
PLAIN_NUMBER_LEFT = frozenset({b"", b".", b"-", b"-."})
VERSION_ID = b'{"versionId":"'
LAST_UPDATED = b',"lastUpdated":"'

Found = tuple[Any, tuple[Any, ...]]


class Scrubs(Protocol):
    def scrub(self, piece: bytes) -> bytes | None: ...


class Remembered:
    """Scrubs a piece, remembers what came of it, and counts what was dropped in it every time.

    `passed` gives, by the bytes of a piece, the scrubbed piece and the paths dropped; callers look there first.
    """

    def __init__(self, inner: Scrubs, dropped: list[Any]):
        self.inner, self.dropped = inner, dropped
        self.longest = REMEMBERED_BYTES
        self.passed: dict[bytes, Found] = {}

    def __call__(self, raw: Raw | bytes) -> Found:
        piece = bytes(raw)
        found = self.look_at(piece)
        if len(piece) <= self.longest:
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

    def __init__(
        self, inner: Scrubs, dropped: list[Any], pseudonym: Callable[[str, str], str], types: Iterable[str]
    ):
        super().__init__(inner, dropped)
        self.rewrite = rewriting(pseudonym)
        self.plain = re.compile(plain_reference(types))

    def look_at(self, piece: bytes) -> Found:
        match = self.plain.fullmatch(piece)
        return super().look_at(piece) if match is None else (Raw(self.rewrite(match)), ())


class RememberedReferences(Remembered):
    """The same for a list of references; a long one, which hardly ever comes again, is rewritten where it stands."""

    def __init__(
        self, inner: Scrubs, dropped: list[Any], pseudonym: Callable[[str, str], str], types: Iterable[str]
    ):
        super().__init__(inner, dropped)
        self.rewrite = rewriting(pseudonym)
        one = plain_reference(types)
        self.one, self.plain = re.compile(one), re.compile(rb"\[" + one + rb"(?:, ?" + one + rb")*\]")
        self.longest = SHORT_LIST_BYTES

    def look_at(self, piece: bytes) -> Found:
        if self.plain.fullmatch(piece):
            return Raw(self.one.sub(self.rewrite, piece)), ()
        return super().look_at(piece)


def plain_reference(types: Iterable[str]) -> bytes:
    """The pattern of a reference to one of these types, with nothing beside it."""
    names = "|".join(sorted(types)).encode()
    return rb'\{"reference": ?"(' + names + rb')/([A-Za-z0-9\-.]{1,64})"\}'


def rewriting(pseudonym: Callable[[str, str], str]) -> Callable[[re.Match[bytes]], bytes]:
    """Writes the reference of a match (type, id) anew."""

    def rewrite(match: re.Match[bytes]) -> bytes:
        resource_type = match[1].decode()
        return f'{{"reference":"{resource_type}/{pseudonym(resource_type, match[2].decode())}"}}'.encode()

    return rewrite


class RememberedQuantity(Remembered):
    """The same for a quantity; of one not met before, the number is kept as it stands and only the rest looked at.

    Only a number of at most `longest_number` digits: a longer one may have to go, and then the whole decides.
    """

    def __init__(self, inner: Scrubs, dropped: list[Any], longest_number: int):
        super().__init__(inner, dropped)
        self.rest, self.longest_number = Remembered(inner, dropped), longest_number

    def look_at(self, piece: bytes) -> Found:
        comma = piece.find(b",")
        digits = piece[len(VALUE) : comma]
        short = comma > 0 and len(digits) <= self.longest_number
        plain = short and digits.translate(None, b"0123456789") in PLAIN_NUMBER_LEFT
        if not plain or not piece.startswith(VALUE):
            return super().look_at(piece)
        rest = b"{" + piece[comma + 1 :]
        kept, lost = self.rest.passed.get(rest) or self.rest(rest)
        if kept is GONE or b'"value"' in rest:
            return super().look_at(piece)
        return Raw(VALUE + digits + b"," + bytes(kept)[1:]), lost


class RememberedMeta:
    """The `meta` that a store writes: version and time vary and are dropped, what follows is remembered."""

    def __init__(self, inner: Scrubs, dropped: list[Any], path: str):
        self.rest, self.dropped = Remembered(inner, dropped), dropped
        self.tails: dict[bytes, Found] = {}
        self.always_lost = (f"{path}.versionId", f"{path}.lastUpdated")

    def __call__(self, raw: Raw) -> Any:
        piece = bytes(raw)
        tail = self._after_version(piece) if piece.startswith(VERSION_ID) else None
        if tail is None:
            return self._kept(self.rest.passed.get(piece) or self.rest(piece))
        self.dropped.append(self.always_lost)
        found = self.tails.get(tail)
        if found is None:
            found = (GONE, ()) if tail == b"}" else self.rest(b"{" + tail[1:])
            if len(self.tails) < REMEMBERED_PIECES and len(tail) <= REMEMBERED_BYTES:
                self.tails[tail] = found
        return self._kept(found)

    def _kept(self, found: Found) -> Any:
        if found[1]:
            self.dropped.append(found[1])
        return found[0]

    def _after_version(self, piece: bytes) -> bytes | None:
        """What stands behind `versionId` and `lastUpdated`; None when the two do not stand side by side."""
        after_version = piece.find(b'"', len(VERSION_ID)) + 1
        if not piece.startswith(LAST_UPDATED, after_version):
            return None
        return piece[piece.find(b'"', after_version + len(LAST_UPDATED)) + 1 :]
