"""Equality: `=` (may be null), `~` (never null), and identity numbers for distinct, union and membership."""

from __future__ import annotations

import re

import numpy as np
import orjson

from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Code,
    Column,
    Concept,
    Dec,
    Int,
    Interval,
    Listing,
    Null,
    Quantity,
    Ratio,
    Record,
    Text,
    alternatives_of,
    concat,
)
from pipelines.measures.elm.fhir_model import SYSTEM_TYPE, resource_types
from pipelines.measures.elm.moments import Moment
from pipelines.measures.elm.records import Elements
from pipelines.measures.elm.spans import Comparer, both, end_of, same, start_of, unknown


class Equality:
    """Compares whole columns for equality."""

    def __init__(self, comparer: Comparer):
        self.comparer, self.texts = comparer, comparer.texts

    def equal(self, first: Column, second: Column) -> Bool:
        """Null where either is null, or it cannot be known."""
        result = unknown(len(first))
        for left in alternatives_of(first):
            for right in alternatives_of(second):
                values = self._equal(left, right).values
                result = Bool(np.where(result.values == -1, values, result.values))
        return result

    def _equal(self, first: Column, second: Column) -> Bool:
        present = ~first.nulls() & ~second.nulls()
        if isinstance(first, Null) or isinstance(second, Null):
            return unknown(len(first))
        if isinstance(first, Bool) and isinstance(second, Bool):
            return Bool.of(first.values == second.values, present)
        if isinstance(first, Text) and isinstance(second, Text):
            return Bool.of(first.values == second.values, present)
        spans = self.comparer.spans(first, second)
        if spans is not None:
            return same(*spans)
        if isinstance(first, Interval) and isinstance(second, Interval):
            starts = self.equal(start_of(first), start_of(second))
            return both(starts, self.equal(end_of(first), end_of(second)))
        if type(first) is type(second) and isinstance(first, Record):
            return self._equal_records(first, second, present)
        if isinstance(first, Elements) and isinstance(second, Elements):
            left, right = self._together(first, second)
            return Bool.of(left == right, present)
        if isinstance(first, Listing) and isinstance(second, Listing):
            return self._equal_lists(first, second, present)
        return Bool.of(np.zeros(len(first), bool), present)

    def _equal_records(self, first: Record, second: Record, present: np.ndarray) -> Bool:
        values = np.ones(len(first), np.int8)
        for name in dict.fromkeys([*first.parts, *second.parts]):
            left, right = first.part(name), second.part(name)
            missing = left.nulls() & right.nulls()
            part = np.where(missing, 1, self.equal(left, right).values)
            values = both(Bool(values), Bool(part)).values
        return Bool(np.where(present, values, -1))

    def _equal_lists(self, first: Listing, second: Listing, present: np.ndarray) -> Bool:
        """Item by item; null where a pair of items cannot be told and none is different."""
        alike = np.flatnonzero(present & (first.counts == second.counts))
        left, right = first.take(alike), second.take(alike)
        pairs = np.where(
            left.items.nulls() & right.items.nulls(), 1, self.equal(left.items, right.items).values
        )
        owners, worst = left.owners(), np.ones(len(alike), np.int8)
        worst[owners[pairs == -1]] = -1
        worst[owners[pairs == 0]] = 0
        values = np.where(present, 0, -1).astype(np.int8)
        values[alike] = worst
        return Bool(values)

    def equivalent(self, first: Column, second: Column) -> Bool:
        """True or false, never null; two nulls are equivalent."""
        left_missing, right_missing = first.nulls(), second.nulls()
        result = left_missing & right_missing
        for left in alternatives_of(first):
            for right in alternatives_of(second):
                result = result | (self._equivalent(left, right) & ~left.nulls() & ~right.nulls())
        return Bool.of(result)

    def _equivalent(self, first: Column, second: Column) -> np.ndarray:
        if isinstance(first, Code | Concept) and isinstance(second, Code | Concept):
            return self.share_a_code(first, second)
        if isinstance(first, Text) and isinstance(second, Text):
            fold = lambda text: re.sub(r"\s", " ", text.lower())  # noqa: E731
            return self.texts.mapped(first.values, fold) == self.texts.mapped(second.values, fold)
        if isinstance(first, Ratio) and isinstance(second, Ratio):
            return self._same_proportion(first, second)
        if (
            isinstance(first, Record)
            and type(first) is type(second)
            and not isinstance(first, Quantity | Interval)
        ):
            result = np.ones(len(first), bool)
            for name in dict.fromkeys([*first.parts, *second.parts]):
                result &= self.equivalent(first.part(name), second.part(name)).values == 1
            return result
        return self._equal(first, second).values == 1

    def _same_proportion(self, first: Ratio, second: Ratio) -> np.ndarray:
        """1:2 and 2:4 are equivalent; they are not equal."""
        above, below = (self._canonical(one.part("numerator")) for one in (first, second))
        under, over = (self._canonical(one.part("denominator")) for one in (first, second))
        units = (above[1] == below[1]) & (under[1] == over[1])
        return units & np.isclose(above[0] * over[0], below[0] * under[0], rtol=1e-9, atol=0)

    def _canonical(self, part: Column) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(part, Quantity):
            return self.comparer.canonical(part)
        return np.full(len(part), np.nan), np.full(len(part), -1)

    def share_a_code(self, first: Column, second: Column) -> np.ndarray:
        """Rows in which both have a code of the same system in common."""
        (owners, keys), (other_owners, other_keys) = coded(first), coded(second)
        distinct, places = np.unique(np.concatenate([keys, other_keys]), return_inverse=True)
        left = owners * len(distinct) + places[: len(keys)]
        right = other_owners * len(distinct) + places[len(keys) :]
        result = np.zeros(len(first), bool)
        result[owners[np.isin(left, right)]] = True
        return result

    def _together(self, first: Column, second: Column) -> tuple[np.ndarray, np.ndarray]:
        numbers = self.identity(concat([first, second]))
        return numbers[: len(first)], numbers[len(first) :]

    def identity(self, column: Column) -> np.ndarray:
        """A number per row: equal values have the same; -1 for null."""
        numbers = self._identity(column)
        return np.where(column.nulls(), -1, numbers)

    def _identity(self, column: Column) -> np.ndarray:
        if isinstance(column, Null):
            return np.full(len(column), -1)
        if isinstance(column, Bool | Int | Text):
            return column.values.astype(np.int64)
        if isinstance(column, Dec):
            return _numbered(np.round(column.values, 8))
        if isinstance(column, Moment):
            return _rows_numbered([column.low, column.precision.astype(np.int64)])
        if isinstance(column, Elements):
            return self._element_identity(column)
        if isinstance(column, Quantity):
            values, kinds = self.comparer.canonical(column)
            return _rows_numbered([_numbered(np.round(values, 8)), kinds])
        if isinstance(column, Interval):
            return _rows_numbered([self.identity(start_of(column)), self.identity(end_of(column))])
        if isinstance(column, Record):
            return _rows_numbered([self.identity(part) for part in column.parts.values()])
        if isinstance(column, Listing):
            items = self.identity(column.items)
            ends = column.offsets
            keys = [items[ends[row] : ends[row + 1]].tobytes() for row in range(len(column))]
            return (
                np.unique(np.array(keys, object), return_inverse=True)[1] if keys else np.zeros(0, np.int64)
            )
        if isinstance(column, Choice):
            return _rows_numbered([self.identity(part) for part in column.alternatives])
        raise TypeError(type(column).__name__)

    def _element_identity(self, column: Elements) -> np.ndarray:
        kind = column.table.type_name
        if kind in resource_types():
            return column.rows
        if kind in SYSTEM_TYPE:
            return self.identity(column.part("value"))
        dumped = [
            orjson.dumps(column.table.value(row), option=orjson.OPT_SORT_KEYS) if row >= 0 else b""
            for row in column.rows.tolist()
        ]
        return self.texts.numbered(f"\0{text.decode()}" for text in dumped)


def coded(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """(row, key) of every code of a Code or Concept column; equal code and system, equal key."""
    if isinstance(column, Concept):
        codes = column.part("codes")
        if not isinstance(codes, Listing) or not isinstance(codes.items, Code):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        owners, inner = codes.owners(), codes.items
    else:
        owners, inner = np.arange(len(column)), column
    keys = code_keys(inner)
    kept = keys >= 0
    return owners[kept], keys[kept]


def code_keys(codes: Code) -> np.ndarray:
    """One number for code and system; -1 where there is no code."""
    code, system = (
        part.values if isinstance(part, Text) else np.full(len(codes), -1)
        for part in (codes.part("code"), codes.part("system"))
    )
    return np.where(codes.known & (code >= 0), key_of(code, system), -1)


def key_of(code, system):
    return code * (1 << 31) + system + 1


def _numbered(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1]


def _rows_numbered(columns: list[np.ndarray]) -> np.ndarray:
    if not columns:
        return np.zeros(0, np.int64)
    numbers = columns[0]
    for column in columns[1:]:
        left, right = _numbered(numbers), _numbered(column)
        numbers = left * (int(right.max(initial=0)) + 1) + right
    return numbers
