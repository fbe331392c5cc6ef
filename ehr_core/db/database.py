"""The door to PostgreSQL: a pool, and transactions in which the server knows who acts and how far they reach."""

from __future__ import annotations

import logging
import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ehr_core.kernel.errors import Unavailable

logging.getLogger("psycopg").setLevel(logging.ERROR)
"""Its warnings tell of a connection that is lost, past our own log; that is told once, by whoever lost it."""

REACHES = frozenset({"all", "own", "none"})
CONNECT_SECONDS = 10
POOL_WAIT_SECONDS = 20
AWAY = ("08", "57P", "53")
"""SQLSTATE classes of a server that is gone, going or out of means."""
DISK_FULL = "53100"

SET_ACTOR = (
    "SELECT set_config('almoner.actor', %(actor)s, true), set_config('almoner.reach', %(reach)s, true), "
    "set_config('almoner.patient', %(patient)s, true), set_config('almoner.labels', %(labels)s, true), "
    "set_config('almoner.roles', %(roles)s, true), set_config('almoner.chart', '', true)"
)
ENTER_STAFF = "SELECT access.enter_staff(%(actor)s, %(roles)s, %(base)s, %(labels)s, %(one)s, %(at)s)"
SET_LABELS = text("SELECT set_config('almoner.labels', :labels, true)")
ALL_LABELS = "*"
WHOLE_RECORD = "whole"
"""In place of labels: no row is kept back for its labels, whatever rules say. See chart_policy.whole_record."""


@dataclass(frozen=True)
class StaffWalls:
    """How far somebody of the staff reaches by role; the rules about single charts are in the database.

    `base` is all, site, panel or none; `labels` the sensitive labels they see, '*' for all; `one` the only patient of
    an application that was opened for one; `at` is the moment by which rules hold and end.
    """

    base: str
    roles: tuple[str, ...]
    labels: frozenset[str]
    one: str | None = None
    at: datetime | None = None


class DatabaseAway(Unavailable):
    """The server cannot be reached, or went away in the middle of a transaction."""


def database_away(error: BaseException) -> DatabaseAway | None:
    """The error in a person's words when it says that the server is away; None when it says anything else."""
    if isinstance(error, DatabaseAway):
        return error
    cause = error.orig if isinstance(error, DBAPIError) else error
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate == DISK_FULL:
        return DatabaseAway("The disk of the database is full. Make room on it and try again.")
    lost = (
        sqlstate.startswith(AWAY) if sqlstate else isinstance(cause, (psycopg.OperationalError, PoolTimeout))
    )
    if not lost:
        return None
    return DatabaseAway(
        "The database cannot be reached. Check that it runs (`almoner status`) and try again."
    )


class Database:
    """A pool of connections as the application role, which owns nothing and bypasses no policy."""

    def __init__(self, engine: Engine):
        self.engine = engine

    @property
    def url(self) -> str:
        """The address with its password, for a worker process that opens a pool of its own. Never log it."""
        return self.engine.url.render_as_string(hide_password=False)

    @contextmanager
    def transaction(
        self,
        *,
        actor_id: str,
        reach: str,
        patient_id: str | None,
        staff: StaffWalls | None = None,
        labels: frozenset[str] = frozenset(),
        roles: tuple[str, ...] = (),
        isolation: str | None = None,
        read_only: bool = False,
    ) -> Iterator[Connection]:
        """One transaction in which row-level security sees this actor; commits at the end, rolls back on error.

        `isolation` is SQLAlchemy's name of a level, such as 'REPEATABLE READ'. For the rest see `enter`.

        Raises DatabaseAway when the server cannot be reached or goes away.
        """
        with self._connection() as connection:
            if isolation or read_only:
                options = {"isolation_level": isolation} if isolation else {}
                connection = connection.execution_options(**options, postgresql_readonly=read_only)
            with connection.begin():
                self.enter(
                    connection,
                    actor_id=actor_id,
                    reach=reach,
                    patient_id=patient_id,
                    staff=staff,
                    labels=labels,
                    roles=roles,
                )
                yield connection

    def enter(
        self,
        connection: Connection,
        *,
        actor_id: str,
        reach: str,
        patient_id: str | None,
        staff: StaffWalls | None = None,
        labels: frozenset[str] = frozenset(),
        roles: tuple[str, ...] = (),
    ) -> None:
        """From here on row-level security sees this actor in the transaction.

        `reach`: 'all' rows of patients, 'own' (needs `patient_id`), or 'none'; `staff` narrows 'all' to what role and
        rules leave. `labels` are the sensitive labels that 'own' sees; a service sees all.
        """
        if reach not in REACHES or (reach == "own") != (patient_id is not None):
            raise ValueError("reach is 'all', 'none', or 'own' together with a patient_id")
        if staff is not None:
            at_once(connection, ENTER_STAFF, {"actor": actor_id} | _of_staff(staff))
            return
        seen = ALL_LABELS if reach == "all" else ",".join(sorted(labels))
        values = {"actor": actor_id, "reach": reach, "patient": patient_id or "", "labels": seen}
        at_once(connection, SET_ACTOR, values | {"roles": ",".join(roles)})

    @contextmanager
    def system(self) -> Iterator[Connection]:
        """A transaction without an actor, which sees no row of any patient: for health checks, or to find who asks."""
        with self._connection() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except (DBAPIError, psycopg.Error, PoolTimeout) as error:
            if away := database_away(error):
                raise away from error
            raise


def at_once(connection: Connection, sql: str, values: dict[str, Any]) -> psycopg.Cursor[Any]:
    """The first statement of a transaction, sent together with its BEGIN."""
    driver = connection.connection.driver_connection
    with driver.pipeline():
        return driver.execute(sql, values)


def looked_up(connection: Connection, sql: str, values: dict[str, Any]) -> Any | None:
    """As `at_once`: the first row, with its columns' names; None without one."""
    cursor = at_once(connection, sql, values)
    row = cursor.fetchone()
    return row and namedtuple_row(cursor)(row)


def _of_staff(walls: StaffWalls) -> dict[str, str]:
    return {
        "roles": ",".join(walls.roles),
        "base": walls.base,
        "labels": ",".join(sorted(walls.labels)),
        "one": walls.one or "",
        "at": walls.at.isoformat() if walls.at else "",
    }


def connect(url: str, *, pool_size: int = 5, application_name: str = "almoner") -> Database:
    """A Database for a `postgresql://` address. Opens no connection yet; its errors never show a statement's values."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        address,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": application_name,
            "options": "-c timezone=UTC",
        },
    )
    event.listen(engine, "checkout", _require_living)
    return Database(engine)


def _require_living(driver: psycopg.Connection, *_: object) -> None:
    """A connection whose server has gone has an end to read, and is replaced: asking each time costs a round trip."""
    waiting = select.poll()
    waiting.register(driver.fileno(), select.POLLIN)
    if waiting.poll(0):
        raise InvalidatePoolError
