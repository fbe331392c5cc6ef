"""Where tables are made of other tables: a step says what a table is, a workbench how it comes about.

A night makes each table once, of many rows, in a DuckDB connection. The minute makes the same tables over and over, of
few rows, and there planning a statement takes far longer than running it: it keeps the plans. Both run the same SELECT.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Protocol

import duckdb
import pyarrow as pa

from data_contracts.contract import DUCKDB_TYPES, Column, Table
from ehr_core.kernel.errors import BadRequest

JUDGED_BY_CONTENT = frozenset(
    {"compressed_materialization", "join_filter_pushdown", "late_materialization", "statistics_propagation"}
)
"""Optimizers that look at the rows of the moment: what they conclude may not hold for the next rows of a kept plan."""


class Workbench(Protocol):
    def lay(self, name: str, rows: pa.Table) -> None:
        """Puts rows there under a name, in place of what was there."""

    def make(self, name: str, select: str, contract: Table | None = None) -> None:
        """Makes a table of what a SELECT over the others gives; with a contract of just its columns, in its order."""

    def rows(self, name: str) -> pa.Table:
        """The rows of a table that was laid or made."""


class MadeOnce:
    """Tables of a DuckDB connection, made where their rows are."""

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self.connection = connection

    def lay(self, name: str, rows: pa.Table) -> None:
        self.connection.register(name, rows)

    def make(self, name: str, select: str, contract: Table | None = None) -> None:
        if contract is None:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")
            return
        self.connection.execute(
            contract.duckdb_ddl(name).replace("CREATE TABLE", "CREATE OR REPLACE TABLE", 1)
        )
        self.connection.execute(f"INSERT INTO {name} {select}")

    def rows(self, name: str) -> pa.Table:
        return self.connection.sql(f'SELECT * FROM "{name}"').to_arrow_table()


class KeptPlans:
    """Tables that Python holds, and statements over them that are planned once and only run afterwards.

    DuckDB plans a prepared statement anew whenever it reads a table of its own, but not when it reads a view of rows
    that come from outside; so every table here is such a view, whose rows are replaced (docs/adr/0010). A statement
    that says something else under the name of an old one takes its place. One thread; `time_zone` is the session's.
    """

    def __init__(self, time_zone: str):
        self.time_zone = time_zone
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(f"SET TimeZone = '{time_zone}'")
        known = self._connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()
        unfit = sorted(JUDGED_BY_CONTENT.intersection(name for (name,) in known))
        self._connection.execute(f"SET disabled_optimizers = '{','.join(unfit)}'")
        self._held: dict[str, _Held] = {}
        self._planned: dict[str, str] = {}
        self._empty: dict[str, pa.Table] = {}

    def lay(self, name: str, rows: pa.Table) -> None:
        """Raises ValueError when the columns are not those that the plans were made for."""
        held = self._held.get(name)
        if held is None:
            self._held[name] = held = _Held(rows)
            self._connection.register(name, held)
        elif not held.rows.schema.equals(rows.schema):
            raise ValueError(f"The columns of '{name}' changed, so the plans that read it no longer fit.")
        held.rows = rows

    def make(self, name: str, select: str, contract: Table | None = None) -> None:
        """Raises BadRequest when a row lacks what the contract requires."""
        if self._planned.get(name) != select:
            self._plan(name, select, contract)
        rows = self._run(f"EXECUTE make_{name}")
        if contract is not None:
            _require(rows, contract)
        self.lay(name, rows)

    def empty(self, contract: Table) -> None:
        """Lays the contract's table without rows."""
        if contract.name not in self._empty:
            columns = ", ".join(
                f'CAST(NULL AS {DUCKDB_TYPES[column.type]}) AS "{column.name}"' for column in contract.columns
            )
            self._empty[contract.name] = self._run(f"SELECT {columns} LIMIT 0")
        self.lay(contract.name, self._empty[contract.name])

    def rows(self, name: str) -> pa.Table:
        return self._held[name].rows

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str) -> pa.Table:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that rows are copied once more is nothing, of a few rows
            return self._connection.execute(statement).to_arrow_reader().read_all()

    def _plan(self, name: str, select: str, contract: Table | None) -> None:
        if self._planned.pop(name, None) is not None:
            self._connection.execute(f"DEALLOCATE make_{name}")
        statement = select if contract is None else _as_contracted(select, contract.columns)
        self._connection.execute(f"PREPARE make_{name} AS {statement}")
        self._planned[name] = select


class _Held:
    """Rows that DuckDB asks for whenever a statement runs, so that a plan never holds the rows of another time."""

    def __init__(self, rows: pa.Table):
        self.rows = rows

    def __arrow_c_schema__(self) -> object:
        return self.rows.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


def workbench(place: duckdb.DuckDBPyConnection | Workbench) -> Workbench:
    """A workbench as it is; a connection as one on which tables are made once."""
    return MadeOnce(place) if isinstance(place, duckdb.DuckDBPyConnection) else place


def _as_contracted(select: str, columns: Sequence[Column]) -> str:
    """What an INSERT into the contract's table would do: columns by their order, each of its type."""
    names = ", ".join(f'"{column.name}"' for column in columns)
    typed = ", ".join(
        f'CAST("{column.name}" AS {DUCKDB_TYPES[column.type]}) AS "{column.name}"' for column in columns
    )
    return f"SELECT {typed} FROM ({select}) AS made ({names})"


def _require(rows: pa.Table, contract: Table) -> None:
    for column in contract.columns:
        if column.required and rows[column.name].null_count:
            raise BadRequest(
                f"A row of '{contract.name}' has no '{column.name}', which its contract requires."
            )
