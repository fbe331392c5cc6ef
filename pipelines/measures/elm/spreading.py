"""Collapse and expand: intervals joined where they overlap or meet, and taken apart into steps."""

from __future__ import annotations

from collections.abc import Iterator

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
    concat,
    offsets_of,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.lists import distinct_items
from pipelines.measures.elm.moments import (
    MILLISECOND,
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

MOST_STEPS = 1_000_000
"""More steps of one interval than this (eleven days by the second) are a mistake in the logic, not a result."""


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
    gap = _reach(run, values[1].take(owners) if len(values) > 1 else Null(len(owners)), items)
    return _collapsed(owners, starts, ends, items, gap, frame.rows, column.known)


def _reach(run: Run, per: Column, items: Interval) -> np.ndarray:
    """How far each interval may begin after the end of another and still meet it."""
    point = items.part("low")
    moment = isinstance(point, Moment)
    step = (86_400_000 if point.kind == "Date" else 1) if moment else 1 if isinstance(point, Int) else 1e-8
    if not isinstance(per, Quantity):
        return np.full(len(items), step)
    width = np.nan_to_num(run.comparer.canonical(per)[0]) * (1000 if moment else 1)
    return np.where(per.nulls(), step, np.maximum(step, width))


def _collapsed(
    owners, starts, ends, items: Interval, gap: np.ndarray, rows: int, known: np.ndarray
) -> Listing:
    first_of, last_of = [], []
    reach = None
    for at in range(len(owners)):
        if at and owners[at] == owners[at - 1] and starts[at] <= reach + gap[at]:
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
    owners = column.owners()
    sources, made = [], []
    for rows, amount, word in _widths(run, column, per):
        steps, counts = _counted(column.items.take(rows), amount, word)
        many = counts > MOST_STEPS
        if many.any():
            run.fail(node, frame, np.isin(np.arange(frame.rows), owners[rows[many]]), "too many steps")
            counts[many] = 0
        source = np.repeat(np.arange(len(counts)), counts)
        lows, highs = steps.bounds(source, np.arange(len(source)) - offsets_of(counts)[source])
        shut = np.ones(len(source), bool)
        made.append(lows if single else Interval.between(lows, highs, shut, shut, shut))
        sources.append(rows[source])
    source = np.concatenate(sources)
    items = concat(made).take(np.argsort(source, kind="stable"))
    counts = np.bincount(owners[source], minlength=frame.rows)
    return distinct_items(run, Listing(offsets_of(counts), items, column.known))


def _widths(run: Run, column: Listing, per: Column) -> Iterator[tuple[np.ndarray, float, str]]:
    """Intervals that are taken apart in the same steps, with the steps' width and, of moments, its unit.

    Without a width it is one, of moments in the unit of the list's least precise bound.
    """
    items, owners = column.items, column.owners()
    amounts, units = np.ones(len(items)), np.full(len(items), -1)
    if isinstance(per, Quantity):
        widths = per.take(owners)
        amounts = np.where(widths.nulls(), 1.0, numbers(widths.part("value")))
        texts = widths.part("unit")
        units = np.where(widths.known, texts.values, -1) if isinstance(texts, Text) else units
    coarsest = _coarsest(column)[owners]
    keys = np.stack([amounts, units, coarsest])
    distinct, which = np.unique(keys, axis=1, return_inverse=True)
    for number, (amount, unit, precision) in enumerate(distinct.T):
        word = calendar_unit(run.texts.string(int(unit)) or "") if unit >= 0 else None
        otherwise = next(word for word, at in PRECISIONS.items() if at == precision)
        yield np.flatnonzero(which.reshape(-1) == number), float(amount), word or otherwise


def _coarsest(column: Listing) -> np.ndarray:
    """Of each list, how precise its least precise bound is."""
    result = np.full(len(column), MILLISECOND)
    for bound in (start_of(column.items), end_of(column.items)):
        if isinstance(bound, Moment):
            known = np.flatnonzero(bound.precision)
            np.minimum.at(result, column.owners()[known], bound.precision[known])
    return result


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


def _counted(items: Interval, amount: float, word: str) -> tuple[MomentSteps | NumberSteps, np.ndarray]:
    """The steps of each interval, and how many; none of one with an unknown bound."""
    first, last = start_of(items), end_of(items)
    if isinstance(first, Moment) and isinstance(last, Moment):
        steps: MomentSteps | NumberSteps = MomentSteps(first, last, int(amount), word)
    else:
        steps = NumberSteps(first, last, amount)
    unknown = items.part("low").nulls() | items.part("high").nulls()
    return steps, np.where(unknown, 0, steps.counts)
