"""Reads the coefficients of an equation: dated, sourced TOML in `cds/knowledge/risk`."""

from __future__ import annotations

from functools import cache
from typing import Any

from cds.knowledge import read_toml
from cds.risk.answer import Range


def coefficients(name: str) -> dict[str, Any]:
    """The whole file of one equation. Callers do not change it."""
    return read_toml(f"risk/{name}.toml")


@cache
def ranges(name: str, section: str) -> dict[str, Range]:
    """The valid range of each input of a section, by the input's words."""
    entries = coefficients(name)[section]["range"]
    return {words: Range(entry["low"], entry["high"], entry["unit"]) for words, entry in entries.items()}
