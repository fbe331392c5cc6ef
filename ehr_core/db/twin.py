"""A second connection that reads in bulk what a transaction sees: its snapshot, its role, its actor and reach.

It hands out Arrow columns, a megabyte at a time: PostgreSQL sends binary COPY, and no Python object is made for a row.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
import pyarrow
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from adbc_driver_manager import Error as DriverError
from adbc_driver_postgresql import ConnectionOptions, StatementOptions
from adbc_driver_postgresql import connect as open_driver
from psycopg.conninfo import make_conninfo
from psycopg.errors import lookup
from sqlalchemy import URL, Connection, text

from ehr_core.db.database import CONNECT_SECONDS

CARRIED = (
    "almoner.actor",
    "almoner.at",
    "almoner.base",
    "almoner.chart",
    "almoner.holders",
    "almoner.labels",
    "almoner.patient",
    "almoner.reach",
    "almoner.roles",
    "almoner.rules",
)
"""Every setting that a policy or its functions look at; a test compares. Where nothing is set, nothing is seen."""

BATCH_BYTES = 1024 * 1024
EXPORT_SNAPSHOT = text("SELECT pg_export_snapshot()")
SETTINGS = text(
    "SELECT name, coalesce(current_setting(name, true), '') FROM unnest(CAST(:names AS text[])) AS name"
)
MAY_BE_IDLE = text("SET LOCAL idle_in_transaction_session_timeout = 0")
"""The transaction waits while its twin reads, however long that takes."""
LOST = "unknown"
"""What the driver says of a connection that has gone."""


class Twin:
    """The second connection, within a transaction that reads only."""

    def __init__(self, of: Connection, connection: AdbcConnection):
        self._quoting = psycopg.ClientCursor(of.connection.driver_connection)
        self._connection = connection

    def read(self, sql: str, values: tuple[Any, ...] = ()) -> Generator[pyarrow.RecordBatch]:
        """The rows of a SELECT with %s for `values`, in batches of about BATCH_BYTES or one longer row.

        Raises psycopg's error of the same kind, without the server's words: they may hold a value. Whoever stops early
        leaves a twin that reads no more.
        """
        with self._statement(sql, values) as statement:
            statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)})
            with _errors_of_the_driver():
                stream, _ = statement.execute_query()
            with pyarrow.RecordBatchReader.from_stream(stream) as batches:
                yield from self._each(batches)

    def _each(self, batches: pyarrow.RecordBatchReader) -> Generator[pyarrow.RecordBatch]:
        while True:
            try:
                batch = batches.read_next_batch()
            except StopIteration:
                return
            except (pyarrow.ArrowException, OSError):
                raise self._broken_off() from None
            yield batch

    def _broken_off(self) -> psycopg.Error:
        status = self._connection.get_option(ConnectionOptions.TRANSACTION_STATUS.value)
        kind = psycopg.OperationalError if status == LOST else psycopg.DatabaseError
        return kind("The database broke off what was read in bulk.")

    def do(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        with self._statement(sql, values) as statement, _errors_of_the_driver():
            statement.execute_update()

    @contextmanager
    def _statement(self, sql: str, values: tuple[Any, ...]) -> Iterator[AdbcStatement]:
        """COPY takes no values, so they are quoted into its words by the first connection's driver."""
        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(self._quoting.mogrify(sql, values) if values else sql)
            yield statement


@contextmanager
def twin_of(connection: Connection) -> Iterator[Twin]:
    """A twin of a transaction that is REPEATABLE READ: it sees what that one saw, and nothing that it wrote itself."""
    with _connected(connection.engine.url) as second:
        twin = Twin(connection, second)
        _begin(twin, connection)
        yield twin


def _connected(url: URL) -> AdbcConnection:
    with _errors_of_the_driver():
        return AdbcConnection(_driver(url))


@lru_cache(maxsize=2)
def _driver(url: URL) -> AdbcDatabase:
    """What the driver learns of the server's types takes a tenth of a second, so it is kept."""
    address = make_conninfo(
        url.set(drivername="postgresql").render_as_string(hide_password=False),
        connect_timeout=CONNECT_SECONDS,
        application_name="almoner-bulk",
        client_encoding="UTF8",
        options="-c timezone=UTC",
    )
    return open_driver(address)


def _begin(twin: Twin, of: Connection) -> None:
    """The snapshot comes first: nothing may have been looked at before it."""
    of.execute(MAY_BE_IDLE)
    snapshot = of.execute(EXPORT_SNAPSHOT).scalar_one()
    settings = of.execute(SETTINGS, {"names": list(CARRIED)}).all()
    twin.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    twin.do("SET TRANSACTION SNAPSHOT %s", (snapshot,))
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    twin.do(f"SELECT {calls}", tuple(part for setting in settings for part in setting))


@contextmanager
def _errors_of_the_driver() -> Iterator[None]:
    try:
        yield
    except DriverError as error:
        raise _as_psycopg(error.sqlstate) from None


def _as_psycopg(sqlstate: str | None) -> psycopg.Error:
    try:
        kind = lookup(sqlstate or "")
    except KeyError:
        kind = psycopg.DatabaseError if sqlstate else psycopg.OperationalError
    return kind("The database did not give what was asked for in bulk.")
