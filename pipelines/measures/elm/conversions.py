"""Conversions: FHIR elements to CQL's system types, casts and type tests, text to values."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Code,
    Column,
    Concept,
    Dec,
    Interval,
    Listing,
    Null,
    Quantity,
    Ratio,
    Record,
    Text,
    alternatives_of,
    choice_of,
)
from pipelines.measures.elm.fhir_model import SYSTEM_TYPE, is_a
from pipelines.measures.elm.moments import Moment
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.records import Elements
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.type_names import inner, options
from pipelines.measures.elm.units import DURATION

UCUM = ("http://unitsofmeasure.org", "http://hl7.org/fhirpath/CodeSystem/calendar-units")


def system(column: Column) -> Column:
    """FHIR elements that have a system type as that; other columns as they are."""
    if isinstance(column, Elements):
        if column.table.type_name in SYSTEM_TYPE:
            return column.part("value")
        convert = CONVERSIONS.get(column.table.type_name)
        return convert(column) if convert else column
    if isinstance(column, Choice):
        return choice_of([system(part) for part in column.alternatives], len(column))
    if isinstance(column, Listing) and isinstance(column.items, Elements | Choice):
        return Listing(column.offsets, system(column.items), column.known)
    return column


def _value(column: Column, name: str, kind: type[Column]) -> Column:
    found = system(column.part(name))
    return found if isinstance(found, kind) else _nothing(kind, len(column))


def _nothing(kind: type[Column], rows: int) -> Column:
    return Dec(np.full(rows, np.nan)) if kind is Dec else Text(np.full(rows, -1))


def to_code(coding: Elements) -> Code:
    parts = {name: _value(coding, name, Text) for name in ("code", "system", "version", "display")}
    return Code(parts, ~coding.nulls())


def to_concept(concept: Elements) -> Concept:
    codings = concept.part("coding")
    rows = len(concept)
    if isinstance(codings, Listing) and isinstance(codings.items, Elements):
        codes: Column = Listing(codings.offsets, to_code(codings.items), codings.known)
    else:
        codes = Null(rows)
    return Concept({"codes": codes, "display": _value(concept, "text", Text)}, ~concept.nulls())


def to_quantity(quantity: Elements) -> Quantity:
    """Null without a value, with a comparator, or in a unit that is not UCUM's."""
    plain = quantity_of(quantity)
    readable = is_readable(quantity) & quantity.part("comparator").nulls()
    return Quantity(plain.parts, plain.known & readable)


def quantity_of(quantity: Elements) -> Quantity:
    """Value and unit, whatever the comparator says."""
    value = _value(quantity, "value", Dec)
    code, unit = _value(quantity, "code", Text), _value(quantity, "unit", Text)
    texts = quantity.table.texts
    numbers = np.where(code.values >= 0, code.values, unit.values)
    numbers = np.where(numbers >= 0, numbers, texts.number("1"))
    units = Text(texts.mapped(numbers, _unit_written))
    return Quantity({"value": value, "unit": units}, ~quantity.nulls() & ~np.isnan(value.values))


def _unit_written(text: str) -> str:
    """A calendar word for a unit of time; a zero is no unit, as UCUM's numbers begin with one."""
    return "1" if text and not text.strip("0") else DURATION.get(text, text)


def is_readable(quantity: Elements) -> np.ndarray:
    unit_system = _value(quantity, "system", Text).values
    known = [quantity.table.texts.number(one) for one in UCUM]
    return (unit_system < 0) | np.isin(unit_system, known)


def to_ratio(ratio: Elements) -> Ratio:
    parts = {name: system(ratio.part(name)) for name in ("numerator", "denominator")}
    return Ratio(parts, ~ratio.nulls())


def period_interval(period: Elements) -> Interval:
    """Open at an unknown start; closed (to the end of time) at an unknown end."""
    low, high = system(period.part("start")), system(period.part("end"))
    rows = len(period)
    started = ~period.part("start").nulls()
    return Interval.between(low, high, started, np.ones(rows, bool), ~period.nulls())


def range_interval(element: Elements) -> Interval:
    low, high = system(element.part("low")), system(element.part("high"))
    shut = np.ones(len(element), bool)
    return Interval.between(low, high, shut, shut, ~element.nulls())


def quantity_interval(quantity: Elements) -> Interval:
    """What a comparator leaves open: `< 5` is everything below 5."""
    value = quantity_of(quantity)
    value = Quantity(value.parts, value.known & is_readable(quantity))
    comparator = _value(quantity, "comparator", Text).values
    number = quantity.table.texts.number
    below = np.isin(comparator, [number("<"), number("<=")])
    above = np.isin(comparator, [number(">"), number(">=")])
    rows = np.arange(len(quantity))
    low, high = value.take(np.where(below, -1, rows)), value.take(np.where(above, -1, rows))
    return Interval.between(
        low, high, comparator != number(">"), comparator != number("<"), ~quantity.nulls()
    )


CONVERSIONS = {
    "Coding": to_code,
    "CodeableConcept": to_concept,
    **dict.fromkeys(("Quantity", "Age", "Duration", "Count", "Distance"), to_quantity),
    "Period": period_interval,
    "Range": range_interval,
    "Ratio": to_ratio,
}


