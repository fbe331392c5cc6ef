"""Collapse and expand: intervals joined where they overlap or meet, and taken apart into steps."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.arithmetic import numbers, rounded
from pipelines.measures.elm.columns import (
    Column,
    Dec,
    Int,
    Interval,
    Listing,
    Null,
    Quantity,
    Text,
    offsets_of,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.lists import distinct_items
from pipelines.measures.elm.moments import (
    DAY,
    MS_PER,
    PRECISIONS,
    STEP,
    Moment,
    add_months,
    boundaries,
    floor_to,
    local,
)
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.spans import end_of, start_of
from pipelines.measures.elm.units import calendar_unit

MOST_STEPS = 5_000_000
"""More steps than this (a year by the millisecond) are a mistake in the logic, not a result."""


@operation("Collapse")
def collapse(run: Run, node: Node, frame: Frame) -> Column:
    """Intervals that overlap or meet (or are at most `per` apart) as one, in order of their starts."""
    values = [system(column) for column in run.args(node, frame)]
    column = values[0]
    if not isinstance(column, Listing) or not isinstance(column.items, Interval):
        return column
    kept = np.flatnonzero(column.items.known)
    owners = column.owners()[kept]
    items = column.items.take(kept)
    starts, ends = moment_or_number(run, start_of(items)), moment_or_number(run, end_of(items))
    order = np.lexsort((ends, starts, owners))
    owners, starts, ends, items = owners[order], starts[order], ends[order], items.take(order)
    gap = _reach(run, values[1] if len(values) > 1 else None, items)
    return _collapsed(owners, starts, ends, items, gap, frame.rows, column.known)


def _reach(run: Run, per: Column | None, items: Interval) -> float:
    """How far an interval may begin after the end of another and still meet it."""
    point = items.part("low")
    if isinstance(point, Moment):
        step = 86_400_000 if point.kind == "Date" else 1
        if isinstance(per, Quantity) and len(per) and per.known[0]:
            seconds, _ = run.comparer.canonical(per.take(np.array([0])))
            return max(step, float(seconds[0]) * 1000)
        return step
    step = 1 if isinstance(point, Int) else 1e-8
    if isinstance(per, Quantity) and len(per) and per.known[0]:
        return max(step, float(run.comparer.canonical(per.take(np.array([0])))[0][0]))
    return step


def _collapsed(owners, starts, ends, items: Interval, gap: float, rows: int, known: np.ndarray) -> Listing:
    first_of, last_of = [], []
    reach = None
    for at in range(len(owners)):
        if at and owners[at] == owners[at - 1] and starts[at] <= reach + gap:
            if ends[at] > reach:
                reach, last_of[-1] = ends[at], at
        else:
            first_of.append(at)
            last_of.append(at)
            reach = ends[at]
    first_rows, last_rows = np.array(first_of, np.int64), np.array(last_of, np.int64)
    low, high = items.take(first_rows), items.take(last_rows)
    parts = {name: (low if name.startswith("low") else high).part(name) for name in items.parts}
    merged = Interval(parts, np.ones(len(first_rows), bool))
    counts = np.bincount(owners[first_rows], minlength=rows) if len(first_rows) else np.zeros(rows, np.int64)
    return Listing(np.concatenate([[0], np.cumsum(counts)]), merged, known)


def moment_or_number(run: Run, column: Column) -> np.ndarray:
    """Values to sort and measure by; the least for null."""
    if isinstance(column, Moment):
        return np.where(column.precision == 0, np.iinfo(np.int64).min // 2, column.low)
    if isinstance(column, Quantity):
        return np.nan_to_num(run.comparer.canonical(column)[0], nan=-np.inf)
    if isinstance(column, Int):
        return np.where(column.known, column.values, np.iinfo(np.int64).min // 2)
    return np.nan_to_num(column.values, nan=-np.inf) if hasattr(column, "values") else np.zeros(len(column))


@operation("Expand")
def expand(run: Run, node: Node, frame: Frame) -> Column:
    """The steps of width `per` that lie wholly in the intervals: intervals, or points of a single interval."""
    values = [system(column) for column in run.args(node, frame)]
    column, per = values[0], values[1] if len(values) > 1 else Null(frame.rows)
    single = isinstance(column, Interval)
    if single:
        present = np.flatnonzero(column.known)
        offsets = np.concatenate([[0], np.cumsum(column.known)])
        column = Listing(offsets, column.take(present), column.known)
    if isinstance(column, Listing) and not len(column.items):
        return column
    if not isinstance(column, Listing) or not isinstance(column.items, Interval):
        return Null(frame.rows)
    steps = _steps(run, start_of(column.items), end_of(column.items), per)
    total = int(steps.counts.sum())
    if total > MOST_STEPS:
        run.fail(node, frame, np.ones(frame.rows, bool), f"expand would make {total} steps")
        return Null(frame.rows)
    source = np.repeat(np.arange(len(steps.counts)), steps.counts)
    place = np.arange(total) - np.repeat(offsets_of(steps.counts)[:-1], steps.counts)
    lows, highs = steps.bounds(source, place)
    shut = np.ones(total, bool)
    items = lows if single else Interval.between(lows, highs, shut, shut, shut)
    counts = np.bincount(column.owners()[source], minlength=frame.rows)
    return distinct_items(run, Listing(offsets_of(counts), items, column.known))


class MomentSteps:
    """Steps of whole calendar units; bounds that are more precise are cut to the unit."""

    def __init__(self, first: Moment, last: Moment, amount: int, word: str):
        self.first, self.amount, self.word = first, max(amount, 1), word
        self.precision = PRECISIONS[word]
        low = floor_to(local(first), self.precision)
        high = floor_to(local(last), self.precision)
        self.low = low
        if word in ("year", "month"):
            units = boundaries(low, high, word) + 1
        else:
            units = (high - low + int(STEP[self.precision])) // MS_PER[word]
        known = (first.precision >= self.precision) & (last.precision >= self.precision)
        self.counts = np.where(known & (units > 0), units // self.amount, 0)

    def bounds(self, source: np.ndarray, place: np.ndarray) -> tuple[Moment, Moment]:
        low = self.low[source]
        if self.word in ("year", "month"):
            months = 12 if self.word == "year" else 1
            starts = add_months(low, place * self.amount * months)
            ends = add_months(low, (place + 1) * self.amount * months - months)
        else:
            width = self.amount * MS_PER[self.word]
            starts = low + place * width
            ends = starts + width - int(STEP[self.precision])
        return self._moment(starts, source), self._moment(ends, source)

    def _moment(self, values: np.ndarray, source: np.ndarray) -> Moment:
        offset = self.first.offset[source]
        precision = np.full(len(source), self.precision, np.int8)
        return Moment(self.first.kind, values - offset * 60_000, precision, offset)


class NumberSteps:
    """Steps of a number, closed, as precise as their width is written: [1, 2], [3, 4] or [1.0, 1.4], [1.5, 1.9]."""

    def __init__(self, first: Column, last: Column, amount: float):
        self.first, self.amount = first, amount if amount > 0 else 1.0
        self.low = numbers(first.part("value") if isinstance(first, Quantity) else first)
        high = numbers(last.part("value") if isinstance(last, Quantity) else last)
        self.grain = 10.0 ** -len(f"{self.amount:.8f}".rstrip("0").partition(".")[2])
        room = high - self.low + self.grain
        self.counts = np.nan_to_num(np.floor(room / self.amount + 1e-9)).clip(0).astype(np.int64)

    def bounds(self, source: np.ndarray, place: np.ndarray) -> tuple[Column, Column]:
        starts = self.low[source] + place * self.amount
        ends = rounded(starts + self.amount - self.grain)
        return self._column(starts, source), self._column(ends, source)

    def _column(self, values: np.ndarray, source: np.ndarray) -> Column:
        if isinstance(self.first, Int):
            return Int(values.astype(np.int64), np.ones(len(values), bool))
        if isinstance(self.first, Quantity):
            taken = self.first.take(source)
            return Quantity({**taken.parts, "value": Dec(values)}, taken.known)
        return Dec(values)


def _steps(run: Run, first: Column, last: Column, per: Column) -> MomentSteps | NumberSteps:
    amount, unit = 1.0, None
    if isinstance(per, Quantity) and len(per) and per.known[0]:
        amount = float(numbers(per.part("value"))[0])
        texts = per.part("unit")
        unit = run.texts.string(int(texts.values[0])) if isinstance(texts, Text) else None
    if isinstance(first, Moment) and isinstance(last, Moment):
        finest = int(first.precision.max(initial=DAY))
        otherwise = next(word for word, at in PRECISIONS.items() if at == finest)
        return MomentSteps(first, last, int(amount), calendar_unit(unit or "") or otherwise)
    return NumberSteps(first, last, amount)
