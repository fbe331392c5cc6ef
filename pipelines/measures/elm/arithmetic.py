"""Arithmetic on numbers, quantities and moments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.measures.elm.columns import (
    Column,
    Dec,
    Int,
    Null,
    Quantity,
    Text,
    alternatives_of,
    choice_of,
    scatter,
    whole,
)
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.moments import Moment, add
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.spans import plain_quantity, significant, successor
from pipelines.measures.elm.units import calendar_unit, unit_of

NUMBERS: dict[str, Callable] = {"Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply}


@operation("Add", "Subtract", "Multiply")
def arithmetic(run: Run, node: Node, frame: Frame) -> Column:
    first, second = (system(column) for column in run.args(node, frame))
    found = [
        arithmetic_of(run, node.op, left, right)
        for left in alternatives_of(first)
        for right in alternatives_of(second)
    ]
    return choice_of(found, frame.rows)


def arithmetic_of(run: Run, name: str, first: Column, second: Column) -> Column:
    """Add, Subtract or Multiply of two columns of one type each."""
    function = NUMBERS[name]
    if isinstance(first, Moment) and isinstance(second, Quantity):
        return shifted(run, first, second, -1 if name == "Subtract" else 1)
    if isinstance(first, Int) and isinstance(second, Int):
        if first.high is not None or second.high is not None:
            return _uncertain(function, first, second)
        with np.errstate(over="ignore"):
            return whole(function(first.values, second.values), first.known & second.known, first, second)
    if isinstance(first, Int | Dec) and isinstance(second, Int | Dec):
        return Dec(rounded(function(numbers(first), numbers(second))))
    if isinstance(first, Quantity | Int | Dec) and isinstance(second, Quantity | Int | Dec):
        return _quantities(run, name, _as_quantity(first), _as_quantity(second))
    return Null(len(first))


def _uncertain(function: Callable, first: Int, second: Int) -> Int:
    """The least and the greatest that uncertain numbers may give."""
    ends = [(one.values, one.values if one.high is None else one.high) for one in (first, second)]
    found = np.stack([function(left, right) for left in ends[0] for right in ends[1]])
    return type(first)(found.min(axis=0), first.known & second.known, found.max(axis=0))


def rounded(values: np.ndarray) -> np.ndarray:
    """To the eight decimal places that CQL keeps."""
    return np.round(values, 8)


def numbers(column: Column) -> np.ndarray:
    """Floats with NaN for null."""
    if isinstance(column, Int):
        certain = column.certain()
        return np.where(certain.known, certain.values, np.nan)
    return column.values if isinstance(column, Dec) else np.full(len(column), np.nan)


def _as_quantity(column: Column) -> Quantity:
    return column if isinstance(column, Quantity) else plain_quantity(column)


def _quantities(run: Run, name: str, first: Quantity, second: Quantity) -> Quantity:
    """A sum or difference is in the finer of the two units."""
    left, right = numbers(first.part("value")), numbers(second.part("value"))
    units = _units(run, first), _units(run, second)
    if name in ("Add", "Subtract"):
        factors = _factors(run, *units)
        finer = factors < 1
        left = np.where(finer, significant(left / np.where(finer, factors, 1)), left)
        values = NUMBERS[name](left, np.where(finer, right, significant(right * factors)))
        unit = np.where(finer, units[1], units[0])
    else:
        values = (
            np.multiply(left, right)
            if name == "Multiply"
            else np.divide(left, np.where(right == 0, np.nan, right))
        )
        unit = _pairwise_unit(run, units, "." if name == "Multiply" else "/")
    known = first.known & second.known & ~np.isnan(values)
    return Quantity({"value": Dec(rounded(values)), "unit": Text(unit)}, known)


def _units(run: Run, quantity: Quantity) -> np.ndarray:
    unit = quantity.part("unit")
    values = unit.values if isinstance(unit, Text) else np.full(len(quantity), -1)
    return np.where(values < 0, run.texts.number("1"), values)


def _factors(run: Run, units: np.ndarray, others: np.ndarray) -> np.ndarray:
    """By what amounts in the other unit are multiplied to be in the first one; NaN when they cannot."""

    def factor(unit: str, other: str) -> float:
        one, two = unit_of(unit), unit_of(other)
        return two.factor / one.factor if one.dimension == two.dimension else np.nan

    return _per_pair(run, units, others, factor, np.float64)


def _per_pair(run: Run, first: np.ndarray, second: np.ndarray, function: Callable, kind) -> np.ndarray:
    pairs, places = np.unique(np.stack([first, second]), axis=1, return_inverse=True)
    texts = [(run.texts.string(int(one)), run.texts.string(int(two))) for one, two in pairs.T]
    return np.array([function(one, two) for one, two in texts], kind)[places.ravel()]


def _pairwise_unit(run: Run, units: tuple[np.ndarray, np.ndarray], sign: str) -> np.ndarray:
    def joined(one: str, two: str) -> int:
        if two == "1":
            return run.texts.number(one)
        if sign == "/" and one == two:
            return run.texts.number("1")
        if sign == "." and one == two and one.isalpha():
            return run.texts.number(f"{one}2")
        return run.texts.number(two if one == "1" and sign == "." else f"{one}{sign}{two}")

    return _per_pair(run, *units, joined, np.int64)


def shifted(run: Run, moment: Moment, amount: Quantity, sign: int) -> Column:
    """The moment plus (or minus) a duration."""
    values, units = numbers(amount.part("value")), _units(run, amount)
    parts = []
    for unit in np.unique(units):
        rows = np.flatnonzero(units == unit)
        word = calendar_unit(run.texts.string(int(unit)) or "")
        if word is None:
            continue
        known = amount.known[rows] & ~np.isnan(values[rows])
        parts.append((rows, add(moment.take(rows), np.where(known, sign * values[rows], 0), word, known)))
    return scatter(parts, len(moment)) if parts else Null(len(moment))


@operation("Divide")
def divide(run: Run, node: Node, frame: Frame) -> Column:
    first, second = (system(column) for column in run.args(node, frame))
    found = []
    for left in alternatives_of(first):
        for right in alternatives_of(second):
            found.append(divided(run, left, right))
    return choice_of(found, frame.rows)


def divided(run: Run, first: Column, second: Column) -> Column:
    """The quotient of two columns of one type each; null where the second is zero."""
    if isinstance(first, Quantity) or isinstance(second, Quantity):
        if isinstance(first, Null) or isinstance(second, Null):
            return Null(len(first))
        return _quantities(run, "Divide", _as_quantity(first), _as_quantity(second))
    bottom = numbers(second)
    return Dec(rounded(numbers(first) / np.where(bottom == 0, np.nan, bottom)))


@operation("TruncatedDivide", "Modulo")
def whole_divide(run: Run, node: Node, frame: Frame) -> Column:
    first, second = (system(column) for column in run.args(node, frame))
    if isinstance(first, Quantity) or isinstance(second, Quantity):
        unit = first.part("unit") if isinstance(first, Quantity) else Null(frame.rows)
        values = _whole(
            node.op, numbers(_as_quantity(first).part("value")), numbers(_as_quantity(second).part("value"))
        )
        return Quantity({"value": Dec(values), "unit": unit}, ~np.isnan(values))
    values = _whole(node.op, numbers(first), numbers(second))
    if isinstance(first, Int) and isinstance(second, Int):
        return whole(np.nan_to_num(values), ~np.isnan(values), first, second)
    return Dec(rounded(values))


def _whole(name: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    bottom = np.where(second == 0, np.nan, second)
    quotient = np.trunc(first / bottom)
    return quotient if name == "TruncatedDivide" else first - quotient * bottom


@operation("Power", "Log")
def power(run: Run, node: Node, frame: Frame) -> Column:
    first, second = (system(column) for column in run.args(node, frame))
    with np.errstate(all="ignore"):
        if node.op == "Log":
            values = np.log(numbers(first)) / np.log(numbers(second))
        else:
            values = np.power(numbers(first), numbers(second))
    values = np.where(np.isfinite(values), values, np.nan)
    if (
        node.op == "Power"
        and isinstance(first, Int)
        and isinstance(second, Int)
        and (second.values >= 0).all()
    ):
        return whole(np.nan_to_num(values), ~np.isnan(values), first, second)
    return Dec(rounded(values))


@operation("Negate", "Abs", "Ceiling", "Floor", "Truncate", "Ln", "Exp")
def single(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    if isinstance(column, Quantity):
        return Quantity(
            {**column.parts, "value": Dec(SINGLE[node.op](numbers(column.part("value"))))}, column.known
        )
    with np.errstate(all="ignore"):
        values = SINGLE[node.op](numbers(column))
    values = np.where(np.isfinite(values), values, np.nan)
    integral = node.op in ("Ceiling", "Floor", "Truncate")
    if integral or (node.op in ("Negate", "Abs") and isinstance(column, Int)):
        return whole(np.nan_to_num(values), ~np.isnan(values), column)
    return Dec(rounded(values))


SINGLE: dict[str, Callable] = {
    "Negate": np.negative,
    "Abs": np.abs,
    "Ceiling": np.ceil,
    "Floor": np.floor,
    "Truncate": np.trunc,
    "Ln": np.log,
    "Exp": np.exp,
}


@operation("Round")
def round_(run: Run, node: Node, frame: Frame) -> Column:
    """Half away from zero upwards, as CQL rounds."""
    values = [system(column) for column in run.args(node, frame)]
    places = values[1].values if len(values) > 1 and isinstance(values[1], Int) else np.zeros(frame.rows)
    scale = np.power(10.0, places)
    return Dec(np.floor(numbers(values[0]) * scale + 0.5) / scale)


@operation("Successor", "Predecessor")
def neighbour(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    return successor(column, 1 if node.op == "Successor" else -1)


@operation("ConvertQuantity")
def convert_quantity(run: Run, node: Node, frame: Frame) -> Column:
    first, unit = (system(column) for column in run.args(node, frame))
    quantity = next((part for part in alternatives_of(first) if isinstance(part, Quantity)), None)
    if quantity is None or not isinstance(unit, Text):
        return Null(frame.rows)
    factors = _factors(
        run, np.where(unit.values < 0, run.texts.number("1"), unit.values), _units(run, quantity)
    )
    values = significant(numbers(quantity.part("value")) * factors)
    return Quantity({"value": Dec(values), "unit": unit}, quantity.known & ~np.isnan(values))
