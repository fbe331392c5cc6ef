"""Spelling: values written as text, and quantities and ratios read from text."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from pipelines.measures.elm.arithmetic import divided, numbers
from pipelines.measures.elm.columns import (
    Bool,
    Column,
    Dec,
    Int,
    Long,
    Null,
    Quantity,
    Ratio,
    Text,
    alternatives_of,
    choice_of,
    whole,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.moments import MINUTE, Moment
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.units import CALENDAR

WHOLE = re.compile(r"[+-]?\d+$")
DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?$")
AMOUNT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(?:'([^']*)'|([A-Za-z]+))?\s*$")
WORDS = {"true": 1, "t": 1, "yes": 1, "y": 1, "1": 1, "false": 0, "f": 0, "no": 0, "n": 0, "0": 0}


def strings(run: Run, column: Text) -> list[str | None]:
    return [run.texts.string(number) for number in column.values.tolist()]


def converted(run: Run, node: Node, frame: Frame, change: Callable[[Run, Column], Column]) -> Column:
    """Each alternative of the operand changed; what cannot be changed is null."""
    column = system(run.value(node.args[0], frame))
    return choice_of([change(run, part) for part in alternatives_of(column)], frame.rows)


@operation("ToString")
def to_string(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _spelled)


def _spelled(run: Run, part: Column) -> Column:
    if isinstance(part, Text):
        return part
    present = ~part.nulls()
    written = (_written(run, part, row) if present[row] else None for row in range(len(part)))
    return Text(run.texts.numbered(written))


def _written(run: Run, part: Column, row: int) -> str | None:
    if isinstance(part, Bool):
        return "true" if part.values[row] else "false"
    if isinstance(part, Int):
        return str(part.values[row])
    if isinstance(part, Dec):
        return number_text(part.values[row])
    if isinstance(part, Moment):
        return _moment_text(run, part, row)
    if isinstance(part, Quantity):
        value, unit = (plain(part.part(name), row, run.texts) for name in ("value", "unit"))
        word = (unit or "1").removesuffix("s")
        return f"{number_text(float(value))} " + (unit if word in CALENDAR else f"'{unit or '1'}'")
    if isinstance(part, Ratio):
        above, below = (_written(run, part.part(name), row) for name in ("numerator", "denominator"))
        return f"{above}:{below}"
    return None


def number_text(value: float) -> str:
    """At most eight decimal places, at least one: 5.0, 0.25."""
    text = f"{value:.8f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def _moment_text(run: Run, moment: Moment, row: int) -> str:
    text = plain(moment, row, run.texts)
    if moment.kind != "DateTime" or moment.precision[row] < MINUTE:
        return text
    minutes = int(moment.offset[row])
    return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@operation("ToDecimal")
def to_decimal(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _decimal)


def _decimal(run: Run, part: Column) -> Column:
    if isinstance(part, Int | Dec):
        return Dec(numbers(part))
    if isinstance(part, Bool):
        return Dec(np.where(part.values < 0, np.nan, part.values))
    if isinstance(part, Text):
        texts = strings(run, part)
        return Dec(
            np.array([float(one) if one and DECIMAL.match(one) else np.nan for one in texts], np.float64)
        )
    return Null(len(part))


def _whole_number(like: Column) -> Callable[[Run, Column], Column]:
    def change(run: Run, part: Column) -> Column:
        if isinstance(part, Int):
            certain = part.certain()
            return whole(certain.values, certain.known, like)
        if isinstance(part, Bool):
            return whole(np.maximum(part.values, 0), part.values >= 0, like)
        if isinstance(part, Text):
            texts = [
                one if one and WHOLE.match(one) and len(one) < 19 else None for one in strings(run, part)
            ]
            known = np.array([one is not None for one in texts], bool)
            return whole(np.array([int(one or 0) for one in texts], np.int64), known, like)
        return Null(len(part))

    return change


@operation("ToInteger")
def to_integer(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _whole_number(Int(np.zeros(0), np.zeros(0, bool))))


@operation("ToLong")
def to_long(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _whole_number(Long(np.zeros(0), np.zeros(0, bool))))


@operation("ToBoolean")
def to_boolean(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _boolean)


def _boolean(run: Run, part: Column) -> Column:
    if isinstance(part, Bool):
        return part
    if isinstance(part, Text):
        return Bool(np.array([WORDS.get((one or "").lower(), -1) for one in strings(run, part)], np.int8))
    if isinstance(part, Int | Dec):
        values = numbers(part)
        return Bool(np.where(values == 1, 1, np.where(values == 0, 0, -1)))
    return Null(len(part))


@operation("ToQuantity")
def to_quantity(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _quantity)


def _quantity(run: Run, part: Column) -> Column:
    if isinstance(part, Quantity):
        return part
    if isinstance(part, Int | Dec):
        unit = Text(np.full(len(part), run.texts.number("1")))
        return Quantity({"value": Dec(numbers(part)), "unit": unit}, ~part.nulls())
    if isinstance(part, Ratio):
        return divided(run, part.part("numerator"), part.part("denominator"))
    if isinstance(part, Text):
        return read_quantities(run, strings(run, part))
    return Null(len(part))


def read_quantities(run: Run, texts: list[str | None]) -> Quantity:
    """`5`, `5 'mg'`, `5 days`; null where the text is none of these."""
    found = [AMOUNT.match(one) if one else None for one in texts]
    found = [one if one and _is_unit(one) else None for one in found]
    values = np.array([float(one[1]) if one else np.nan for one in found], np.float64)
    units = run.texts.numbered((one[2] or one[3] or "1") if one else None for one in found)
    return Quantity({"value": Dec(values), "unit": Text(units)}, ~np.isnan(values))


def _is_unit(found: re.Match[str]) -> bool:
    return found[3] is None or found[3].removesuffix("s") in CALENDAR


@operation("ToRatio")
def to_ratio(run: Run, node: Node, frame: Frame) -> Column:
    return converted(run, node, frame, _ratio)


def _ratio(run: Run, part: Column) -> Column:
    if isinstance(part, Ratio):
        return part
    if not isinstance(part, Text):
        return Null(len(part))
    halves = [(one or "").partition(":") for one in strings(run, part)]
    above = read_quantities(run, [one[0] for one in halves])
    below = read_quantities(run, [one[2] for one in halves])
    return Ratio({"numerator": above, "denominator": below}, above.known & below.known)
