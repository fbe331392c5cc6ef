"""Reads the coefficients of an equation: dated, sourced TOML in `cds/knowledge/risk`, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from cds.risk.answer import Range

FOLDER = Path(__file__).parents[1] / "knowledge" / "risk"


@cache
def coefficients(name: str) -> dict[str, Any]:
    """The whole file of one equation. Callers do not change it."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def ranges(name: str, section: str) -> dict[str, Range]:
    """The valid range of each input of a section, by the input's words."""
    entries = coefficients(name)[section]["range"]
    return {words: Range(entry["low"], entry["high"], entry["unit"]) for words, entry in entries.items()}
