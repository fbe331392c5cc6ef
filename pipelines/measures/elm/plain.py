"""Values of a column as plain Python, for reports and explanations: one row at a time, never on the hot path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Column,
    Dec,
    Int,
    Interval,
    Listing,
    Null,
    Quantity,
    Record,
    Text,
)
from pipelines.measures.elm.moments import DAY, HOUR, MINUTE, MONTH, YEAR, Moment
from pipelines.measures.elm.records import Elements
from pipelines.measures.elm.texts import Texts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(column: Column, row: int, texts: Texts):
    """The value in a row; resources as `Type/id`."""
    if isinstance(column, Null) or column.nulls()[row]:
        return None
    if isinstance(column, Bool):
        return bool(column.values[row])
    if isinstance(column, Int | Dec):
        return column.values[row].item()
    if isinstance(column, Text):
        return texts.string(int(column.values[row]))
    if isinstance(column, Moment):
        return _moment(column, row)
    if isinstance(column, Listing):
        places = range(int(column.offsets[row]), int(column.offsets[row + 1]))
        return [plain(column.items, place, texts) for place in places]
    if isinstance(column, Choice):
        return next(plain(part, row, texts) for part in column.alternatives if not part.nulls()[row])
    if isinstance(column, Elements):
        return _element(column, row)
    return _record(column, row, texts)


def _record(column: Record, row: int, texts: Texts):
    parts = {name: plain(part, row, texts) for name, part in column.parts.items()}
    if isinstance(column, Interval):
        left, right = "[" if parts["lowClosed"] else "(", "]" if parts["highClosed"] else ")"
        return f"{left}{parts['low']}, {parts['high']}{right}"
    if isinstance(column, Quantity):
        return f"{parts['value']:g} {parts.get('unit') or '1'}"
    return {name: part for name, part in parts.items() if part is not None}


def _element(column: Elements, row: int):
    value = column.table.value(int(column.rows[row]))
    if isinstance(value, dict) and "resourceType" in value:
        return f"{value['resourceType']}/{value.get('id')}"
    return value


def _moment(column: Moment, row: int) -> str:
    low, precision = int(column.low[row]), int(column.precision[row])
    written = (EPOCH + timedelta(milliseconds=low + int(np.int64(column.offset[row])) * 60_000)).isoformat(
        timespec="milliseconds"
    )
    ends = {YEAR: 4, MONTH: 7, DAY: 10, HOUR: 13, MINUTE: 16}
    return written[11 if column.kind == "Time" else 0 : ends.get(precision, 23)]
