"""Dates: parts, construction, durations and differences; ages; now and today."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.arithmetic import numbers, rounded
from pipelines.measures.elm.columns import Column, Dec, Int, Null, Text, alternatives_of, choice_of
from pipelines.measures.elm.conversions import moment_of, system
from pipelines.measures.elm.moments import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    MS_PER_DAY,
    PRECISIONS,
    SECOND,
    Moment,
    boundaries,
    date_from,
    duration,
    floor_to,
    local,
    moments,
    to_datetime,
)
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation

PARTS = ("year", "month", "day", "hour", "minute", "second", "millisecond")


@operation("DateFrom")
def operator_date_from(run: Run, node: Node, frame: Frame) -> Column:
    moment = moment_of(run.value(node.args[0], frame))
    return date_from(moment) if isinstance(moment, Moment) else moment


@operation("ToDateTime", "ToDate")
def convert_moment(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    change = to_datetime if node.op == "ToDateTime" else date_from
    found = []
    for part in alternatives_of(column):
        if isinstance(part, Moment):
            found.append(change(part))
        elif isinstance(part, Text):
            texts = [run.texts.string(int(number)) for number in part.values]
            found.append(moments(texts, node.op.removeprefix("To")))
    return choice_of(found, frame.rows) if len(found) != 1 else found[0]


@operation("TimeFrom")
def time_from(run: Run, node: Node, frame: Frame) -> Column:
    moment = moment_of(run.value(node.args[0], frame))
    if isinstance(moment, Null):
        return moment
    precision = np.where(moment.precision >= HOUR, moment.precision, 0).astype(np.int8)
    return Moment("Time", local(moment) % MS_PER_DAY, precision)


@operation("DateTimeComponentFrom")
def component(run: Run, node: Node, frame: Frame) -> Int:
    moment = moment_of(run.value(node.args[0], frame))
    if isinstance(moment, Null):
        return Int(np.zeros(frame.rows), np.zeros(frame.rows, bool))
    name = node["precision"].lower()
    return Int(_component(local(moment), name), moment.precision >= PRECISIONS[name])


def _component(values: np.ndarray, name: str) -> np.ndarray:
    if name in ("year", "month", "day"):
        instants = values.astype("M8[ms]")
        years, months = instants.astype("M8[Y]"), instants.astype("M8[M]")
        if name == "year":
            return years.astype(np.int64) + 1970
        if name == "month":
            return months.astype(np.int64) % 12 + 1
        return (instants.astype("M8[D]") - months.astype("M8[D]")).astype(np.int64) + 1
    within = values % MS_PER_DAY
    return {
        "hour": within // 3_600_000,
        "minute": within // 60_000 % 60,
        "second": within // 1000 % 60,
        "millisecond": within % 1000,
    }[name]


@operation("Date", "DateTime")
def construct(run: Run, node: Node, frame: Frame) -> Moment:
    parts = {role: system(column) for role, column in zip(node["roles"], run.args(node, frame), strict=True)}
    zone = parts.pop("timezoneOffset", None)
    precision = np.zeros(frame.rows, np.int8)
    values = {}
    for number, name in enumerate(PARTS, 1):
        column = parts.get(name)
        if not isinstance(column, Int):
            break
        precision = np.where(column.known & (precision == number - 1), number, precision).astype(np.int8)
        values[name] = np.where(column.known, column.values, 0)
    low = _instant(values, precision, frame.rows)
    precision = np.where(precision == SECOND, MILLISECOND, precision).astype(np.int8)
    offset = np.zeros(frame.rows, np.int64)
    if zone is not None and not isinstance(zone, Null):
        hours = zone.values.astype(np.float64)
        offset = np.where(np.isnan(hours), 0, hours * 60).astype(np.int64)
    return Moment(node.op, low - offset * 60_000, precision, offset)


def _instant(values: dict[str, np.ndarray], precision: np.ndarray, rows: int) -> np.ndarray:
    get = lambda name, at, start: np.where(precision >= at, values.get(name, np.full(rows, start)), start)  # noqa: E731
    months = (get("year", 1, 1970) - 1970) * 12 + get("month", 2, 1) - 1
    days = months.astype("M8[M]").astype("M8[D]").astype(np.int64) + get("day", DAY, 1) - 1
    clock = get("hour", HOUR, 0) * 3_600_000 + get("minute", MINUTE, 0) * 60_000
    return days * MS_PER_DAY + clock + get("second", SECOND, 0) * 1000 + get("millisecond", MILLISECOND, 0)


@operation("Time")
def construct_time(run: Run, node: Node, frame: Frame) -> Moment:
    parts = {role: system(column) for role, column in zip(node["roles"], run.args(node, frame), strict=True)}
    low, precision = np.zeros(frame.rows, np.int64), np.full(frame.rows, HOUR - 1, np.int8)
    for at, (name, size) in enumerate(
        (("hour", 3_600_000), ("minute", 60_000), ("second", 1000), ("millisecond", 1))
    ):
        column = parts.get(name)
        if isinstance(column, Int):
            low += np.where(column.known, column.values, 0) * size
            precision = np.where(column.known, HOUR + at, precision).astype(np.int8)
    precision = np.where(precision == SECOND, MILLISECOND, np.where(precision < HOUR, 0, precision)).astype(
        np.int8
    )
    return Moment("Time", low, precision)


@operation("DurationBetween", "DifferenceBetween")
def between(run: Run, node: Node, frame: Frame) -> Int:
    start, end = (moment_of(column) for column in run.args(node, frame))
    measure = duration if node.op == "DurationBetween" else boundaries
    return _spread(start, end, node["precision"].lower(), measure, frame.rows)


def _spread(start: Column, end: Column, unit: str, measure, rows: int) -> Int:
    """The least and the greatest count that imprecise dates allow."""
    if not isinstance(start, Moment) or not isinstance(end, Moment):
        return Int(np.zeros(rows), np.zeros(rows, bool))
    known = (start.precision > 0) & (end.precision > 0)
    finest = PRECISIONS[unit]
    exact = (start.precision >= finest) & (end.precision >= finest) & (start.precision == end.precision)
    whole = exact | ((start.kind == "Date") & (start.precision == DAY) & (end.precision == DAY))
    start_low, end_low = _clocks(start, end, measure, finest)
    start_high = np.where(whole, start_low, start_low + start.high - start.low)
    end_high = np.where(whole, end_low, end_low + end.high - end.low)
    if start.kind == "Date":
        start_high, end_high = (values // MS_PER_DAY * MS_PER_DAY for values in (start_high, end_high))
    low, high = measure(start_high, end_low, unit), measure(start_low, end_high, unit)
    return Int(low, known, None if (low == high).all() else high)


def _clocks(start: Moment, end: Moment, measure, finest: int) -> tuple[np.ndarray, np.ndarray]:
    """Days and what is longer are counted on the clocks they were written with, when those are the same.

    Boundaries of days are always those of the written clock.
    """
    if finest > DAY:
        return start.low, end.low
    written = (start.offset == end.offset) | (measure is boundaries)
    first = start.low + np.where(written, start.offset * 60_000, 0)
    return first, end.low + np.where(written, end.offset * 60_000, 0)


@operation("CalculateAgeAt", "CalculateAge")
def age(run: Run, node: Node, frame: Frame) -> Int:
    values = run.args(node, frame)
    birth = moment_of(values[0])
    at = moment_of(values[1]) if node.op == "CalculateAgeAt" else _now(run, frame.rows)
    unit = node["precision"].lower()
    if (
        isinstance(birth, Moment)
        and isinstance(at, Moment)
        and birth.kind == "Date"
        and unit in ("year", "month")
    ):
        at = date_from(at)
    return _spread(birth, at, unit, duration, frame.rows)


@operation("Now")
def now(run: Run, node: Node, frame: Frame) -> Moment:
    return _now(run, frame.rows)


@operation("Today")
def today(run: Run, node: Node, frame: Frame) -> Moment:
    return date_from(_now(run, frame.rows))


@operation("TimeOfDay")
def time_of_day(run: Run, node: Node, frame: Frame) -> Moment:
    moment = _now(run, frame.rows)
    return Moment("Time", moment.low % MS_PER_DAY, moment.precision)


def _now(run: Run, rows: int) -> Moment:
    low = int(run.now.timestamp() * 1000)
    return Moment("DateTime", np.full(rows, low, np.int64), np.full(rows, MILLISECOND, np.int8))


@operation("TimezoneOffsetFrom", "TimezoneFrom")
def offset_from(run: Run, node: Node, frame: Frame) -> Dec:
    """In hours, as the date-time was written."""
    moment = moment_of(run.value(node.args[0], frame))
    if isinstance(moment, Null):
        return Dec(np.full(frame.rows, np.nan))
    return Dec(np.where(moment.precision >= HOUR, moment.offset / 60, np.nan))


DIGITS = np.array([0, 4, 6, 8, 10, 12, 17, 17], np.int64)
"""How many digits a date-time of each precision has."""
DECIMAL_PLACES = 8


@operation("LowBoundary", "HighBoundary")
def boundary(run: Run, node: Node, frame: Frame) -> Column:
    """The first or last value that an imprecise one may be, with so many digits (as many as there can be)."""
    args = [system(column) for column in run.args(node, frame)]
    digits = args[1] if len(args) > 1 else Null(frame.rows)
    moment = moment_of(args[0])
    if isinstance(moment, Moment):
        return _moment_boundary(node.op, moment, digits)
    values = numbers(args[0])
    if isinstance(args[0], Int):
        return args[0]
    wanted = (
        np.where(digits.known, digits.values, DECIMAL_PLACES) if isinstance(digits, Int) else DECIMAL_PLACES
    )
    if node.op == "LowBoundary":
        return Dec(values)
    return Dec(rounded(values + 10.0 ** -_places(values) - 10.0**-wanted))


def _moment_boundary(name: str, moment: Moment, digits: Column) -> Moment:
    finest = DAY if moment.kind == "Date" else MILLISECOND
    precision = np.full(len(moment), finest)
    if isinstance(digits, Int):
        steps = DIGITS[:-1] - (8 if moment.kind == "Time" else 0)
        asked = np.searchsorted(steps[:MILLISECOND], digits.values, side="right") - 1
        precision = np.where(digits.known, np.minimum(asked, finest), finest)
    precision = np.where(moment.precision > 0, precision, 0).astype(np.int8)
    instant = (moment.low if name == "LowBoundary" else moment.high) + moment.offset * 60_000
    cut = instant.copy()
    for at in np.unique(precision[precision > 0]):
        rows = precision == at
        cut[rows] = floor_to(instant[rows], int(at)) if at < SECOND else instant[rows]
    return Moment(moment.kind, cut - moment.offset * 60_000, precision, moment.offset)


def _places(values: np.ndarray) -> np.ndarray:
    """How many decimal places each number is written with."""
    texts = (f"{value:.{DECIMAL_PLACES}f}".rstrip("0").partition(".")[2] for value in values.tolist())
    return np.array([len(text) for text in texts], np.int64)


@operation("Precision")
def precision_of(run: Run, node: Node, frame: Frame) -> Int:
    column = system(run.value(node.args[0], frame))
    if isinstance(column, Dec):
        return Int(_places(np.nan_to_num(column.values)), ~column.nulls())
    moment = moment_of(column)
    if isinstance(moment, Null):
        return Int(np.zeros(frame.rows), np.zeros(frame.rows, bool))
    digits = DIGITS[moment.precision] - (8 if moment.kind == "Time" else 0)
    return Int(digits, moment.precision > 0)
