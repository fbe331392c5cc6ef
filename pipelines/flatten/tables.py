"""The tables and settings of a connection that a flatten works in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb

from data_contracts.contract import Column, Table
from data_contracts.tables.flat import FLAT_TABLES
from pipelines.flatten.conversions import load_conversions

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
    """Makes the flat tables, empty, in place of whatever is there under their names."""
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    for table in (*LOOKED_UP, *FLAT_TABLES):
        if (table.name,) in views:
            connection.execute(f'DROP VIEW "{table.name}"').fetchall()
        create = table.duckdb_ddl().replace("CREATE TABLE", "CREATE OR REPLACE TABLE", 1)
        connection.execute(create).fetchall()
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