@operation("FhirToSystem")
def fhir_to_system(run: Run, node: Node, frame: Frame) -> Column:
    column = run.value(node.args[0], frame)
    for part in alternatives_of(column):
        if isinstance(part, Elements) and CONVERSIONS.get(part.table.type_name) is to_quantity:
            valued = ~part.part("value").nulls()
            run.fail(node, frame, valued & ~part.part("comparator").nulls(), "a quantity has a comparator")
            run.fail(node, frame, valued & ~is_readable(part), "a quantity's unit is not a UCUM unit")
    return system(column)


@operation("FhirToInterval")
def fhir_to_interval(run: Run, node: Node, frame: Frame) -> Column:
    column = run.value(node.args[0], frame)
    parts = []
    for part in alternatives_of(column):
        quantity = isinstance(part, Elements) and CONVERSIONS.get(part.table.type_name) is to_quantity
        parts.append(quantity_interval(part) if quantity else system(part))
    return choice_of(parts, frame.rows) if isinstance(column, Choice) else parts[0]


def of_type(column: Column, type_name: str) -> np.ndarray:
    """Rows whose value is of the type."""
    result = np.zeros(len(column), bool)
    for part in alternatives_of(column):
        if any(_fits(part, one) for one in options(type_name)):
            result |= ~part.nulls()
    return result


def _fits(column: Column, type_name: str) -> bool:
    if type_name in ("Any", "System.Any"):
        return True
    if type_name.startswith("fhir:"):
        name = type_name.removeprefix("fhir:")
        if isinstance(column, Elements):
            return is_a(column.table.type_name, name) or _is_code_list(column, name)
        return False
    if type_name.startswith("Interval<"):
        return isinstance(column, Interval) and _points_fit(column, inner(type_name))
    if type_name.startswith("List<"):
        return isinstance(column, Listing)
    if type_name == "Tuple":
        return type(column) is Record
    if type_name == "Vocabulary":
        return isinstance(column, Record)
    return column.kind == type_name and not isinstance(column, Elements)


def _is_code_list(column: Elements, name: str) -> bool:
    """FHIR's required code lists are types of their own in ELM (`EncounterStatus`); here they are codes."""
    from pipelines.measures.elm.fhir_model import type_named

    return column.table.type_name == "code" and type_named(name) is None


def _points_fit(interval: Interval, point: str) -> bool:
    points = [
        part
        for bound in ("low", "high")
        for part in alternatives_of(interval.part(bound))
        if not isinstance(part, Null)
    ]
    return not points or any(_fits(part, one) for part in points for one in options(point))


@operation("Is")
def is_(run: Run, node: Node, frame: Frame) -> Bool:
    return Bool.of(of_type(run.value(node.args[0], frame), node["of"]))


@operation("As")
def as_(run: Run, node: Node, frame: Frame) -> Column:
    column = run.value(node.args[0], frame)
    found = cast(column, node["of"])
    if node.get("strict"):
        run.fail(
            node, frame, found.nulls() & ~column.nulls(), f"a value is no {node['of']}, as a cast demands"
        )
    return found


def cast(column: Column, type_name: str) -> Column:
    """The alternatives of the type; null where the value is of another one."""
    if isinstance(column, Null):
        if type_name.startswith("List<"):
            rows = len(column)
            return Listing(np.zeros(rows + 1, np.int64), Null(0), np.zeros(rows, bool))
        return column
    if isinstance(column, Listing):
        return (
            column
            if any(one.startswith(("List<", "Any")) for one in options(type_name))
            else Null(len(column))
        )
    kept = [part for part in alternatives_of(column) if any(_fits(part, one) for one in options(type_name))]
    if len(kept) == len(alternatives_of(column)):
        return column
    return choice_of(kept, len(column))


@operation("ToConcept")
def operator_to_concept(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    parts = []
    for part in alternatives_of(column):
        if isinstance(part, Code):
            present = np.flatnonzero(part.known)
            offsets = np.concatenate([[0], np.cumsum(part.known)])
            codes = Listing(offsets, part.take(present))
            parts.append(Concept({"codes": codes, "display": part.part("display")}, part.known))
        elif isinstance(part, Listing) and isinstance(part.items, Code):
            parts.append(Concept({"codes": part, "display": Null(len(part))}, part.known))
        elif isinstance(part, Concept):
            parts.append(part)
    return choice_of(parts, frame.rows) if len(parts) != 1 else parts[0]


@operation("ToList")
def to_list(run: Run, node: Node, frame: Frame) -> Listing:
    column = run.value(node.args[0], frame)
    present = ~column.nulls()
    offsets = np.concatenate([[0], np.cumsum(present)])
    return Listing(offsets, column.take(np.flatnonzero(present)))


def moment_of(column: Column) -> Moment | Null:
    """The column's moments; null where it holds something else."""
    column = system(column)
    for part in alternatives_of(column):
        if isinstance(part, Moment):
            return part
    return Null(len(column))
