"""`convert … to …`, and: can it be converted?"""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.arithmetic import convert_quantity
from pipelines.measures.elm.columns import Bool, Column, Null, Text, alternatives_of
from pipelines.measures.elm.conversions import operator_to_concept, system
from pipelines.measures.elm.dates import convert_moment
from pipelines.measures.elm.moments import moments
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Operation, Run, operation
from pipelines.measures.elm.spelling import (
    to_boolean,
    to_decimal,
    to_integer,
    to_long,
    to_quantity,
    to_ratio,
    to_string,
)


@operation("ToTime")
def to_time(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    for part in alternatives_of(column):
        if isinstance(part, Text):
            return moments([run.texts.string(int(number)) for number in part.values], "Time")
    return column if column.kind == "Time" else Null(frame.rows)


def _moment(name: str) -> Operation:
    """`ToDate` or `ToDateTime` of the node's operand."""
    return lambda run, node, frame: convert_moment(
        run, Node(node.number, name, node.args, {}, node.place), frame
    )


CONVERSION: dict[str, Operation] = {
    "Boolean": to_boolean,
    "Date": _moment("ToDate"),
    "DateTime": _moment("ToDateTime"),
    "Decimal": to_decimal,
    "Integer": to_integer,
    "Long": to_long,
    "Quantity": to_quantity,
    "Ratio": to_ratio,
    "String": to_string,
    "Time": to_time,
}


@operation("Convert")
def convert(run: Run, node: Node, frame: Frame) -> Column:
    """The value as it is where the type is one that it needs no conversion to."""
    if node["of"] == "Concept":
        return operator_to_concept(run, node, frame)
    change = CONVERSION.get(node["of"])
    return change(run, node, frame) if change else run.value(node.args[0], frame)


@operation(*(f"ConvertsTo{name}" for name in CONVERSION))
def converts_to(run: Run, node: Node, frame: Frame) -> Bool:
    """Null for null."""
    converted = CONVERSION[node.op.removeprefix("ConvertsTo")](run, node, frame)
    return _given(run, node, frame, ~converted.nulls())


@operation("CanConvert")
def can_convert(run: Run, node: Node, frame: Frame) -> Bool:
    conversion = CONVERSION.get(node["of"])
    possible = ~conversion(run, node, frame).nulls() if conversion else np.zeros(frame.rows, bool)
    return _given(run, node, frame, possible)


@operation("CanConvertQuantity")
def can_convert_quantity(run: Run, node: Node, frame: Frame) -> Bool:
    return _given(run, node, frame, ~convert_quantity(run, node, frame).nulls())


def _given(run: Run, node: Node, frame: Frame, possible: np.ndarray) -> Bool:
    return Bool.of(possible, ~run.value(node.args[0], frame).nulls())
