"""Every row of a table against its checks, as counts in DuckDB: one scan for all row checks."""

from __future__ import annotations

from datetime import date

import duckdb

from data_contracts.contract import DUCKDB_TYPES, Table
from data_contracts.expectations.breach import SAMPLE_KEYS, WHOLE_TABLE, Breach
from data_contracts.expectations.catalog import queries_of, row_checks_of
from data_contracts.expectations.check import Check
from data_contracts.expectations.derived import PSEUDONYM, sample_key
from ehr_core.kernel.logging import get_logger

log = get_logger(__name__)
SPELLINGS = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
Types = dict[str, str]


def column_types(connection: duckdb.DuckDBPyConnection) -> dict[str, Types]:
    """Types by column of every table and view in the connection's current schema."""
    found: dict[str, Types] = {}
    for table, column, type_ in connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_catalog = current_database() AND table_schema = current_schema()"
    ).fetchall():
        found.setdefault(table, {})[column] = SPELLINGS.get(type_, type_)
    return found


def count_rows(connection: duckdb.DuckDBPyConnection, table_name: str) -> int:
    return connection.execute(f'SELECT count(*) FROM "{table_name}"').fetchall()[0][0]


def shape_breaches(table: Table, types: Types, rows: int) -> list[Breach]:
    """Columns that are missing, have another type, or are not in the contract (they could hold anything)."""
    found = []
    for column in table.columns:
        expected, actual = DUCKDB_TYPES[column.type], types.get(column.name)
        if actual is None:
            found.append(Breach(table.name, column.name, "be a column of the table", rows))
        elif actual != expected:
            found.append(Breach(table.name, column.name, f"be of type {column.type} ({expected})", rows))
    unlisted = sorted(set(types) - set(table.by_name))
    if unlisted:
        words = f"have no columns beyond its contract ({len(unlisted)} more)"
        found.append(Breach(table.name, WHOLE_TABLE, words, rows))
    return found


def row_breaches(
    connection: duckdb.DuckDBPyConnection, table: Table, sound: frozenset[str], *, as_of: date
) -> list[Breach]:
    """`sound` are the columns of the right type: only those are read, so that no value gets into an error."""
    checks = [check for check in row_checks_of(table.name) if sound.issuperset(check.uses)]
    if not checks:
        return []
    counted = ", ".join(f"count(*) FILTER (WHERE {on_day(check.fails, as_of)})" for check in checks)
    rows, *failing = connection.execute(f'SELECT count(*), {counted} FROM "{table.name}"').fetchall()[0]
    found = []
    for check, count in zip(checks, failing, strict=True):
        if count > check.tolerated(rows):
            keys = _row_keys(connection, table, check, as_of) if sample_key(table) in sound else ()
            found.append(Breach(table.name, check.column, check.should, count, keys))
        elif count:
            log.warning(
                "contract_dirt", table=table.name, column=check.column, should=check.should, rows=count
            )
    return found


def query_breaches(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    sound_tables: frozenset[str],
    *,
    as_of: date,
) -> list[Breach]:
    """The checks over many rows, where all tables that they read are there in their contract's shape."""
    found = []
    for query in queries_of(table.name):
        if not sound_tables.issuperset(query.tables):
            continue
        count, keys = connection.execute(
            f"SELECT coalesce(sum(rows), 0), list(DISTINCT key) FILTER (WHERE {_is_pseudonym('key')}) "
            f"FROM ({on_day(query.failing, as_of)})"
        ).fetchall()[0]
        if count:
            samples = tuple(sorted(keys or ())[:SAMPLE_KEYS])
            found.append(Breach(table.name, query.column, query.should, int(count), samples))
    return found


def on_day(sql: str, as_of: date) -> str:
    return sql.replace("$as_of", f"DATE '{as_of.isoformat()}'")


def _row_keys(
    connection: duckdb.DuckDBPyConnection, table: Table, check: Check, as_of: date
) -> tuple[str, ...]:
    key = f'"{sample_key(table)}"'
    rows = connection.execute(
        f'SELECT DISTINCT {key} FROM "{table.name}" '
        f"WHERE ({on_day(check.fails, as_of)}) AND {_is_pseudonym(key)} ORDER BY 1 LIMIT {SAMPLE_KEYS}"
    ).fetchall()
    return tuple(found for (found,) in rows)


def _is_pseudonym(column: str) -> str:
    return f"regexp_matches({column}, '{PSEUDONYM}')"
