"""Values: literals, codes, tuples, instances, parameters and the parts of things."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

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
    Long,
    Null,
    Quantity,
    Ratio,
    Record,
    Text,
    choice_of,
    concat,
    merge,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.fhir_model import SYSTEM_TYPE
from pipelines.measures.elm.moments import Moment, date_from, moments
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.records import Elements
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.spans import greatest, least

RECORDS = {"Quantity": Quantity, "Code": Code, "Concept": Concept, "Ratio": Ratio}


@operation("Literal")
def literal(run: Run, node: Node, frame: Frame) -> Column:
    text, rows = node["value"], frame.rows
    readers = {
        "Boolean": lambda: Bool(np.full(rows, text.lower() == "true")),
        "Integer": lambda: Int(np.full(rows, int(text)), np.ones(rows, bool)),
        "Long": lambda: Long(np.full(rows, int(text)), np.ones(rows, bool)),
        "Decimal": lambda: Dec(np.full(rows, float(text))),
        "String": lambda: Text(np.full(rows, run.texts.number(text))),
        "Date": lambda: moments([text.removeprefix("@")] * rows, "Date"),
        "DateTime": lambda: moments([text.removeprefix("@")] * rows, "DateTime"),
        "Time": lambda: moments([text.removeprefix("@")] * rows, "Time"),
    }
    return readers[node["of"]]()


@operation("Null")
def null(run: Run, node: Node, frame: Frame) -> Null:
    return Null(frame.rows)


@operation("Row")
def row(run: Run, node: Node, frame: Frame) -> Column:
    return frame.names[node["row"]]


@operation("Quantity")
def quantity(run: Run, node: Node, frame: Frame) -> Quantity:
    unit = Text(np.full(frame.rows, run.texts.number(node["unit"])))
    return Quantity(
        {"value": Dec(np.full(frame.rows, node["value"])), "unit": unit}, np.ones(frame.rows, bool)
    )


@operation("Ratio")
def ratio(run: Run, node: Node, frame: Frame) -> Ratio:
    parts = dict(zip(node["roles"], run.args(node, frame), strict=True))
    return Ratio(parts, np.ones(frame.rows, bool))


@operation("Code")
def code(run: Run, node: Node, frame: Frame) -> Code:
    text = lambda value: Text(np.full(frame.rows, run.texts.number(value)))  # noqa: E731
    parts = {name: text(node.get(name)) for name in ("code", "system", "display")}
    return Code(parts, np.ones(frame.rows, bool))


@operation("Concept")
def concept(run: Run, node: Node, frame: Frame) -> Concept:
    codes = interleave(run.args(node, frame), frame.rows)
    display = Text(np.full(frame.rows, run.texts.number(node.get("display"))))
    return Concept({"codes": codes, "display": display}, np.ones(frame.rows, bool))


def interleave(columns: list[Column], rows: int) -> Listing:
    """A list per row of the columns' values."""
    count = len(columns)
    order = (np.arange(rows)[:, None] + np.arange(count)[None, :] * rows).ravel()
    items = concat(columns).take(order) if count else Null(0)
    return Listing(np.arange(rows + 1) * count, items)


@operation("List")
def listing(run: Run, node: Node, frame: Frame) -> Listing:
    return interleave(run.args(node, frame), frame.rows)


@operation("Tuple")
def tuple_(run: Run, node: Node, frame: Frame) -> Record:
    parts = dict(zip(node["names"], run.args(node, frame), strict=True))
    return Record(parts, np.ones(frame.rows, bool))


@operation("Instance")
def instance(run: Run, node: Node, frame: Frame) -> Column:
    """A value of a system type; FHIR's types as the system's, where they are converted to these, else as tuples."""
    parts = dict(zip(node["names"], run.args(node, frame), strict=True))
    kind = node["of"]
    if kind in RECORDS:
        return RECORDS[kind](parts, np.ones(frame.rows, bool))
    if kind == "Interval":
        return Interval(parts, np.ones(frame.rows, bool))
    name = kind.removeprefix("fhir:")
    if name in SYSTEM_TYPE and "value" in parts:
        return parts["value"]
    made = MADE.get(name) if name != kind else None
    if made is None:
        return Record(parts, np.ones(frame.rows, bool))
    return made(lambda name: system(parts.get(name, Null(frame.rows))), parts)


