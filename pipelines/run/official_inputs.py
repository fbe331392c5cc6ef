"""What the official measures are about to read, as contract tables: made of the packages and a batch of the lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from data_contracts.contract import DUCKDB_TYPES, Table
from data_contracts.expectations import require_sound
from data_contracts.tables.official_inputs import (
    OFFICIAL_INPUT_TABLES,
    OFFICIAL_READS,
    OFFICIAL_RECORDS,
    OFFICIAL_VALUE_SETS,
)
from pipelines.deidentify.stream import read_lines, resource_files
from pipelines.measures.elm.population import OWNED_BY
from pipelines.measures.official.facts import OF_NOBODY
from pipelines.measures.official.kept import Ready
from pipelines.measures.official.requirements import needs_of
from pipelines.run.draft import Draft

BATCH = 2_000
"""Lines of each type that are looked at singly: what breaks all of a type shows in any of them."""
ARROW = {"text": pa.string(), "integer": pa.int64(), "boolean": pa.bool_()}


def require_sound_inputs(draft: Draft, ready: Sequence[Ready], *, deep: bool) -> dict[str, int]:
    """Raises ContractBreached unless the three tables of the inputs keep their contracts; returns their rows.

    `deep` also reads them through Great Expectations.
    """
    files = resource_files(draft.resources)
    lines = {kind: read_lines(paths) for kind, paths in files.items()}
    with duckdb.connect() as connection:
        make_inputs(connection, ready, lines, draft.facts.kept)
        names = [table.name for table in OFFICIAL_INPUT_TABLES]
        return require_sound(connection, names, as_of=draft.facts.as_of, great_expectations=deep)


def make_inputs(
    connection: duckdb.DuckDBPyConnection,
    ready: Sequence[Ready],
    lines: Mapping[str, Iterable[bytes]],
    kept: Mapping[str, int],
) -> None:
    """Makes the three tables there, of the packages, the lines by type, and how many of each were let pass."""
    _make(connection, OFFICIAL_VALUE_SETS, _value_sets(ready))
    _make(connection, OFFICIAL_READS, _reads(ready, lines.keys(), kept))
    _make(connection, OFFICIAL_RECORDS, _records(ready, lines))


def _value_sets(ready: Sequence[Ready]) -> Iterator[tuple]:
    for package in ready:
        for chosen in package.measures:
            for url in chosen.compiled.program.value_sets:
                found = package.engine.package.value_set(url)
                codes, total = (0, None) if found is None else (len(found.codes), found.total)
                for group in chosen.active:
                    yield package.package_id, group.measure_id, url, codes, total


def _reads(ready: Sequence[Ready], there: Collection[str], kept: Mapping[str, int]) -> Iterator[tuple]:
    for package in ready:
        for need in needs_of([package]):
            kind = need.resource_type
            elements = ", ".join(sorted(need.elements))
            yield package.package_id, need.measure_id, kind, elements, kept.get(kind, 0), kind in there


def _records(ready: Sequence[Ready], lines: Mapping[str, Iterable[bytes]]) -> Iterator[tuple]:
    for kind in sorted(frozenset().union(*(package.types for package in ready))):
        for line in islice(lines.get(kind, ()), BATCH):
            content = orjson.loads(line)
            yield kind, content.get("resourceType"), content.get("id"), _owner(content), kind not in OF_NOBODY


def _owner(content: Mapping[str, Any]) -> str | None:
    if content.get("resourceType") == "Patient":
        return content.get("id")
    for element in OWNED_BY:
        holder = content.get(element)
        reference = holder.get("reference", "") if isinstance(holder, dict) else ""
        if "Patient/" in reference:
            return reference.rpartition("Patient/")[2]
    return None


def _make(connection: duckdb.DuckDBPyConnection, table: Table, rows: Iterator[tuple]) -> None:
    """The table without its NOT NULL: what is missing is for its contract to tell."""
    listed = list(rows)
    columns = zip(*listed, strict=True) if listed else ([] for _ in table.columns)
    arrays = [
        pa.array(values, ARROW[column.type]) for values, column in zip(columns, table.columns, strict=True)
    ]
    connection.register("made", pa.table(arrays, names=table.column_names))
    typed = ", ".join(
        f'CAST("{one.name}" AS {DUCKDB_TYPES[one.type]}) AS "{one.name}"' for one in table.columns
    )
    connection.execute(f"CREATE TABLE {table.name} AS SELECT {typed} FROM made")
    connection.unregister("made")
