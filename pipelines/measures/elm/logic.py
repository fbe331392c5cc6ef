"""Logic, comparison and conditions, in three values."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Bool, Choice, Column, Listing, Null, Text, merge, scatter
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.spans import both, either, less, less_or_equal, negate


def truth(column: Column) -> Bool:
    """The column as three-valued truth; what is no Boolean is null."""
    column = system(column)
    if isinstance(column, Choice):
        column = next((part for part in column.alternatives if isinstance(part, Bool)), Null(len(column)))
    return column if isinstance(column, Bool) else Bool(np.full(len(column), -1, np.int8))


@operation("And", "Or")
def and_or(run: Run, node: Node, frame: Frame) -> Bool:
    join, decided = (both, 0) if node.op == "And" else (either, 1)
    result = truth(run.value(node.args[0], frame))
    for arg in node.args[1:]:
        if len(result) and (result.values == decided).all():
            break
        result = join(result, truth(run.value(arg, frame)))
    return result


@operation("Xor")
def xor(run: Run, node: Node, frame: Frame) -> Bool:
    first, second = (truth(column).values for column in run.args(node, frame))
    return Bool.of(first != second, (first >= 0) & (second >= 0))


@operation("Implies")
def implies(run: Run, node: Node, frame: Frame) -> Bool:
    first, second = (truth(column) for column in run.args(node, frame))
    return either(negate(first), second)


@operation("Not")
def not_(run: Run, node: Node, frame: Frame) -> Bool:
    return negate(truth(run.value(node.args[0], frame)))


@operation("IsNull")
def is_null(run: Run, node: Node, frame: Frame) -> Bool:
    return Bool.of(run.value(node.args[0], frame).nulls())


@operation("IsTrue", "IsFalse")
def is_true(run: Run, node: Node, frame: Frame) -> Bool:
    wanted = 1 if node.op == "IsTrue" else 0
    return Bool.of(truth(run.value(node.args[0], frame)).values == wanted)


@operation("Coalesce")
def coalesce(run: Run, node: Node, frame: Frame) -> Column:
    result = run.value(node.args[0], frame)
    if len(node.args) == 1 and isinstance(result, Listing):
        present = np.flatnonzero(~result.items.nulls())
        owners = result.owners()[present]
        rows, first = np.unique(owners, return_index=True)
        return scatter([(rows, result.items.take(present[first]))], frame.rows)
    for arg in node.args[1:]:
        if not result.nulls().any():
            break
        result = merge(result, run.value(arg, frame))
    return result


@operation("Equal", "NotEqual")
def equal(run: Run, node: Node, frame: Frame) -> Bool:
    first, second = (system(column) for column in run.args(node, frame))
    result = run.equality.equal(first, second)
    return result if node.op == "Equal" else negate(result)


@operation("Equivalent")
def equivalent(run: Run, node: Node, frame: Frame) -> Bool:
    first, second = (system(column) for column in run.args(node, frame))
    return run.equality.equivalent(first, second)


@operation("Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def compare(run: Run, node: Node, frame: Frame) -> Bool:
    first, second = (system(column) for column in run.args(node, frame))
    if node.op.startswith("Greater"):
        first, second = second, first
    return run.comparer.compare(first, second, less_or_equal if node.op.endswith("OrEqual") else less)


@operation("Case")
def case(run: Run, node: Node, frame: Frame) -> Column:
    """Each branch is evaluated for the rows that reach it, so that its errors stay its own."""
    start = 1 if node["comparand"] else 0
    left = np.arange(frame.rows)
    parts: list[tuple[np.ndarray, Column]] = []
    for at in range(start, len(node.args) - 1, 2):
        if not len(left) and frame.rows:
            break
        inside = _guarded(frame, left)
        chosen = _chosen(run, node, at, inside)
        if chosen.any():
            taken = left[chosen]
            parts.append((taken, run.value(node.args[at + 1], _guarded(frame, taken))))
            left = left[~chosen]
    if len(left):
        parts.append((left, run.value(node.args[-1], _guarded(frame, left))))
    return scatter(parts, frame.rows)


def _chosen(run: Run, node: Node, at: int, frame: Frame) -> np.ndarray:
    if not node["comparand"]:
        return truth(run.value(node.args[at], frame)).values == 1
    comparand, wanted = (system(run.value(arg, frame)) for arg in (node.args[0], node.args[at]))
    return run.equality.equal(comparand, wanted).values == 1


def _guarded(frame: Frame, rows: np.ndarray) -> Frame:
    if len(rows) == frame.rows:
        return frame
    return Frame(len(rows), frame, rows, guarded=True)


@operation("Message")
def message(run: Run, node: Node, frame: Frame) -> Column:
    """The source, unless it is an error: then null, and the patient is not evaluable."""
    values = dict(zip(node["roles"], run.args(node, frame), strict=True))
    source = values.get("source", Null(frame.rows))
    condition = truth(values["condition"]).values == 1 if "condition" in values else np.ones(frame.rows, bool)
    condition &= _is_error(run, values, frame.rows)
    if not condition.any():
        return source
    text = system(values.get("message", Null(frame.rows)))
    words = [run.texts.string(int(one)) for one in text.values[condition]] if isinstance(text, Text) else []
    run.fail(node, frame, condition, next((one for one in words if one), "the logic raised an error"))
    return source.take(np.where(condition, -1, np.arange(frame.rows)))


def _is_error(run: Run, values: dict[str, Column], rows: int) -> np.ndarray:
    severity = system(values.get("severity", Null(rows)))
    if not isinstance(severity, Text):
        return np.zeros(rows, bool)
    return run.texts.mapped(severity.values, str.lower) == run.texts.number("error")


@operation("Unsupported")
def unsupported(run: Run, node: Node, frame: Frame) -> Column:
    run.fail(node, frame, np.ones(frame.rows, bool), f"not supported: {node['what']}")
    return Null(frame.rows)
