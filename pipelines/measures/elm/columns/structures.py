"""Columns of values that have parts: records of all kinds, intervals and lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.measures.elm.columns.base import (
    Column,
    Null,
    Rows,
    Single,
    alternatives_of,
    gather,
    is_untyped,
    offsets_of,
    ranges_of,
)
from pipelines.measures.elm.columns.joining import concat
from pipelines.measures.elm.columns.scalars import Bool


class Record(Single):
    """Named parts of one value (a tuple, a code, a quantity), with one mask of the rows that exist."""

    kind = "Tuple"

    def __init__(self, parts: dict[str, Column], known: np.ndarray):
        self.parts, self.known = parts, known

    def __len__(self) -> int:
        return len(self.known)

    def nulls(self) -> np.ndarray:
        return ~self.known

    def take(self, rows: Rows) -> Record:
        return type(self)(
            {name: part.take(rows) for name, part in self.parts.items()}, gather(self.known, rows, False)
        )

    def join(self, others: Sequence[Record]) -> Record:
        columns = (self, *others)
        names = dict.fromkeys(name for column in columns for name in column.parts)
        parts = {
            name: concat([column.parts.get(name, Null(len(column))) for column in columns]) for name in names
        }
        return type(self)(parts, np.concatenate([column.known for column in columns]))

    def part(self, name: str) -> Column:
        found = self.parts.get(name)
        return Null(len(self)) if found is None else found


class Quantity(Record):
    """A value (Dec) and a unit (Text; null means '1')."""

    kind = "Quantity"


class Code(Record):
    """A code, its system, version and display (Text)."""

    kind = "Code"


class Concept(Record):
    """Codes (a list of Code) and a display (Text)."""

    kind = "Concept"


class Ratio(Record):
    """A numerator and a denominator (Quantity)."""

    kind = "Ratio"


class Interval(Record):
    """`low`, `high` (points) and `lowClosed`, `highClosed` (Bool)."""

    kind = "Interval"

    def join_key(self) -> tuple[str, str | None]:
        """Intervals of dates and of quantities are two kinds; one without any point goes with either."""
        points = [part for bound in ("low", "high") for part in alternatives_of(self.part(bound))]
        return "Interval", next((point.kind for point in points if not is_untyped(point)), None)

    @classmethod
    def between(
        cls, low: Column, high: Column, low_closed: np.ndarray, high_closed: np.ndarray, known
    ) -> Interval:
        """Null where neither bound is known."""
        known = known & ~(low.nulls() & high.nulls())
        return cls(
            {"low": low, "high": high, "lowClosed": Bool(low_closed), "highClosed": Bool(high_closed)}, known
        )


class Listing(Single):
    """A list per row: items[offsets[i]:offsets[i + 1]]; a null list has no items."""

    kind = "List"

    def __init__(self, offsets: np.ndarray, items: Column, known: np.ndarray | None = None):
        self.offsets, self.items = offsets.astype(np.int64, copy=False), items
        self.known = np.ones(len(offsets) - 1, bool) if known is None else known

    def __len__(self) -> int:
        return len(self.known)

    @property
    def counts(self) -> np.ndarray:
        return np.diff(self.offsets)

    def owners(self) -> Rows:
        """Of each item, the row whose list it is in."""
        return np.repeat(np.arange(len(self)), self.counts)

    def nulls(self) -> np.ndarray:
        return ~self.known

    def take(self, rows: Rows) -> Listing:
        counts = gather(self.counts, rows, 0)
        starts = gather(self.offsets[:-1], rows, 0)
        positions, offsets = ranges_of(starts, counts)
        return Listing(offsets, self.items.take(positions), gather(self.known, rows, False))

    def join(self, others: Sequence[Listing]) -> Listing:
        lists = (self, *others)
        counts = np.concatenate([one.counts for one in lists])
        items = concat([one.items for one in lists])
        return Listing(offsets_of(counts), items, np.concatenate([one.known for one in lists]))
