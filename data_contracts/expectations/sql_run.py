"""Runs the checks as SQL counts in DuckDB: any number of rows, one pass a table, one breach a broken rule."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from data_contracts.contract import DUCKDB_TYPES, Table
from data_contracts.expectations.breach import SAMPLE_KEYS, Breach, ContractBreach
from data_contracts.expectations.checks import Check, checks_of


def check_tables(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> dict[str, int]:
    """Raises ContractBreach with every broken rule of these tables; returns the rows of each when all is well."""
    breaches, counts = [], {}
    for table in tables:
        found = find_breaches(connection, table)
        breaches += found
        if not found:
            counts[table.name] = connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]
    if breaches:
        raise ContractBreach(breaches)
    return counts


def find_breaches(connection: duckdb.DuckDBPyConnection, table: Table) -> list[Breach]:
    """Every broken rule of one table; shape first, because nothing else can be said about a wrong shape."""
    shape = _shape_breaches(connection, table)
    if shape:
        return shape
    checks = checks_of(table)
    rows = [check for check in checks if check.good is not None]
    found = []
    if rows:
        counted = ", ".join(f"count(*) FILTER (WHERE NOT coalesce({check.good}, false))" for check in rows)
        counts = connection.execute(f'SELECT {counted} FROM "{table.name}"').fetchone()
        found = [
            Breach(
                table.name,
                check.column,
                check.rule,
                count,
                _samples(connection, table, f"NOT coalesce({check.good}, false)"),
            )
            for check, count in zip(rows, counts, strict=True)
            if count
        ]
    return found + [breach for check in checks if (breach := _whole_table(connection, table, check))]


def _shape_breaches(connection: duckdb.DuckDBPyConnection, table: Table) -> list[Breach]:
    described = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND schema_name = 'main'",
        [table.name],
    ).fetchall()
    if not described:
        return [Breach(table.name, "*", "is not there", 0)]
    types = dict(described)
    found = [
        Breach(table.name, column.name, "is not there or has another type", 0)
        for column in table.columns
        if _plain_type(types.get(column.name)) != _plain_type(DUCKDB_TYPES[column.type])
    ]
    return found + [
        Breach(table.name, name, "is not in the contract", 0) for name in types if name not in table.by_name
    ]


def _plain_type(name: str | None) -> str | None:
    """One word for each of DuckDB's spellings; any whole number is an integer."""
    words = {
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
        "INTEGER": "BIGINT",
        "SMALLINT": "BIGINT",
        "TINYINT": "BIGINT",
    }
    return words.get(name, name) if name else None


def _whole_table(connection: duckdb.DuckDBPyConnection, table: Table, check: Check) -> Breach | None:
    if check.kind == "unique":
        key = ", ".join(f'"{name}"' for name in check.columns)
        doubled = f'SELECT {key} FROM "{table.name}" GROUP BY {key} HAVING count(*) > 1'
        return _breach_of(connection, table, check, doubled)
    if check.kind == "parent":
        shared = " AND ".join(f'parent."{name}" = child."{name}"' for name in check.columns)
        key = ", ".join(f'child."{name}"' for name in check.columns)
        orphans = (
            f'SELECT {key} FROM "{table.name}" AS child '
            f'WHERE NOT EXISTS (SELECT 1 FROM "{check.values[0]}" AS parent WHERE {shared})'
        )
        return _breach_of(connection, table, check, orphans)
    return None


def _breach_of(connection: duckdb.DuckDBPyConnection, table: Table, check: Check, bad: str) -> Breach | None:
    count = connection.execute(f"SELECT count(*) FROM ({bad}) AS bad").fetchone()[0]
    if not count:
        return None
    samples = connection.execute(f"{bad} LIMIT {SAMPLE_KEYS}").fetchall()
    return Breach(table.name, check.column, check.rule, count, tuple(_key_text(row) for row in samples))


def _samples(connection: duckdb.DuckDBPyConnection, table: Table, bad: str) -> tuple[str, ...]:
    key = ", ".join(f'"{name}"' for name in table.key or ("patient_key",))
    rows = connection.execute(f'SELECT {key} FROM "{table.name}" WHERE {bad} LIMIT {SAMPLE_KEYS}').fetchall()
    return tuple(_key_text(row) for row in rows)


def _key_text(row: tuple) -> str:
    return "/".join(str(part) for part in row)
