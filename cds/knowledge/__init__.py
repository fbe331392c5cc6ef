"""Dated, sourced knowledge as files, and how the rules read it."""

from __future__ import annotations

import csv
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from cds.cards import OverrideReason

FOLDER = Path(__file__).parent


@lru_cache(maxsize=64)
def read_toml(name: str) -> dict[str, Any]:
    """One TOML file of this folder. Shared: callers do not change it."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def read_rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of one CSV file of this folder. Shared: callers do not change them."""
    with (FOLDER / name).open(newline="", encoding="utf-8") as lines:
        return tuple(csv.DictReader(lines))


def override_reasons(offered: str = "general") -> tuple[OverrideReason, ...]:
    """The coded reasons offered for one kind of card: `interaction`, `allergy`, `duplicate` or `general`."""
    known = read_toml("override_reasons.toml")
    return tuple(OverrideReason(code, known["reason"][code]) for code in known["offered"][offered])
