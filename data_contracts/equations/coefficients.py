"""Reads the coefficients of an equation, and the values that it was made for: dated, sourced TOML beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Range:
    """The values an equation was made for, both ends included, in `unit`."""

    low: float
    high: float
    unit: str

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} {self.unit}"


@cache
def coefficients(name: str) -> dict[str, Any]:
    """The whole file of one equation. Shared: callers do not change it."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def ranges(name: str, section: str) -> dict[str, Range]:
    """The valid range of each input of a section, by the input's words."""
    entries = coefficients(name)[section]["range"]
    return {words: Range(entry["low"], entry["high"], entry["unit"]) for words, entry in entries.items()}
