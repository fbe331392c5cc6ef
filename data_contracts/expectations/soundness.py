"""Are these tables sound? All readings together, and the refusal that keeps a broken table from going further."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import duckdb

from data_contracts.contract import DUCKDB_TYPES, Table
from data_contracts.expectations.breach import WHOLE_TABLE, Breach, breached
from data_contracts.expectations.catalog import contract
from data_contracts.expectations.in_sql import (
    column_types,
    count_rows,
    query_breaches,
    row_breaches,
    shape_breaches,
)
from data_contracts.tables import TABLES


def check_tables(
    connection: duckdb.DuckDBPyConnection,
    table_names: Collection[str],
    *,
    as_of: date,
    great_expectations: bool = True,
) -> list[Breach]:
    """Every breach of these tables or views, in the order asked; none means sound.

    `as_of` is the day (site time zone) that the tables answer for. Checks over several tables read the others where
    they are in the connection in their contract's shape. `great_expectations=False` leaves out the second reading of
    batches, which costs an import of seconds. Raises NotFound for a table without a contract.
    """
    asked = [contract(name) for name in table_names]
    types = column_types(connection)
    sound_tables = frozenset(
        name for name, table in TABLES.items() if name in types and not shape_breaches(table, types[name], 0)
    )
    found: list[Breach] = []
    for table in asked:
        its_types = types.get(table.name)
        if its_types is None:
            found.append(Breach(table.name, WHOLE_TABLE, "be there", 0))
            continue
        rows = count_rows(connection, table.name)
        sound = frozenset(
            column.name for column in table.columns if its_types.get(column.name) == DUCKDB_TYPES[column.type]
        )
        found += shape_breaches(table, its_types, rows)
        found += row_breaches(connection, table, sound, as_of=as_of)
        found += query_breaches(connection, table, sound_tables, as_of=as_of)
        if great_expectations and rows and table.name in sound_tables:
            found += _second_reading(connection, table, found, as_of)
    return found


def require_sound(
    connection: duckdb.DuckDBPyConnection,
    table_names: Collection[str],
    *,
    as_of: date,
    great_expectations: bool = True,
) -> dict[str, int]:
    """Rows by table when all are sound; otherwise raises ContractBreached, which carries the breaches."""
    breaches = check_tables(connection, table_names, as_of=as_of, great_expectations=great_expectations)
    if breaches:
        raise breached(breaches)
    return {name: count_rows(connection, name) for name in table_names}


def _second_reading(
    connection: duckdb.DuckDBPyConnection, table: Table, counted: list[Breach], as_of: date
) -> list[Breach]:
    """What Great Expectations finds in a batch and the counts have not found."""
    from data_contracts.expectations.on_batch import batch_breaches, batch_of

    known = {(breach.table, breach.column, breach.expectation) for breach in counted}
    read = batch_breaches(batch_of(connection, table), table, as_of=as_of)
    return [breach for breach in read if (breach.table, breach.column, breach.expectation) not in known]
