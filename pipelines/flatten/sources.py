"""Where the lines come from: NDJSON files (plain, gz, zst) or lines in memory; one staging table for both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.structure import Used
from pipelines.flatten.views import STAGE

Source = Sequence[Path | str] | Sequence[bytes]
LINES = "flatten_lines"
STAGED_BYTES = (
    1 << 30
)  # files are staged in groups of about this size, so that memory does not grow with the lake
EXACT_NUMBERS = {"exact_numbers": "DECIMAL(1,0)"}
COMPRESSED_RATIO = 10


def stage(
    connection: duckdb.DuckDBPyConnection, resource_type: str, used: Used, source: Source
) -> Iterator[int]:
    """Fills the staging table, group after group of files; yields the number of lines each time.

    Raises BadRequest when a line is no JSON or an element has the wrong type.
    """
    for group in _groups(source):
        try:
            yield (
                _stage_lines(connection, used, group)
                if _in_memory(group)
                else _stage_files(connection, used, group)
            )
        except duckdb.Error as error:
            raise BadRequest(
                f"The {resource_type} lines cannot be read as the FHIR JSON that flatten expects "
                f"({type(error).__name__}). De-identify them again, or look at the report of the export."
            ) from None
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {STAGE}")


def _stage_files(connection: duckdb.DuckDBPyConnection, used: Used, files: Sequence[Path | str]) -> int:
    listed = "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "]"
    if used.has_digits:
        rows = f"SELECT unnest({_from_json(used)}) FROM read_ndjson_objects({listed})"
    else:
        columns = ", ".join(f"\"{name}\": '{part.duckdb_type()}'" for name, part in used.parts.items())
        rows = f"SELECT * FROM read_json({listed}, columns={{{columns}}}, format='newline_delimited')"
    return connection.execute(f"CREATE OR REPLACE TEMP TABLE {STAGE} AS {rows}").fetchone()[0]


def _stage_lines(connection: duckdb.DuckDBPyConnection, used: Used, lines: Sequence[bytes]) -> int:
    connection.register(LINES, pa.table({"json": pa.array(lines, type=pa.string())}))
    try:
        rows = f"SELECT unnest({_from_json(used)}) FROM {LINES}"
        return connection.execute(f"CREATE OR REPLACE TEMP TABLE {STAGE} AS {rows}").fetchone()[0]
    finally:
        connection.unregister(LINES)


def _from_json(used: Used) -> str:
    """DuckDB keeps a number's digits as written only when a DECIMAL is among the columns it parses for.

    `tests/spec/flatten` holds it to that.
    """
    structure = used.json_structure() | (EXACT_NUMBERS if used.has_digits else {})
    return f"from_json(json, '{json.dumps(structure)}')"


def _in_memory(group: Sequence[object]) -> bool:
    return isinstance(group[0], bytes)


def _groups(source: Source) -> Iterator[Source]:
    if not source:
        return
    if _in_memory(source):
        yield source
        return
    group: list[Path | str] = []
    size = 0
    for path in source:
        group.append(path)
        size += Path(path).stat().st_size * (1 if str(path).endswith("json") else COMPRESSED_RATIO)
        if size >= STAGED_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
