"""Spans: points as the range of values they may have, which makes every comparison three-valued by itself.

A date to the month is the span of its days; a number is a span of one value. Comparing at a precision cuts both ends
to the beginning of the year, month, day … first. What a comparison cannot decide is null, as CQL wants it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Column,
    Dec,
    Int,
    Interval,
    Long,
    Null,
    Quantity,
    Text,
    alternatives_of,
    whole,
)
from pipelines.measures.elm.moments import (
    DAY,
    EARLIEST,
    LATEST,
    MILLISECOND,
    PRECISIONS,
    SECOND,
    STEP,
    Moment,
    floor_to,
)
from pipelines.measures.elm.texts import Texts
from pipelines.measures.elm.units import unit_of

TINY = 1e-8
"""The step of a decimal: CQL decimals have eight places."""
HUGE = 1e20
"""The largest decimal: 28 digits, eight of them after the point."""
LAST_OF_DAY = 86_399_999


@dataclass
class Span:
    """`loose`: where the value is less precise than the comparison, so that equal bounds decide nothing.

    The unknown end of an interval is not loose, however wide: it may be any moment, each of them exact.
    """

    low: np.ndarray
    high: np.ndarray
    known: np.ndarray
    loose: np.ndarray | None = None


def less(first: Span, second: Span) -> Bool:
    known = first.known & second.known
    true = first.high < second.low
    false = first.low >= second.high
    loose = _loose(first, second)
    if loose is not None:
        false &= ~(loose & (first.low == second.high))
    return Bool.of(true, known & (true | false))


def less_or_equal(first: Span, second: Span) -> Bool:
    known = first.known & second.known
    true = first.high <= second.low
    loose = _loose(first, second)
    if loose is not None:
        true &= ~(loose & (first.high == second.low))
    return Bool.of(true, known & (true | (first.low > second.high)))


def _loose(first: Span, second: Span) -> np.ndarray | None:
    if first.loose is None or second.loose is None:
        return first.loose if second.loose is None else second.loose
    return first.loose | second.loose


def same(first: Span, second: Span) -> Bool:
    known = first.known & second.known
    certain = (first.low == first.high) & (second.low == second.high)
    true = certain & (first.low == second.low)
    apart = (first.high < second.low) | (second.high < first.low)
    return Bool.of(true, known & (true | apart))


def both(*conditions: Bool) -> Bool:
    """Three-valued and."""
    values = conditions[0].values
    for condition in conditions[1:]:
        false = (values == 0) | (condition.values == 0)
        values = np.where(false, 0, np.minimum(values, condition.values)).astype(np.int8)
    return Bool(values)


def either(*conditions: Bool) -> Bool:
    """Three-valued or."""
    values = conditions[0].values
    for condition in conditions[1:]:
        true = (values == 1) | (condition.values == 1)
        unknown = (values == -1) | (condition.values == -1)
        values = np.where(true, 1, np.where(unknown, -1, 0)).astype(np.int8)
    return Bool(values)


def negate(condition: Bool) -> Bool:
    return Bool(np.where(condition.values == -1, -1, 1 - condition.values))


def unknown(rows: int) -> Bool:
    return Bool(np.full(rows, -1, np.int8))


class Comparer:
    """Brings two columns to spans of the same measure. Units and texts need the run's `Texts`."""

    def __init__(self, texts: Texts):
        self.texts = texts

    def spans(self, first: Column, second: Column, precision: str | None = None) -> tuple[Span, Span] | None:
        """Both as spans; None when the two kinds cannot be compared."""
        if isinstance(first, Moment) and isinstance(second, Moment):
            return moment_spans(first, second, precision)
        if isinstance(first, Int | Dec) and isinstance(second, Int | Dec):
            return number_span(first), number_span(second)
        if isinstance(first, Quantity) and isinstance(second, Quantity):
            return self.quantity_spans(first, second)
        if isinstance(first, Quantity) and isinstance(second, Int | Dec):
            return self.quantity_spans(first, plain_quantity(second))
        if isinstance(first, Int | Dec) and isinstance(second, Quantity):
            return self.quantity_spans(plain_quantity(first), second)
        if isinstance(first, Text) and isinstance(second, Text):
            return self.text_spans(first, second)
        return None

    def quantity_spans(self, first: Quantity, second: Quantity) -> tuple[Span, Span]:
        (left, left_kind), (right, right_kind) = self.canonical(first), self.canonical(second)
        known = (left_kind == right_kind) & ~np.isnan(left) & ~np.isnan(right)
        return Span(left, left, known & first.known), Span(right, right, known & second.known)

    def canonical(self, quantity: Quantity) -> tuple[np.ndarray, np.ndarray]:
        """Values in canonical units, and a number per row for the dimension."""
        numbers, places = np.unique(_unit_numbers(quantity), return_inverse=True)
        units = [unit_of(self.texts.string(int(number)) or "1") for number in numbers]
        factors = np.array([unit.factor for unit in units], np.float64)[places]
        shifts = np.array([unit.offset for unit in units], np.float64)[places]
        kinds = np.array([self.texts.number(f"\0{unit.dimension}") for unit in units], np.int64)[places]
        values = quantity.part("value")
        amounts = (
            values.values.astype(np.float64)
            if isinstance(values, Int | Dec)
            else np.full(len(quantity), np.nan)
        )
        scaled = np.where(factors == 1.0, amounts, significant(amounts * factors))
        return scaled + shifts, kinds

    def text_spans(self, first: Text, second: Text) -> tuple[Span, Span]:
        numbers, places = np.unique(np.concatenate([first.values, second.values]), return_inverse=True)
        order = np.argsort(
            np.array([self.texts.string(int(number)) or "" for number in numbers], object), kind="stable"
        )
        ranks = np.empty(len(numbers), np.int64)
        ranks[order] = np.arange(len(numbers))
        left, right = ranks[places[: len(first)]], ranks[places[len(first) :]]
        return Span(left, left, first.values >= 0), Span(right, right, second.values >= 0)

    def compare(self, first: Column, second: Column, rule, precision: str | None = None) -> Bool:
        """`rule` on the spans of the alternatives that can be compared; null elsewhere."""
        result = unknown(len(first))
        for left in alternatives_of(first):
            for right in alternatives_of(second):
                found = self.spans(left, right, precision)
                if found is not None:
                    values = rule(*found).values
                    result = Bool(np.where(result.values == -1, values, result.values))
        return result


