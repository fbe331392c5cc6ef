"""Which values of a resource are encrypted where it is stored (marked.toml), and their keyed hashes for searches."""

from __future__ import annotations

import itertools
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.sealed_body import MARK_BYTES, place
from ehr_core.kernel.vault import vault

_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_items = msgspec.json.Decoder(list[Raw]).decode
_plain = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
HASHED = "\x1b"
"""Begins a keyed hash in a token. FHIR allows this character in no text, so nobody can send such a token."""
WORDS_OF = {"Binary": ("data",), "DocumentReference": ("content", "text")}
"""Where a document's own words are: its top-level elements, and within them what WORDS names."""
WORDS = frozenset({"data", "div"})


@cache
def _marks() -> dict[str, Any]:
    return tomllib.loads(files("ehr_core.store").joinpath("marked.toml").read_text(encoding="utf-8"))


@cache
def _hints() -> tuple[bytes, ...]:
    """A body without any of these holds no marked identifier."""
    marked = _marks()["identifiers"]
    return tuple(f'"{word}"'.encode() for word in (*marked["systems"], *marked["types"]))


def may_be_marked(text: bytes) -> bool:
    """False when no identifier in it can be a marked one."""
    for hint in _hints():  # noqa: SIM110 (asked of every element of an import, and twice as fast as any())
        if hint in text:
            return True
    return False


def refuse_sealed(body: bytes) -> None:
    """Nobody sends what looks sealed: it would be opened in the sender's answer."""
    if MARK_BYTES in body:
        raise InvalidResource([Issue("Resource", "holds a text that begins as sealed values do")])


def sealed(body: bytes, type_name: str, resource_id: str, version_id: int) -> bytes:
    """The body with every marked value sealed for this version of this resource; mostly the very same."""
    words = WORDS_OF.get(type_name, ())
    if words and not _words_are_marked(body):
        words = ()
    if not words and not may_be_marked(body):
        return body
    sealing = _Sealing(place(type_name, resource_id, version_id))
    fields = _fields(body)
    return _encode(
        {name: sealing.element(value, words=name in words, name=name) for name, value in fields.items()}
    )


def identifier_is_marked(system: str, types: list[str]) -> bool:
    marked = _marks()["identifiers"]
    return system in marked["systems"] or any(one in marked["types"] for one in types)


def hashed(value: str) -> str:
    """What stands for a marked value in search columns."""
    return HASHED + vault().search_hash(value)


def searchable(identifier: Any) -> str:
    """The value of an Identifier (as a struct) as search columns hold it."""
    system = "" if identifier.system is UNSET else identifier.system
    coding = getattr(identifier.type, "coding", UNSET) if identifier.type is not UNSET else UNSET
    types = [] if coding is UNSET else [one.code for one in coding if one.code is not UNSET]
    return hashed(identifier.value) if identifier_is_marked(system, types) else identifier.value


def _words_are_marked(body: bytes) -> bool:
    if vault().documents == "all":
        return True
    labels = _marks()["documents"]["labels"]
    if not any(f'"{label}"'.encode() in body for label in labels):
        return False
    security = _plain(body).get("meta", {}).get("security") or ()
    return any(coding.get("code") in labels for coding in security)


class _Sealing:
    """One resource on its way into the store: values are numbered in the order in which they stand."""

    def __init__(self, start: str):
        self._start, self._numbers = start, itertools.count(1)

    def element(self, raw: Raw, *, words: bool, name: str) -> Raw:
        """An element with what is marked in it sealed, at every depth."""
        text = bytes(raw)
        if text[:1] == b"[":
            return Raw(_encode([self.element(one, words=words, name=name) for one in _items(text)]))
        if text[:1] != b"{":
            return self._sealed(text) if words and name in WORDS and text[:1] == b'"' else raw
        if not words and not may_be_marked(text):
            return raw
        fields = _fields(text)
        marked = _is_marked_identifier(fields)
        return Raw(
            _encode(
                {key: self._member(key, value, marked=marked, words=words) for key, value in fields.items()}
            )
        )

    def _member(self, key: str, value: Raw, *, marked: bool, words: bool) -> Raw:
        if marked and key == "value":
            return self._sealed(bytes(value))
        return self.element(value, words=words, name=key)

    def _sealed(self, token: bytes) -> Raw:
        return Raw(_encode(vault().seal(token, f"{self._start}#{next(self._numbers)}")))


def _is_marked_identifier(fields: dict[str, Raw]) -> bool:
    if "value" not in fields or bytes(fields["value"])[:1] != b'"':
        return False
    system = _plain(fields["system"]) if "system" in fields else ""
    kind = _plain(fields["type"]) if "type" in fields else {}
    coding = kind.get("coding") or () if isinstance(kind, dict) else ()
    types = [one.get("code", "") for one in coding if isinstance(one, dict)]
    return isinstance(system, str) and identifier_is_marked(system, types)
