"""Writes the flat tables as Parquet, sorted for how they are read, and opens a written folder as views."""

from __future__ import annotations

from pathlib import Path

import duckdb

from data_contracts.contract import Table
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import NotFound


def write_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, int]:
    """One `<table>.parquet` (zstd) a flat table, sorted by patient, coding tables by code first. Returns rows by table.

    The folder is a draft of the caller's: publishing it by rename is not done here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for table in FLAT_TABLES:
        path = str(folder / f"{table.name}.parquet").replace("'", "''")
        written = connection.execute(
            f'COPY (SELECT * FROM "{table.name}" ORDER BY {", ".join(sort_columns(table))})'
            f" TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        )
        rows[table.name] = written.fetchall()[0][0]
    return rows


def open_parquet(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Makes each flat table of a written folder a view of the same name.

    Raises NotFound when a table's file is missing: a half-written folder is no snapshot.
    """
    missing = [table.name for table in FLAT_TABLES if not (folder / f"{table.name}.parquet").is_file()]
    if missing:
        raise NotFound(f"The flat tables in '{folder.name}' are incomplete: {', '.join(missing)} is missing.")
    for table in FLAT_TABLES:
        path = str(folder / f"{table.name}.parquet").replace("'", "''")
        connection.execute(f"CREATE OR REPLACE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{path}')")


def sort_columns(table: Table) -> tuple[str, ...]:
    """Measures ask coding tables by code; everything else is read a patient at a time."""
    if table.name.endswith("_coding"):
        return ("system", "code", "patient_key", "resource_key")
    if "resource_key" in table.by_name:
        return ("patient_key", "resource_key")
    return ("patient_key",)
