"""FHIR's escapes in search values: '\\,' '\\|' '\\$' and '\\\\' stand for the character itself."""

from __future__ import annotations

import re

ESCAPE = re.compile(r"\\([,|$\\])")


def split_on(separator: str, text: str) -> list[str]:
    """The parts between separators that are not escaped; escapes inside the parts stay."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def escaped(text: str) -> str:
    """The text so written that a search takes it as it is."""
    return re.sub(r"([,|$\\])", r"\\\1", text)


def plain(text: str) -> str:
    """The text that is meant."""
    return ESCAPE.sub(r"\1", text)
