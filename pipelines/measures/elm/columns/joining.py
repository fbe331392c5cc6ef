"""Columns put together: one after the other, one where the other has nothing, or each some of the rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from pipelines.measures.elm.columns.base import (
    Choice,
    Column,
    Null,
    Rows,
    alternatives_of,
    is_untyped,
)

POINTLESS = ("Interval", None)
"""The kind of an interval whose bounds are both null in every row."""
PLAIN = frozenset(
    {
        "Boolean",
        "Integer",
        "Long",
        "Decimal",
        "String",
        "Date",
        "DateTime",
        "Time",
        "Code",
        "Concept",
        "Quantity",
    }
)
"""Kinds of values that operators take from one column, wherever in a record they come from."""


def choice_of(columns: Iterable[Column], rows: int) -> Column:
    """One column of what may be of several types, each type once; columns that are null in every row are left out."""
    kept: dict[Hashable, Column] = {}
    for number, column in enumerate(column for column in columns if not column.nulls().all()):
        key = column.join_key() if column.kind in PLAIN else number
        known = kept.get(key)
        kept[key] = column if known is None else _either(known, column)
    if not kept:
        return Null(rows)
    return next(iter(kept.values())) if len(kept) == 1 else Choice(list(kept.values()))


def concat(columns: Sequence[Column]) -> Column:
    """The columns one after the other; a choice where their kinds differ."""
    columns = [column for column in columns if len(column)] or list(columns[:1])
    if len(columns) == 1:
        return columns[0]
    keys = {part.join_key() for column in columns for part in alternatives_of(column) if not is_untyped(part)}
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
    pieces = [part for part in alternatives_of(column) if not is_untyped(part) and part.join_key() in wanted]
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = _either(merged, piece)
    return merged


def _either(first: Column, second: Column) -> Column:
    """The first's value, or else the second's, of two columns of one kind."""
    rows = np.arange(len(first))
    return first.join([second]).take(np.where(first.nulls(), rows + len(first), rows))


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
