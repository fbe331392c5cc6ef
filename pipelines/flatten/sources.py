"""Where the lines come from: NDJSON files (plain, gz, zst) or lines in memory; a staging table a type for both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.flatten.structure import Used

Files = Sequence[Path | str]
Source = Files | Sequence[bytes]
STAGE_PREFIX = "flatten_stage_"
GROUP_BYTES = (
    1 << 30
)  # files are staged in groups of about this size, so that memory does not grow with the lake
COMPRESSED_RATIO = 10
EXACT_NUMBERS = {"exact_numbers": "DECIMAL(1,0)"}


def stage_name(resource_type: str) -> str:
    return f"{STAGE_PREFIX}{resource_type}"


def is_in_memory(source: Source) -> bool:
    return bool(source) and isinstance(source[0], bytes)


def file_groups(files: Files) -> Iterator[list[Path | str]]:
    """The files in groups that are staged together."""
    group: list[Path | str] = []
    size = 0
    for path in files:
        group.append(path)
        size += Path(path).stat().st_size * (1 if str(path).endswith("json") else COMPRESSED_RATIO)
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def stage_files(connection: duckdb.DuckDBPyConnection, used: Used, files: Files) -> int:
    """Reads files into the type's staging table, made anew. Returns the number of lines.

    `read_json` is faster but rounds numbers, and refuses a contained resource whose `code` has another type.
    """
    listed = "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "]"
    if used.has_digits or "contained" in used.parts:
        rows = f"SELECT unnest({_from_json(used)}) FROM read_ndjson_objects({listed})"
    else:
        columns = ", ".join(f"\"{name}\": '{part.duckdb_type()}'" for name, part in used.parts.items())
        rows = f"SELECT * FROM read_json({listed}, columns={{{columns}}}, format='newline_delimited')"
    create = f"CREATE OR REPLACE TEMP TABLE {stage_name(used.type_name)} AS {rows}"
    return connection.execute(create).fetchall()[0][0]


def stage_lines(connection: duckdb.DuckDBPyConnection, used: Used, lines: Sequence[bytes]) -> int:
    """Puts lines in memory into the type's staging table, made anew. Returns the number of lines."""
    name = lines_name(used.type_name)
    connection.register(name, as_column(lines))
    try:
        create = f"CREATE OR REPLACE TEMP TABLE {stage_name(used.type_name)} AS {staged(used)}"
        return connection.execute(create).fetchall()[0][0]
    finally:
        connection.unregister(name)


def lines_name(resource_type: str) -> str:
    return f"flatten_lines_{resource_type}"


def as_column(lines: Sequence[bytes]) -> pa.Table:
    """Lines as a table of one column. Raises ArrowInvalid for what is not text."""
    return pa.table({"json": pa.array(lines, type=pa.string())})


def staged(used: Used) -> str:
    """The SELECT of a type's staging table over its lines in memory."""
    names = ", ".join(f'r."{name}"' for name in used.parts)
    return f"SELECT {names} FROM (SELECT {_from_json(used)} AS r FROM {lines_name(used.type_name)})"


def drop_stage(connection: duckdb.DuckDBPyConnection, resource_type: str) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {stage_name(resource_type)}").fetchall()


def _from_json(used: Used) -> str:
    """DuckDB keeps a number's digits as written only when a DECIMAL is among the columns it parses for.

    `tests/spec/flatten` holds it to that.
    """
    structure = used.json_structure() | (EXACT_NUMBERS if used.has_digits else {})
    return f"from_json(json, '{json.dumps(structure)}')"