Part = Callable[[str], Column]


def _made_quantity(part: Part, parts: Mapping[str, Column]) -> Column:
    unit = merge(part("code"), part("unit"))
    return Quantity({**parts, "value": part("value"), "unit": unit}, ~part("value").nulls())


def _made_code(part: Part, parts: Mapping[str, Column]) -> Column:
    names = ("code", "system", "version", "display")
    return Code({name: part(name) for name in names}, ~part("code").nulls())


def _made_concept(part: Part, parts: Mapping[str, Column]) -> Column:
    codes, text = part("coding"), part("text")
    return Concept({**parts, "codes": codes, "display": text}, ~codes.nulls() | ~text.nulls())


def _made_period(part: Part, parts: Mapping[str, Column]) -> Column:
    low, high = part("start"), part("end")
    shut = np.ones(len(low), bool)
    made = Interval.between(low, high, ~low.nulls(), shut, shut)
    return Interval({**parts, **made.parts}, made.known)


MADE = {
    **dict.fromkeys(("Quantity", "Age", "Duration", "Count", "Distance"), _made_quantity),
    "Coding": _made_code,
    "CodeableConcept": _made_concept,
    "Period": _made_period,
}
"""FHIR's types that logic makes itself. The parts that were given stay in reach by their names."""


@operation("Parameter")
def parameter(run: Run, node: Node, frame: Frame) -> Column:
    given = run.parameters.get(node["name"])
    if given is None:
        return run.value(node.args[0], frame) if node.args else Null(frame.rows)
    taken = given.take(np.zeros(frame.rows, np.int64))
    if node.get("of") == "Interval<Date>" and isinstance(taken, Interval):
        parts = {
            name: date_from(part) if isinstance(part, Moment) else part for name, part in taken.parts.items()
        }
        return Interval(parts, taken.known)
    return taken


@operation("Property")
def property_(run: Run, node: Node, frame: Frame) -> Column:
    return part_of(run.value(node.args[0], frame), node["path"])


def part_of(column: Column, path: str) -> Column:
    """A part by name; of a list, the parts of its items; `value` of a system value is the value itself."""
    if isinstance(column, Elements | Record):
        return column.part(path)
    if isinstance(column, Choice):
        return choice_of([part_of(part, path) for part in column.alternatives], len(column))
    if isinstance(column, Listing):
        inner = part_of(column.items, path)
        if isinstance(inner, Listing):
            return Listing(inner.offsets[column.offsets], inner.items, column.known)
        return Listing(column.offsets, inner, column.known)
    if path == "value" and not isinstance(column, Null):
        return column
    return Null(len(column))


@operation("MinValue", "MaxValue")
def extreme_value(run: Run, node: Node, frame: Frame) -> Column:
    kind = node["valueType"].rsplit("}", 1)[-1]
    like: dict[str, Column] = {
        "Integer": Int(np.zeros(frame.rows), np.ones(frame.rows, bool)),
        "Long": Long(np.zeros(frame.rows), np.ones(frame.rows, bool)),
        "Decimal": Dec(np.zeros(frame.rows)),
        "Quantity": Quantity({"value": Dec(np.zeros(frame.rows))}, np.ones(frame.rows, bool)),
        "Time": moments(["12:00"] * frame.rows, "Time"),
        "Date": moments(["2000-01-01"] * frame.rows, "Date"),
        "DateTime": moments(["2000-01-01"] * frame.rows, "DateTime"),
    }
    example = like.get(kind, Null(frame.rows))
    return least(example) if node.op == "MinValue" else greatest(example)
