"""Texts: every string of a run once, as a number, so that comparing strings is comparing numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Texts:
    """Numbers for strings, given in the order in which they are first met."""

    def __init__(self) -> None:
        self.numbers: dict[str | None, int] = {None: -1}
        self.strings: list[str] = []

    def number(self, text: str | None) -> int:
        """The string's number; -1 for None."""
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.strings)
            self.strings.append(text)
        return found

    def numbered(self, texts: Iterable[str | None]) -> np.ndarray:
        texts, numbers = list(texts), self.numbers
        new = [text for text in dict.fromkeys(texts) if text not in numbers]
        numbers.update(zip(new, range(len(self.strings), len(self.strings) + len(new)), strict=True))
        self.strings += new
        return np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))

    def __len__(self) -> int:
        return len(self.strings)

    def forget(self, after: int) -> None:
        """Forgets all but the first so many: what the records of a batch said is of no use to the next."""
        for text in self.strings[after:]:
            del self.numbers[text]
        del self.strings[after:]

    def string(self, number: int) -> str | None:
        return None if number < 0 else self.strings[number]

    def mapped(self, numbers: np.ndarray, change) -> np.ndarray:
        """`change` applied to each distinct string; nulls stay null."""
        distinct, places = np.unique(numbers, return_inverse=True)
        changed = np.array(
            [-1 if one < 0 else self.number(change(self.strings[one])) for one in distinct], np.int64
        )
        return changed[places] if len(distinct) else numbers