def significant(values: np.ndarray) -> np.ndarray:
    """Rounded to twelve significant digits, so that a conversion does not part equal amounts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where((values == 0) | np.isnan(values), 0, np.floor(np.log10(np.abs(values))))
    scale = np.power(10.0, 11 - size)
    return np.round(values * scale) / scale


def _unit_numbers(quantity: Quantity) -> np.ndarray:
    unit = quantity.part("unit")
    return unit.values if isinstance(unit, Text) else np.full(len(quantity), -1)


def plain_quantity(number: Int | Dec) -> Quantity:
    values = number if isinstance(number, Dec) else Dec(np.where(number.known, number.values, np.nan))
    return Quantity({"value": values, "unit": Text(np.full(len(number), -1))}, ~number.nulls())


def number_span(number: Int | Dec) -> Span:
    if isinstance(number, Int):
        high = number.values if number.high is None else number.high
        return Span(number.values.astype(np.float64), high.astype(np.float64), number.known)
    return Span(number.values, number.values, ~np.isnan(number.values))


def moment_spans(first: Moment, second: Moment, precision: str | None) -> tuple[Span, Span]:
    """Days and what is longer are compared as they were written; hours and what is shorter on one clock."""
    low, high = first.low, first.high
    other_low, other_high = second.low, second.high
    if precision:
        at = "week" if precision.lower() == "week" else PRECISIONS[precision.lower()]
        if at == "week" or at <= DAY:
            shift, other_shift = first.offset * 60_000, second.offset * 60_000
            low, high = low + shift, high + shift
            other_low, other_high = other_low + other_shift, other_high + other_shift
        low, high, other_low, other_high = (floor_to(one, at) for one in (low, high, other_low, other_high))
    else:
        alike = (first.precision == second.precision) & (first.precision < MILLISECOND)
        alike |= (first.kind == "Date") & (second.kind == "Date") & (first.precision == DAY)
        if alike.any():
            pair = alike & (first.precision == second.precision)
            high, other_high = np.where(pair, low, high), np.where(pair, other_low, other_high)
    return (
        Span(low, high, first.precision > 0, (low != high) & (first.precision < SECOND)),
        Span(
            other_low,
            other_high,
            second.precision > 0,
            (other_low != other_high) & (second.precision < SECOND),
        ),
    )


def least(column: Column) -> Column:
    """The smallest value of the column's type in every row."""
    return _extreme(column, EARLIEST, -HUGE)


def greatest(column: Column) -> Column:
    return _extreme(column, LATEST, HUGE)


def _extreme(column: Column, moment: int, number: float) -> Column:
    rows = len(column)
    if isinstance(column, Moment):
        precision = np.full(rows, DAY if column.kind == "Date" else MILLISECOND, np.int8)
        low = moment // 86_400_000 * 86_400_000 if column.kind == "Date" else moment
        if column.kind == "Time":
            low = 0 if number < 0 else LAST_OF_DAY
        return Moment(column.kind, np.full(rows, low, np.int64), precision)
    if isinstance(column, Int):
        bits = 63 if isinstance(column, Long) else 31
        edge = 2**bits - 1 if number > 0 else -(2**bits)
        return type(column)(np.full(rows, edge, np.int64), np.ones(rows, bool))
    if isinstance(column, Dec):
        return Dec(np.full(rows, number))
    if isinstance(column, Quantity):
        return Quantity(
            {"value": Dec(np.full(rows, number)), "unit": column.part("unit")}, np.ones(rows, bool)
        )
    return Null(rows)


