"""Runs any ViewDefinition of SQL on FHIR v2 over NDJSON files, and writes its rows to one file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.flatten.branches import Branch, Layer, compile_branches, listed
from pipelines.flatten.outputs import add_output
from pipelines.flatten.sources import (
    Source,
    drop_stage,
    file_groups,
    is_in_memory,
    stage_files,
    stage_lines,
    stage_name,
)
from pipelines.flatten.structure import Used
from pipelines.flatten.values import MORE_THAN_ONE
from pipelines.flatten.view_definitions import ViewColumn, read_view

FORMATS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
    ".csv": "FORMAT csv, HEADER",
}
RESULT = "view_rows"
REFUSED_WHILE_RUNNING = re.compile(rf"\S+: {MORE_THAN_ONE} [^\n]*")


@dataclass(frozen=True)
class StandardView:
    """A compiled view: what it reads of which resource type, its columns in order, and its SELECT."""

    name: str
    used: Used
    columns: tuple[str, ...]
    select: str


def compile_standard(document: Any) -> StandardView:
    """Raises InvalidResource with all that is wrong in the view, each by the element where it stands."""
    view, finished = read_view(document), {}
    used = Used(view.resource)
    used.part("resourceType")

    def add(branch: Branch, layer: Layer, column: ViewColumn) -> None:
        finished[branch, column.name] = add_output(layer, column)

    branches = compile_branches(view, used, add)
    columns = tuple(view.root.column_names())
    selects = []
    for branch in branches:
        of_the_type = f"s.\"resourceType\" = '{view.resource}'"
        wanted = " AND ".join(branch.conditions) or "TRUE"
        branch.conditions = (f"CASE WHEN {of_the_type} THEN {wanted} ELSE FALSE END",)
        outputs = {name: finished.get((branch, name), "NULL") for name in columns}
        selects.append(f"SELECT {listed(outputs)} FROM ({branch.sql()})")
    return StandardView(view.name, used, columns, " UNION ALL ".join(selects))


def view_rows(connection: duckdb.DuckDBPyConnection, view: StandardView, source: Source) -> int:
    """Makes the table `view_rows` in the connection, of NDJSON files or of lines in memory. Returns the rows.

    Lines of other resource types are passed over. Raises BadRequest for a line that is no JSON, and for a resource
    that has more values than the view allows; the message quotes no line.
    """
    rows = 0
    try:
        for place, _ in enumerate(_staged(connection, view, source)):
            verb = f"INSERT INTO {RESULT}" if place else f"CREATE OR REPLACE TEMP TABLE {RESULT} AS"
            select = view.select.replace("{stage}", stage_name(view.used.type_name))
            rows += connection.execute(f"{verb} {select}").fetchall()[0][0]
    except duckdb.Error as error:
        raise _in_a_sentence(view, error) from None
    finally:
        drop_stage(connection, view.used.type_name)
    return rows


def _staged(connection: duckdb.DuckDBPyConnection, view: StandardView, source: Source) -> Iterator[int]:
    if is_in_memory(source):
        yield stage_lines(connection, view.used, source)
        return
    for files in file_groups(source):
        yield stage_files(connection, view.used, files)


def _in_a_sentence(view: StandardView, error: duckdb.Error) -> BadRequest:
    if told := REFUSED_WHILE_RUNNING.search(str(error)):
        return BadRequest(f"{told[0].rstrip()}.")
    return BadRequest(
        f"The {view.used.type_name} lines cannot be read for the view '{view.name}' ({type(error).__name__}). "
        "Each line is one FHIR resource in JSON."
    )


def files_of(folder: Path, resource_type: str) -> list[Path]:
    """The folder's NDJSON files of a type: Patient.ndjson, Patient-0001.ndjson.zst, Patient.001.ndjson.gz …

    Raises NotFound when there is none.
    """
    named = re.compile(rf"{resource_type}(?:[-._].*)?\.ndjson(?:\.gz|\.zst)?")
    found = sorted(path for path in folder.iterdir() if named.fullmatch(path.name)) if folder.is_dir() else []
    if not found:
        raise NotFound(
            f"'{folder}' holds no file of {resource_type} lines. It is named {resource_type}.ndjson, "
            f"{resource_type}-0001.ndjson.zst or {resource_type}.ndjson.gz."
        )
    return found


def run_view(document: Any, folder: Path, target: Path) -> int:
    """Writes the rows of a view over a folder of NDJSON files to a Parquet or CSV file. Returns the number of rows.

    The file appears when it is complete, readable by its owner only, in place of an older one.
    """
    options = FORMATS.get(target.suffix.lower())
    if options is None:
        raise BadRequest(
            f"'{target.name}' ends in neither .parquet nor .csv. Name the target after its format."
        )
    if not target.parent.is_dir():
        raise NotFound(f"There is no folder '{target.parent}' to write to.")
    view = compile_standard(document)
    files = files_of(folder, view.used.type_name)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".views-") as private:
        draft = Path(private, target.name)
        with duckdb.connect(config={"temp_directory": private}) as connection:
            connection.execute("SET TimeZone = 'UTC'").fetchall()
            rows = view_rows(connection, view, files)
            path = str(draft).replace("'", "''")
            connection.execute(f"COPY {RESULT} TO '{path}' ({options})").fetchall()
        draft.chmod(0o600)
        draft.replace(target)
    return rows


def as_dictionaries(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows = connection.execute(f"SELECT * FROM {RESULT}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]
