"""The tables and settings of a connection that a flatten works in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb

from data_contracts.contract import Column, Table
from data_contracts.tables.flat import FLAT_TABLES
from pipelines.flatten.conversions import TABLES as CONVERSIONS
from pipelines.flatten.conversions import load_conversions
from pipelines.flatten.sources import STAGE_PREFIX

WORN_OUT_ROWS = 2_000

MEDICATION_CODING = Table(
    name="medication_coding",
    description="Codings of medications, which belong to no patient: prescriptions that refer to one take them over.",
    columns=(
        Column("key_id", "text", "Pseudonym key of the row.", required=True),
        Column("medication_key", "text", "The Medication."),
        Column("system", "text", "Code system URI."),
        Column("code", "text", "The code."),
    ),
)
LOOKED_UP: tuple[Table, ...] = (MEDICATION_CODING,)
"""Tables that only a flatten reads, filled before the tables that look things up in them. They are not written."""


def make_ready(connection: duckdb.DuckDBPyConnection) -> None:
    """Empties the flat tables that stand as their contract says; makes the others, in place of whatever is there.

    Deleted rows of a table in memory stay where they are, so a table that has held many is made anew.
    """
    known = _known(connection)
    for table in (*LOOKED_UP, *FLAT_TABLES):
        columns, rows = known.get(table.name, ((), 0))
        if columns == table.column_names and rows < WORN_OUT_ROWS:
            connection.execute(f'DELETE FROM "{table.name}"').fetchall()
            continue
        if table.name in known:
            kind = "TABLE" if columns else "VIEW"
            connection.execute(f'DROP {kind} "{table.name}"').fetchall()
        connection.execute(table.duckdb_ddl()).fetchall()
    for name, (_, rows) in known.items():
        if name.startswith(STAGE_PREFIX) and rows >= WORN_OUT_ROWS:
            connection.execute(f"DROP TABLE {name}").fetchall()
    if not known.keys() >= set(CONVERSIONS):
        load_conversions(connection)


@contextmanager
def session_settings(connection: duckdb.DuckDBPyConnection, wanted: Mapping[str, str]) -> Iterator[None]:
    """Sets them while a flatten runs, and sets them back."""
    current = ", ".join(f"CAST(current_setting('{name}') AS VARCHAR)" for name in wanted)
    before = connection.execute(f"SELECT {current}").fetchall()[0]
    _set(connection, wanted)
    try:
        yield
    finally:
        _set(connection, dict(zip(wanted, before, strict=True)))


def _set(connection: duckdb.DuckDBPyConnection, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        connection.execute(f"SET {name} = '{value}'").fetchall()


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[list[str], int]]:
    """The columns of every table and the rows that it takes up; a view is there too, without columns."""
    tables = connection.execute(
        "SELECT t.table_name, list(c.column_name ORDER BY c.column_index), t.estimated_size"
        " FROM duckdb_tables() t JOIN duckdb_columns() c USING (table_oid, table_name) GROUP BY ALL"
    ).fetchall()
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    return {name: (columns, rows) for name, columns, rows in tables} | {name: ([], 0) for (name,) in views}
