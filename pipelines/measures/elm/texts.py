"""Texts: every string of a run once, as a number, so that comparing strings is comparing numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Texts:
    """Numbers for strings, given in the order in which they are first met."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.strings: list[str] = []

    def number(self, text: str | None) -> int:
        """The string's number; -1 for None."""
        if text is None:
            return -1
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.strings)
            self.strings.append(text)
        return found

    def numbered(self, texts: Iterable[str | None]) -> np.ndarray:
        return np.fromiter((self.number(text) for text in texts), np.int64)

    def string(self, number: int) -> str | None:
        return None if number < 0 else self.strings[number]

    def mapped(self, numbers: np.ndarray, change) -> np.ndarray:
        """`change` applied to each distinct string; nulls stay null."""
        distinct, places = np.unique(numbers, return_inverse=True)
        changed = np.array(
            [-1 if one < 0 else self.number(change(self.strings[one])) for one in distinct], np.int64
        )
        return changed[places] if len(distinct) else numbers
