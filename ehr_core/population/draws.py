"""Chance, drawn from one person's own seed: the same seed and key give the same draws on every machine."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Draws:
    """A stream of draws. `Random` seeded with text is stable across Python versions and platforms."""

    def __init__(self, seed: str):
        self._random = random.Random(seed)  # noqa: S311 — a synthetic population, nothing secret

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self._random.random() * len(items))]

    def weighted(self, shares: Mapping[str, float]) -> str:
        """A key with the chance of its share; shares need not sum to one."""
        mark = self._random.random() * sum(shares.values())
        for key, share in shares.items():
            mark -= share
            if mark < 0:
                return key
        return next(reversed(shares))

    def near(self, mean: float, spread: float, low: float, high: float) -> float:
        """A bell-shaped number around the mean, kept between low and high."""
        return min(high, max(low, self._random.gauss(mean, spread)))