def successor(column: Column, sign: int = 1) -> Column:
    """The next value of the type (the one before, with -1)."""
    if isinstance(column, Moment):
        step = np.where(column.precision >= DAY, STEP[column.precision], 1)
        coarse = (column.precision > 0) & (column.precision < DAY)
        low = column.low + sign * step
        low = np.where(coarse, column.high + 1 if sign > 0 else column.low - 1, low)
        if coarse.any():
            floors = np.where(column.precision == 1, floor_to(low, 1), floor_to(low, 2))
            low = np.where(coarse, floors, low)
        outside = (
            (low < 0) | (low > LAST_OF_DAY) if column.kind == "Time" else (low < EARLIEST) | (low > LATEST)
        )
        precision = np.where(outside, 0, column.precision).astype(np.int8)
        return Moment(column.kind, low, precision, column.offset)
    if isinstance(column, Int):
        if column.high is None:
            return whole(column.values + sign, column.known, column)
        return type(column)(column.values + sign, column.known, column.high + sign)
    if isinstance(column, Dec):
        return Dec(column.values + sign * TINY)
    if isinstance(column, Quantity):
        return Quantity({**column.parts, "value": successor(column.part("value"), sign)}, column.known)
    return column


def smallest_step(column: Column) -> Column:
    """What lies between a number and the next one of its type."""
    rows = len(column)
    if isinstance(column, Int):
        return type(column)(np.ones(rows, np.int64), np.ones(rows, bool))
    if isinstance(column, Quantity):
        return Quantity({**column.parts, "value": Dec(np.full(rows, TINY))}, column.known)
    return Dec(np.full(rows, TINY))


def start_of(interval: Interval) -> Column:
    """The first point: the least value for a closed null, null for an open one (it is unknown)."""
    return _end_of(interval, "low", "lowClosed", 1)


def end_of(interval: Interval) -> Column:
    return _end_of(interval, "high", "highClosed", -1)


def to_unknown(start: Column, end: Column) -> Column:
    """The end; where it is unknown, a value that may be anything from the start on."""
    return _unknown_as(end, start, greatest)


def from_unknown(start: Column, end: Column) -> Column:
    """The start; where it is unknown, a value that may be anything up to the end."""
    return _unknown_as(start, end, least)


def _unknown_as(point: Column, other: Column, edge) -> Column:
    """`point`, spread between `other` and the edge of its type in the rows where only `other` is known."""
    like = other if isinstance(point, Null) else point
    rows = point.nulls() & ~other.nulls()
    if not rows.any() or not isinstance(like, Moment | Int) or type(other) is not type(like):
        return point
    limit = edge(other)
    low, high = (other, limit) if edge is greatest else (limit, other)
    if isinstance(like, Int):
        spread: Column = type(like)(low.values, np.ones(len(rows), bool), high.values)
    else:
        exact = np.full(len(rows), MILLISECOND, np.int8)
        spread = Moment(other.kind, low.low, exact, other.offset, high.high)
    return _pick(rows, spread, spread.take(np.full(len(rows), -1)) if isinstance(point, Null) else point)


def _end_of(interval: Interval, bound: str, flag: str, sign: int) -> Column:
    point, closed = interval.part(bound), interval.part(flag)
    shut = closed.values == 1 if isinstance(closed, Bool) else np.zeros(len(interval), bool)
    if isinstance(point, Null):
        other = interval.part("high" if bound == "low" else "low")
        return _unbounded(other, shut, interval.known, sign)
    pieces = [_bounded(one, shut, interval.known, sign) for one in alternatives_of(point)]
    if len(pieces) == 1:
        missing = point.nulls() & shut & interval.known
        if missing.any():
            edge = least(pieces[0]) if sign > 0 else greatest(pieces[0])
            return _pick(missing, edge, pieces[0])
        return pieces[0]
    return Choice(pieces)


def _bounded(point: Column, shut: np.ndarray, known: np.ndarray, sign: int) -> Column:
    if not shut.all():
        point = _pick(shut, point, successor(point, sign))
    return point if known.all() else point.take(np.where(known, np.arange(len(point)), -1))


def _unbounded(like: Column, shut: np.ndarray, known: np.ndarray, sign: int) -> Column:
    like = alternatives_of(like)[0]
    edge = least(like) if sign > 0 else greatest(like)
    return edge.take(np.where(shut & known, np.arange(len(like)), -1))


def _pick(condition: np.ndarray, yes: Column, no: Column) -> Column:
    rows = np.arange(len(yes))
    return yes.join([no]).take(np.where(condition, rows, rows + len(yes)))
