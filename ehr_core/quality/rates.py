"""A rate with its 95 % Wilson interval. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z_95 = 1.959964  # two-sided 95 % quantile of the standard normal distribution


@dataclass(frozen=True)
class Rate:
    """`value`, `low` and `high` are shares from 0 to 1."""

    value: float
    low: float
    high: float


def wilson_rate(numerator: int, denominator: int) -> Rate | None:
    """The share and its interval; null for an empty denominator: no rate is not a rate of zero.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212 (score interval without continuity correction).
    """
    if denominator <= 0:
        return None
    share = numerator / denominator
    spread = Z_95**2 / denominator
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * sqrt(share * (1 - share) / denominator + spread / (4 * denominator))
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))
