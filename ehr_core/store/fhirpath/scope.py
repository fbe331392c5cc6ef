"""What an expression reads: the names that stand in it, or more than its words tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FARTHER = frozenset({"children", "descendants", "resolve", "today", "now"})
"""Functions that read what is not named, or what stands elsewhere."""
WHOLE = frozenset({"resource", "rootResource"})
THIS = "$this"
PRESENCE = (("call", "exists", ()), ("call", "empty", ()))


@dataclass(frozen=True)
class Scope:
    """`read` are the names whose values count, `asked` those of which it only counts whether they are there.

    `farther`: it also reads the whole resource, another one, or the clock.
    """

    read: frozenset[str]
    asked: frozenset[str]
    farther: bool


def scope_of(tree: Any) -> Scope:
    """What a parsed expression reads."""
    read: set[str] = set()
    asked: set[str] = set()
    farther = False
    for kind, word in _words(tree):
        if kind == "presence":
            asked.add(word)
        elif kind == "name" or word in (THIS, "extension"):
            read.add(word)
        farther = farther or (kind == "constant" and word in WHOLE) or (kind == "call" and word in FARTHER)
    return Scope(frozenset(read), frozenset(asked - read), farther)


def _words(tree: Any) -> Iterator[tuple[str, str]]:
    """(kind, word) of every part of the tree that has a word."""
    if not isinstance(tree, tuple | list):
        return
    if len(tree) == 3 and tree[0] == "step" and tree[1][0] == "name" and tree[2] in PRESENCE:
        yield "presence", tree[1][1]
        return
    if len(tree) >= 2 and isinstance(tree[0], str) and isinstance(tree[1], str):
        yield tree[0], tree[1]
    for part in tree:
        yield from _words(part)
