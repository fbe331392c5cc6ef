"""Columns: the values of one expression for all rows at once, with nulls, by CQL type.

Every column knows three things: which rows are null, how to take rows by position (-1 takes a null), and, with
`concat`, how to stand after another one. A list is ragged: offsets into one column of items. A choice holds one
full-length column per alternative, of which at most one is not null in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

Rows = np.ndarray
FALSE, TRUE, UNKNOWN = 0, 1, -1


def gather(values: np.ndarray, rows: Rows, fill) -> np.ndarray:
    """The values at `rows`; `fill` where a row is -1."""
    if not len(values):
        return np.full(len(rows), fill, values.dtype)
    taken = values[rows]
    missing = rows < 0
    if missing.any():
        taken[missing] = fill
    return taken


class Column:
    """What all columns can do."""

    kind = "Any"

    def __len__(self) -> int:
        raise NotImplementedError

    def nulls(self) -> np.ndarray:
        raise NotImplementedError

    def take(self, rows: Rows) -> Column:
        raise NotImplementedError

    def join(self, others: Sequence[Column]) -> Column:
        """This column with others of the same kind after it."""
        raise NotImplementedError


class Null(Column):
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


class Bool(Column):
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


class Int(Column):
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


class Dec(Column):
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


class Text(Column):
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


class Record(Column):
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


class Listing(Column):
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


def choice_of(columns: Iterable[Column], rows: int) -> Column:
    """One column of what may be of several types; columns that are null in every row are left out."""
    kept = [column for column in columns if not column.nulls().all()]
    if not kept:
        return Null(rows)
    return kept[0] if len(kept) == 1 else Choice(kept)


def concat(columns: Sequence[Column]) -> Column:
    """The columns one after the other; a choice where their kinds differ."""
    columns = [column for column in columns if len(column)] or list(columns[:1])
    if len(columns) == 1:
        return columns[0]
    keys = {same_kind(part) for column in columns for part in alternatives_of(column) if not is_untyped(part)}
    if len({key for key in keys if key[0] == "Interval"}) > 1:
        keys.discard(POINTLESS)
    if not keys:
        return Null(sum(len(column) for column in columns))
    ordered = sorted(keys, key=str)
    joined = []
    for key in ordered:
        pieces = [_piece(column, key) for column in columns]
        known = next(piece for piece in pieces if piece is not None)
        nothing = known.take(np.full(1, -1))
        filled = [
            nothing.take(np.full(len(column), -1)) if piece is None else piece
            for column, piece in zip(columns, pieces, strict=True)
        ]
        joined.append(filled[0].join(filled[1:]))
    return joined[0] if len(joined) == 1 else Choice(joined)


def _piece(column: Column, key) -> Column | None:
    wanted = (key, POINTLESS) if key[0] == "Interval" else (key,)
    pieces = [part for part in alternatives_of(column) if not is_untyped(part) and same_kind(part) in wanted]
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    rows = np.arange(len(column))
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged.join([piece]).take(np.where(merged.nulls(), rows + len(column), rows))
    return merged


POINTLESS = ("Interval", None)
"""The kind of an interval whose bounds are both null in every row."""


def is_untyped(column: Column) -> bool:
    return isinstance(column, Null)


def same_kind(column: Column):
    """Columns with the same answer can be joined."""
    return column.join_key() if hasattr(column, "join_key") else column.kind


def merge(first: Column, second: Column) -> Column:
    """The first's value where it is not null, else the second's."""
    missing = first.nulls()
    if not missing.any():
        return first
    rows = np.arange(len(first))
    return concat([first, second]).take(np.where(missing, rows + len(first), rows)) if len(first) else first


def scatter(parts: Sequence[tuple[Rows, Column]], rows: int) -> Column:
    """A column of that many rows from columns that each hold some of them; null where none does."""
    parts = [(where, column) for where, column in parts if len(where)]
    if not parts:
        return Null(rows)
    position = np.full(rows, -1, np.int64)
    start = 0
    for where, column in parts:
        position[where] = np.arange(start, start + len(where))
        start += len(column)
    return concat([column for _, column in parts]).take(position)
