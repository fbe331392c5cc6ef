"""Rates and counts in words: suppressed is not zero, and an empty denominator has no rate."""

from __future__ import annotations

from data_contracts.api.quality import Counts


def count_words(count: int | None) -> str:
    return "suppressed" if count is None else f"{count:,}"


def rate_words(counts: Counts) -> str:
    """The rate as a percentage with its 95 % interval; why there is none otherwise."""
    if counts.suppressed:
        return "suppressed (small cell)"
    if counts.rate is None:
        return "no denominator"
    words = f"{counts.rate:.1%}"
    if counts.rate_low is not None and counts.rate_high is not None:
        words += f" (95 % CI {counts.rate_low:.1%} to {counts.rate_high:.1%})"
    return words


def change_words(change: float | None) -> str:
    """Change in percentage points, with its sign."""
    return "no earlier run" if change is None else f"{change * 100:+.1f} points"
