"""Intervals: construction, bounds, and how points and intervals lie to one another, at a precision if one is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.measures.elm.arithmetic import arithmetic_of
from pipelines.measures.elm.columns import (
    Bool,
    Column,
    Dec,
    Int,
    Interval,
    Listing,
    Null,
    Quantity,
    alternatives_of,
    choice_of,
    scatter,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.logic import truth
from pipelines.measures.elm.membership import list_relation
from pipelines.measures.elm.moments import Moment, next_at
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.spans import (
    Comparer,
    both,
    either,
    end_of,
    from_unknown,
    less,
    less_or_equal,
    negate,
    same,
    smallest_step,
    start_of,
    successor,
    to_unknown,
    unknown,
)


@operation("Interval")
def interval(run: Run, node: Node, frame: Frame) -> Interval:
    parts = dict(zip(node["roles"], run.args(node, frame), strict=True))
    rows = frame.rows
    low, high = (system(parts.get(bound, Null(rows))) for bound in ("low", "high"))
    closed = {}
    for bound in ("low", "high"):
        given = parts.get(f"{bound}ClosedExpression")
        flag = (
            truth(given).values == 1
            if given is not None
            else np.full(rows, bool(node.get(f"{bound}Closed", True)))
        )
        closed[bound] = flag
    if isinstance(low, Null) and isinstance(high, Null):
        return Interval.between(low, high, closed["low"], closed["high"], np.zeros(rows, bool))
    return Interval.between(low, high, closed["low"], closed["high"], np.ones(rows, bool))


@operation("Start", "End")
def bound(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    take = start_of if node.op == "Start" else end_of
    found = [take(part) for part in alternatives_of(column) if isinstance(part, Interval)]
    return choice_of(found, frame.rows) if len(found) != 1 else found[0]


@operation("PointFrom")
def point_from(run: Run, node: Node, frame: Frame) -> Column:
    """The only point of an interval; more than one is an error."""
    column = system(run.value(node.args[0], frame))
    if not isinstance(column, Interval):
        return Null(frame.rows)
    start = start_of(column)
    wider = run.equality.equal(start, end_of(column)).values != 1
    run.fail(node, frame, wider & column.known, "an interval that should be one point is wider")
    return start.take(np.where(wider, -1, np.arange(frame.rows)))


@operation("Width", "Size")
def width(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    if not isinstance(column, Interval):
        return Null(frame.rows)
    first, last = start_of(column), end_of(column)
    for bound in (first, last):
        if isinstance(bound, Moment):
            run.fail(node, frame, column.known, f"{node.op.lower()} of an interval of dates is not defined")
            return Null(frame.rows)
    wide = arithmetic_of(run, "Subtract", last, first)
    if node.op == "Width" or not isinstance(wide, Int | Dec | Quantity):
        return wide
    return arithmetic_of(run, "Add", wide, smallest_step(wide))


class Ends:
    """The first and last points of a column of intervals or points.

    An unknown end lies somewhere between the known start and the end of time, and so the other way round.
    """

    def __init__(self, column: Column):
        self.interval = column if isinstance(column, Interval) else None
        self.missing = column.nulls()
        self.start = self.end = column
        if self.interval is not None:
            start, end = start_of(self.interval), end_of(self.interval)
            self.start, self.end = from_unknown(start, end), to_unknown(start, end)

    def shut(self, flag: str) -> np.ndarray:
        """Where the interval is closed on that side."""
        closed = self.interval.part(flag) if self.interval is not None else None
        return closed.values == 1 if isinstance(closed, Bool) else np.ones(len(self.missing), bool)


@dataclass(frozen=True)
class AtPrecision:
    """Compares at a precision, if one is given."""

    comparer: Comparer
    precision: str | None = None

    def __call__(self, first: Column, second: Column, rule) -> Bool:
        return self.comparer.compare(first, second, rule, self.precision)


Relation = Callable[[Callable, Ends, Ends], Bool]


def _le(compare, first, second) -> Bool:
    return compare(first, second, less_or_equal)


def _lt(compare, first, second) -> Bool:
    return compare(first, second, less)


def _eq(compare, first, second) -> Bool:
    return compare(first, second, same)


def _within(compare, inner: Ends, outer: Ends) -> Bool:
    return both(_le(compare, outer.start, inner.start), _le(compare, inner.end, outer.end))


def _in(compare, item: Ends, container: Ends) -> Bool:
    """A point against an open bound is compared with the bound itself, so that a precision leaves it outside."""
    if item.interval is not None or container.interval is None:
        return _within(compare, item, container)
    low, high = container.interval.part("low"), container.interval.part("high")
    closed_low, closed_high = container.shut("lowClosed"), container.shut("highClosed")
    after = _either_side(closed_low, _le(compare, container.start, item.start), _lt(compare, low, item.start))
    before = _either_side(closed_high, _le(compare, item.end, container.end), _lt(compare, item.end, high))
    return both(after, before)


def _either_side(closed: np.ndarray, shut: Bool, open_: Bool) -> Bool:
    return Bool(np.where(closed, shut.values, open_.values))


def _overlaps(compare, first: Ends, second: Ends) -> Bool:
    return both(_le(compare, first.start, second.end), _le(compare, second.start, first.end))


def _same(compare, first: Ends, second: Ends) -> Bool:
    return both(_eq(compare, first.start, second.start), _eq(compare, first.end, second.end))


def _properly_within(compare, inner: Ends, outer: Ends) -> Bool:
    wider = either(_lt(compare, outer.start, inner.start), _lt(compare, inner.end, outer.end))
    return both(_within(compare, inner, outer), wider)


def _properly_in(compare, inner: Ends, outer: Ends) -> Bool:
    """A point properly in an interval is neither of its ends."""
    if inner.interval is not None:
        return _properly_within(compare, inner, outer)
    return both(_lt(compare, outer.start, inner.start), _lt(compare, inner.end, outer.end))


def _meets_before(compare, first: Ends, second: Ends) -> Bool:
    """The second begins right after the first: one step of the precision later, if one is asked for."""
    step = getattr(compare, "precision", None)
    after = next_at(first.end, step) if step and isinstance(first.end, Moment) else successor(first.end)
    return _eq(compare, after, second.start)


RELATIONS: dict[str, Relation] = {
    "Before": lambda c, a, b: _lt(c, a.end, b.start),
    "After": lambda c, a, b: _lt(c, b.end, a.start),
    "SameAs": _same,
    "SameOrBefore": lambda c, a, b: _le(c, a.end, b.start),
    "SameOrAfter": lambda c, a, b: _le(c, b.end, a.start),
    "In": _in,
    "IncludedIn": _within,
    "During": _within,
    "Contains": lambda c, a, b: _in(c, b, a),
    "Includes": lambda c, a, b: _within(c, b, a),
    "ProperIn": _properly_in,
    "ProperIncludedIn": _properly_in,
    "ProperContains": lambda c, a, b: _properly_in(c, b, a),
    "ProperIncludes": lambda c, a, b: _properly_in(c, b, a),
    "Overlaps": _overlaps,
    "OverlapsBefore": lambda c, a, b: both(_lt(c, a.start, b.start), _overlaps(c, a, b)),
    "OverlapsAfter": lambda c, a, b: both(_lt(c, b.end, a.end), _overlaps(c, a, b)),
    "Starts": lambda c, a, b: both(_eq(c, a.start, b.start), _le(c, a.end, b.end)),
    "Ends": lambda c, a, b: both(_eq(c, a.end, b.end), _le(c, b.start, a.start)),
    "Meets": lambda c, a, b: either(_meets_before(c, a, b), _meets_before(c, b, a)),
    "MeetsBefore": _meets_before,
    "MeetsAfter": lambda c, a, b: _meets_before(c, b, a),
}
FALSE_FOR_NULL = {"In": 1, "Contains": 0, "ProperIn": 1, "ProperContains": 0}
"""Where the container is null, membership of something is false, not null; which operand it is."""


@operation(*RELATIONS)
def relation(run: Run, node: Node, frame: Frame) -> Bool:
    first, second = (system(column) for column in run.args(node, frame)[:2])
    if isinstance(first, Listing) or isinstance(second, Listing):
        return list_relation(run, node.op, first, second)
    result = unknown(frame.rows)
    compare = AtPrecision(run.comparer, node.get("precision"))
    for left in alternatives_of(first):
        for right in alternatives_of(second):
            one, two = Ends(left), Ends(right)
            missing = one.missing | two.missing
            values = np.where(missing, -1, RELATIONS[node.op](compare, one, two).values)
            result = Bool(np.where(result.values == -1, values, result.values))
    container = FALSE_FOR_NULL.get(node.op)
    if container is not None:
        absent = (first, second)[container].nulls() & ~(first, second)[1 - container].nulls()
        result = Bool(np.where(absent, 0, result.values))
    return result


def combine(run: Run, name: str, first: Interval, second: Interval) -> Column:
    """`union`, `intersect` or `except` of intervals; null when the result is no one interval."""
    one, two = Ends(first), Ends(second)
    compare = run.comparer.compare
    overlap = _overlaps(compare, one, two).values == 1
    first_low = _le(compare, one.start, two.start).values == 1
    first_high = _le(compare, two.end, one.end).values == 1
    rows = np.arange(len(first))
    if name == "Union":
        joined = overlap | (RELATIONS["Meets"](compare, one, two).values == 1)
        return _pieced(first, second, first_low, first_high, joined)
    if name == "Intersect":
        return _intersected(run, first, second, overlap)
    before, after = _le(compare, two.start, one.start).values == 0, _le(compare, one.end, two.end).values == 0
    apart = negate(_overlaps(compare, one, two)).values == 1
    shut = np.ones(len(first), bool)
    head = Interval.between(one.start, successor(two.start, -1), shut, shut, shut)
    tail = Interval.between(successor(two.end), one.end, shut, shut, shut)
    return scatter(
        [
            (rows[apart], first.take(rows[apart])),
            (rows[~apart & before & ~after], head.take(rows[~apart & before & ~after])),
            (rows[~apart & after & ~before], tail.take(rows[~apart & after & ~before])),
        ],
        len(first),
    )


def _intersected(run: Run, first: Interval, second: Interval, overlap: np.ndarray) -> Interval:
    """From the later start to the earlier end; a bound of which that is not known is open and null."""
    one, two = Ends(first), Ends(second)
    later = _le(run.comparer.compare, one.start, two.start).values
    earlier = _le(run.comparer.compare, one.end, two.end).values
    found = _pieced(first, second, later != 1, earlier == 1, overlap)
    for bound, order in (("low", later), ("high", earlier)):
        unknown_rows = (order == -1) & found.known
        if unknown_rows.any():
            rows = np.where(unknown_rows, -1, np.arange(len(found)))
            found.parts[bound] = found.part(bound).take(rows)
            shut = found.part(f"{bound}Closed").values
            found.parts[f"{bound}Closed"] = Bool(np.where(unknown_rows, 0, shut))
    return found


def _pieced(first: Interval, second: Interval, low_first, high_first, known) -> Interval:
    rows = np.arange(len(first))
    together = first.join([second])
    low = together.take(np.where(low_first, rows, rows + len(first)))
    high = together.take(np.where(high_first, rows, rows + len(first)))
    parts = {name: (low if name.startswith("low") else high).part(name) for name in first.parts}
    return Interval(parts, first.known & second.known & known)
