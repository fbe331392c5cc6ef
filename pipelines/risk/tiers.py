"""Tiers: the words for a score's values, from dated thresholds."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def thresholds() -> dict[str, dict]:
    return tomllib.loads(Path(__file__).with_name("tiers.toml").read_text(encoding="utf-8"))


def tier_of(score: str, value: float | None) -> str | None:
    """The tier; `unknown` without a value, None for a score that has no tiers."""
    steps = thresholds().get(score, {}).get("from")
    if steps is None:
        return None
    if value is None:
        return "unknown"
    return max((least, tier) for tier, least in steps.items() if value >= least)[1]
