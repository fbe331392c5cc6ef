"""What chance does to a rate: its interval, the difference of two, a funnel over groups, a change over time. Pure.

One set of rules for whatever shows rates: the API, the screens and the notebooks. All of it treats people as drawn at
random. Two nights of one panel share most of their people, so a difference between them is surer than is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import sqrt
from typing import Literal

Z_95 = 1.959964  # two-sided 95 % quantile of the standard normal distribution
Z_998 = 3.090232  # two-sided 99.8 % quantile
LEAST_EXPECTED = 5
"""A group is judged when at least so many are expected to have met, and not to have met (Cochran's rule)."""
SLACK, DECISION = 0.5, 4.0
"""CUSUM in standard deviations: half of the shift to be found (1), and where it is decided. Hawkins & Olwell 1998."""

FunnelPlace = Literal["within", "above_95", "below_95", "above_998", "below_998", "too_few"]


@dataclass(frozen=True)
class Rate:
    """`value`, `low` and `high` are shares from 0 to 1; of a difference, from -1 to 1."""

    value: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class Counted:
    """How many met, of how many, on a day."""

    on: date
    numerator: int
    denominator: int


@dataclass(frozen=True)
class Shift:
    """A change that chance alone does not explain: from which day, and by how much."""

    since: date
    difference: Rate


def wilson_rate(numerator: int, denominator: int) -> Rate | None:
    """The share and its 95 % interval; null for an empty denominator: no rate is not a rate of zero.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212 (score interval without continuity correction).
    """
    if denominator <= 0:
        return None
    share = numerator / denominator
    spread = Z_95**2 / denominator
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * sqrt(share * (1 - share) / denominator + spread / (4 * denominator))
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


def rate_difference(now: Counted, before: Counted) -> Rate | None:
    """The rate now minus the rate before, with its 95 % interval; null when either has no denominator.

    Source: Newcombe, Stat Med 1998;17:873-890, method 10 (from the two Wilson intervals).
    """
    one, other = (wilson_rate(counted.numerator, counted.denominator) for counted in (now, before))
    if one is None or other is None:
        return None
    value = one.value - other.value
    return Rate(
        value,
        value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2),
        value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2),
    )


def funnel_limits(expected: float, denominator: int, z: float) -> tuple[float, float]:
    """Between which rates a group of that size lies by chance alone when its true rate is `expected`.

    The score limits: a group is outside of the 95 % ones exactly when `expected` is outside of its Wilson interval.
    Source: Spiegelhalter, Stat Med 2005;24:1185-1202.
    """
    half = z * sqrt(expected * (1 - expected) / denominator)
    return max(0.0, expected - half), min(1.0, expected + half)


def funnel_place(expected: float, numerator: int, denominator: int) -> FunnelPlace:
    """Where a group stands in the funnel. A small one is not judged: there the limits do not hold."""
    if denominator * min(expected, 1 - expected) < LEAST_EXPECTED:
        return "too_few"
    rate = numerator / denominator
    for z, low_word, high_word in ((Z_998, "below_998", "above_998"), (Z_95, "below_95", "above_95")):
        low, high = funnel_limits(expected, denominator, z)
        if rate < low:
            return low_word
        if rate > high:
            return high_word
    return "within"


def jumps(points: Sequence[Counted]) -> list[Shift]:
    """From one point to the next more than chance explains: a new rule, a new panel, or a feed that broke."""
    found = []
    for before, now in pairwise(points):
        difference = rate_difference(now, before)
        if difference is not None and not difference.holds_zero:
            found.append(Shift(now.on, difference))
    return found


def drift(pairs: Iterable[tuple[Counted, Counted]]) -> Shift | None:
    """A lasting departure of points from those they are compared with, by a two-sided CUSUM; null when there is none.

    `pairs`: (now, what it is compared with), oldest first. `since` is where the sum that was decided last left zero;
    `difference` is that of the newest pair.
    """
    sums: dict[int, float] = {1: 0.0, -1: 0.0}
    began: dict[int, date | None] = {1: None, -1: None}
    since: date | None = None
    newest: Rate | None = None
    for now, before in pairs:
        newest = rate_difference(now, before)
        step = _standardised(now, before)
        for sign in sums:
            sums[sign] = max(0.0, sums[sign] + sign * step - SLACK)
            began[sign] = (began[sign] or now.on) if sums[sign] else None
        strongest = max(sums, key=lambda sign: sums[sign])
        since = began[strongest] if sums[strongest] > DECISION else None
    return Shift(since, newest) if since and newest else None


def _standardised(now: Counted, before: Counted) -> float:
    """The difference in standard deviations of what chance gives; 0 where there is nothing to compare."""
    if now.denominator <= 0 or before.denominator <= 0:
        return 0.0
    pooled = (now.numerator + before.numerator) / (now.denominator + before.denominator)
    deviation = sqrt(pooled * (1 - pooled) * (1 / now.denominator + 1 / before.denominator))
    return (
        (now.numerator / now.denominator - before.numerator / before.denominator) / deviation
        if deviation
        else 0.0
    )
