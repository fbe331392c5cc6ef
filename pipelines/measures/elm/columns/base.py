"""What every column can do, columns of nothing and of several types, and how rows are taken by position."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence

import numpy as np

Rows = np.ndarray


def gather(values: np.ndarray, rows: Rows, fill) -> np.ndarray:
    """The values at `rows`; `fill` where a row is -1."""
    if not len(values):
        return np.full(len(rows), fill, values.dtype)
    taken = values[rows]
    missing = rows < 0
    if missing.any():
        taken[missing] = fill
    return taken


class Column(ABC):
    """The values of one expression, a row each."""

    kind = "Any"

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def nulls(self) -> np.ndarray:
        """Which rows are null."""

    @abstractmethod
    def take(self, rows: Rows) -> Column:
        """The values at `rows`; null where a row is -1."""


class Single(Column):
    """A column whose values are all of one type."""

    def join_key(self) -> Hashable:
        """Columns with the same answer can be joined."""
        return self.kind

    @abstractmethod
    def join(self, others: Sequence[Column]) -> Column:
        """This column with others of the same kind after it."""


class Null(Single):
    """Nothing but nulls, of no type."""

    def __init__(self, rows: int):
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def nulls(self) -> np.ndarray:
        return np.ones(self.rows, bool)

    def take(self, rows: Rows) -> Null:
        return Null(len(rows))

    def join(self, others: Sequence[Column]) -> Null:
        return Null(self.rows + sum(len(other) for other in others))


class Choice(Column):
    """One of several types per row."""

    kind = "Choice"

    def __init__(self, alternatives: Sequence[Column]):
        self.alternatives = list(alternatives)

    def __len__(self) -> int:
        return len(self.alternatives[0])

    def nulls(self) -> np.ndarray:
        missing = self.alternatives[0].nulls()
        for alternative in self.alternatives[1:]:
            missing = missing & alternative.nulls()
        return missing

    def take(self, rows: Rows) -> Choice:
        return Choice([alternative.take(rows) for alternative in self.alternatives])


def offsets_of(counts: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def ranges_of(starts: np.ndarray, counts: np.ndarray) -> tuple[Rows, np.ndarray]:
    """The positions start, start + 1, … of every range, one after the other, and the offsets between the ranges."""
    offsets = offsets_of(counts)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts), offsets


def alternatives_of(column: Column) -> list[Column]:
    return column.alternatives if isinstance(column, Choice) else [column]


def is_untyped(column: Column) -> bool:
    return isinstance(column, Null)
