"""Reads what COPY sends, line by line, at the speed of the driver's library: no object and no wait a line.

An export is millions of lines; the driver's own loop costs as much for each as everything else that is done to it.
"""

from __future__ import annotations

import select
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, PGconn


def copied_lines(driver: psycopg.Connection, sql: str, values: tuple[Any, ...]) -> Generator[memoryview]:
    """Each line as it came, its end included; good until the next. `sql` is COPY … TO STDOUT with %s for `values`.

    Raises what the server answers. Whoever stops early cancels the statement, and the transaction with it.
    """
    text = psycopg.ClientCursor(driver).mogrify(sql, values) if values else sql
    connection = driver.pgconn
    _require(connection.exec_(text.encode()), ExecStatus.COPY_OUT)
    ended = False
    try:
        yield from _lines(connection)
        ended = True
    finally:
        if not ended and connection.status == ConnStatus.OK:
            driver.cancel_safe()
            for _ in _lines(connection):
                pass
        result = _last_result(connection)
    _require(result, ExecStatus.COMMAND_OK)


def _lines(connection: PGconn) -> Generator[memoryview]:
    waiting = select.poll()
    waiting.register(connection.socket, select.POLLIN)
    take, asynchronously = connection.get_copy_data, 1
    while True:
        size, line = take(asynchronously)
        if size > 0:
            yield line
        elif size == 0:
            waiting.poll()
            connection.consume_input()
        else:
            return


def _last_result(connection: PGconn) -> Any:
    last = None
    while (result := connection.get_result()) is not None:
        last = result
    return last


def _require(result: Any, status: ExecStatus) -> None:
    if result is not None and result.status != status:
        raise error_from_result(result)
