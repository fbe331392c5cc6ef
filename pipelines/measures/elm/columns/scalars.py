"""Columns of single values: truth, numbers and texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.measures.elm.columns.base import Column, Rows, Single, gather

FALSE, TRUE, UNKNOWN = 0, 1, -1


class Bool(Single):
    """1 true, 0 false, -1 null."""

    kind = "Boolean"

    def __init__(self, values: np.ndarray):
        self.values = values.astype(np.int8, copy=False)

    @classmethod
    def of(cls, true: np.ndarray, known: np.ndarray | None = None) -> Bool:
        values = true.astype(np.int8)
        return cls(values if known is None else np.where(known, values, np.int8(UNKNOWN)))

    def __len__(self) -> int:
        return len(self.values)

    def nulls(self) -> np.ndarray:
        return self.values == UNKNOWN

    def take(self, rows: Rows) -> Bool:
        return Bool(gather(self.values, rows, UNKNOWN))

    def join(self, others: Sequence[Bool]) -> Bool:
        return Bool(np.concatenate([self.values, *(other.values for other in others)]))


class Int(Single):
    """Whole numbers. `high` holds the upper bound where a value is uncertain (an age from a birth year)."""

    kind = "Integer"

    def __init__(self, values: np.ndarray, known: np.ndarray, high: np.ndarray | None = None):
        self.values, self.known, self.high = values.astype(np.int64, copy=False), known, high

    def __len__(self) -> int:
        return len(self.values)

    def nulls(self) -> np.ndarray:
        return ~self.known

    def take(self, rows: Rows) -> Int:
        high = None if self.high is None else gather(self.high, rows, 0)
        return type(self)(gather(self.values, rows, 0), gather(self.known, rows, False), high)

    def join(self, others: Sequence[Int]) -> Int:
        parts = (self, *others)
        high = None
        if any(part.high is not None for part in parts):
            high = np.concatenate([part.values if part.high is None else part.high for part in parts])
        return type(self)(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.known for part in parts]),
            high,
        )

    def certain(self) -> Int:
        """Null where the value is uncertain."""
        if self.high is None:
            return self
        return type(self)(self.values, self.known & (self.high == self.values))


class Long(Int):
    """Whole numbers of 64 bits."""

    kind = "Long"


def whole(values: np.ndarray, known: np.ndarray, *like: Column) -> Int:
    """Whole numbers of the kind that the others are; null where they are too large for it."""
    kind, bits = (Long, 63) if any(isinstance(one, Long) for one in like) else (Int, 31)
    inside = np.abs(np.asarray(values, np.float64) + 0.5) <= 2.0**bits
    return kind(np.where(inside & known, values, 0), known & inside)


class Dec(Single):
    """Decimals; a null is a NaN."""

    kind = "Decimal"

    def __init__(self, values: np.ndarray):
        self.values = values.astype(np.float64, copy=False)

    def __len__(self) -> int:
        return len(self.values)

    def nulls(self) -> np.ndarray:
        return np.isnan(self.values)

    def take(self, rows: Rows) -> Dec:
        return Dec(gather(self.values, rows, np.nan))

    def join(self, others: Sequence[Dec]) -> Dec:
        return Dec(np.concatenate([self.values, *(other.values for other in others)]))


class Text(Single):
    """Strings as numbers of the run's `Texts`; a null is -1."""

    kind = "String"

    def __init__(self, values: np.ndarray):
        self.values = values.astype(np.int64, copy=False)

    def __len__(self) -> int:
        return len(self.values)

    def nulls(self) -> np.ndarray:
        return self.values < 0

    def take(self, rows: Rows) -> Text:
        return Text(gather(self.values, rows, -1))

    def join(self, others: Sequence[Text]) -> Text:
        return Text(np.concatenate([self.values, *(other.values for other in others)]))
