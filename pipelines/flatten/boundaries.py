"""The lowest and highest value that a number, date or time may mean as precisely as it is written."""

from __future__ import annotations

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.values import NUMBERS, Value

EXACT = "DECIMAL(38, 12)"


def boundary(value: Value, *, high: bool) -> Value:
    """`lowBoundary()` or `highBoundary()` of a single value."""
    if value.kind in NUMBERS and value.digits:
        return Value(_number(value.sql, "+" if high else "-"), "decimal")
    if value.type == "date":
        return Value(_day(value.sql, high=high), "date")
    if value.kind == "date":
        return Value(_instant(value.sql, high=high), value.type)
    if value.kind == "time":
        return Value(_time(value.sql, high=high), "time")
    raise BadRequest(f"boundaries are of numbers, dates and times as written, not of {value.in_words}")


def _number(digits: str, sign: str) -> str:
    """Half of the last digit up or down: 1.0 may be 0.95 to 1.05. Null when the number is too long for it."""
    places = f"CASE WHEN contains({digits}, '.') THEN length(split_part({digits}, '.', 2)) ELSE 0 END"
    half = f"try_cast(concat('0.', repeat('0', {places}), '5') AS {EXACT})"
    return f"CAST(try_cast({digits} AS {EXACT}) {sign} {half} AS DOUBLE)"


def _day(date: str, *, high: bool) -> str:
    if not high:
        return f"({date} || substr('-01-01', length({date}) - 3))"
    last = f"CAST(last_day(try_cast({date} || '-01' AS DATE)) AS VARCHAR)"
    return f"CASE length({date}) WHEN 4 THEN {date} || '-12-31' WHEN 7 THEN {last} ELSE {date} END"


def _instant(moment: str, *, high: bool) -> str:
    """A day without a time may lie in any time zone: it begins first at +14:00 and ends last at -12:00."""
    time, zone = ("T23:59:59.999", "-12:00") if high else ("T00:00:00.000", "+14:00")
    written_zone = f"regexp_extract({moment}, '(Z|[+-][0-9][0-9]:[0-9][0-9])$', 1)"
    clock = f"regexp_extract({moment}, 'T([0-9:.]+)', 1)"
    return (
        f"CASE WHEN length({moment}) <= 10 THEN {_day(moment, high=high)} || '{time}{zone}'"
        f" ELSE left({moment}, 11) || {_time(clock, high=high)} || coalesce(nullif({written_zone}, ''), '{zone}') END"
    )


def _time(clock: str, *, high: bool) -> str:
    full = "23:59:59.999" if high else "00:00:00.000"
    fraction = f"CASE WHEN length({clock}) = 8 THEN '.' ELSE '' END"
    return (
        f"CASE WHEN length({clock}) >= 8 THEN rpad({clock} || {fraction}, 12, '{'9' if high else '0'}')"
        f" ELSE {clock} || substr('{full}', length({clock}) + 1) END"
    )
