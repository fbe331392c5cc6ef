"""Rows of a resource table as COPY reads them: text built here, a good deal faster than value by value in a driver.

Format: a line a row, tabs between columns, \\N for nothing; backslash, tab and line breaks inside a value are escaped.
Source: PostgreSQL, COPY (text format); array input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from ehr_core.store.import_prepare import Prepared
from ehr_core.store.resource_types import resource_type
from ehr_core.store.tables import CURRENT_COLUMNS, PROMOTED_COLUMNS

BLOCK_BYTES = 256 * 1024
NOTHING = b"\\N"
_common = attrgetter(*PROMOTED_COLUMNS)
_encode = msgspec.json.Encoder().encode


@cache
def column_names(type_name: str) -> tuple[str, ...]:
    """The columns of a type's table: those of every version, those that every type promotes, and its own."""
    return (*CURRENT_COLUMNS, *PROMOTED_COLUMNS, *resource_type(type_name).extra_columns)


def blocks(rows: Iterable[Prepared], versions: dict[str, int], now: datetime) -> Iterator[bytes]:
    """The lines of these rows in large blocks. `versions` are those that are stored now, by id."""
    waiting: list[bytes] = []
    size = 0
    for prepared in rows:
        line = _line(prepared, versions.get(prepared.resource_id, 0) + 1, now)
        waiting.append(line)
        size += len(line)
        if size >= BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _line(prepared: Prepared, version_id: int, now: datetime) -> bytes:
    """Values in the order of column_names. An id needs no escape: it has letters, digits, hyphens and dots."""
    promoted, content = prepared.promoted, prepared.content
    values = [
        content.resource_id.encode(),
        b"%d" % version_id,
        _moment(now),
        b"f",
        NOTHING if promoted.patient_id is None else promoted.patient_id.encode(),
        b"\\\\x" + content.content_hash.hex().encode(),
        _escaped(content.at_version(version_id, now)),
        _array(promoted.sensitivity) if promoted.sensitivity else NOTHING,
        b"t",
    ]
    found = [*_common(promoted), *promoted.extra.values()]
    values += [NOTHING if value is None else WRITERS[type(value)](value) for value in found]
    return b"\t".join(values) + b"\n"


def _escaped(text: bytes) -> bytes:
    if b"\\" in text:
        text = text.replace(b"\\", b"\\\\")
    if b"\t" in text:
        text = text.replace(b"\t", b"\\t")
    if b"\n" in text or b"\r" in text:
        text = text.replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return text


def _array(items: list[str]) -> bytes:
    """A text[]."""
    text = '","'.join(items)
    if "\\" in text or text.count('"') != 2 * (len(items) - 1):
        text = '","'.join([item.replace("\\", "\\\\").replace('"', '\\"') for item in items])
    return _escaped(f'{{"{text}"}}'.encode())


@lru_cache(maxsize=4096)
def _moment(instant: datetime) -> bytes:
    return instant.isoformat().encode()


WRITERS: dict[type, Callable[[Any], bytes]] = {
    str: lambda text: _escaped(text.encode()),
    list: _array,
    dict: lambda value: _escaped(_encode(value)),
    datetime: _moment,
    date: lambda day: day.isoformat().encode(),
    bool: lambda flag: b"t" if flag else b"f",
}
