"""One call to another machine: to the judged address, in a set time, up to a set size, following no redirect."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from ehr_core.kernel.errors import Unavailable
from ehr_core.outside.addresses import LookUp, Reach, Target, look_up, resolved

CHUNK_BYTES = 64 * 1024
MOST_ANSWER_BYTES = 256 * 1024
Value = TypeVar("Value")


class CallFailed(Unavailable):
    """The other machine did not answer as it should. `status` is its HTTP status, None without one."""

    def __init__(self, message: str, status: int | None = None):
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


@dataclass
class Reply:
    """An answer that is being read."""

    status: int
    _response: http.client.HTTPResponse
    _connection: _Pinned

    def header(self, name: str) -> str | None:
        """Its values with commas where it was sent more than once; None when it was not."""
        return self._response.getheader(name)

    def chunks(self, most_bytes: int) -> Iterator[bytes]:
        """Raises CallFailed for an answer that is larger than that, or that ends before it is whole."""
        read = 0
        while chunk := self._response.read(CHUNK_BYTES):
            read += len(chunk)
            if read > most_bytes:
                raise CallFailed(f"The answer is larger than {most_bytes:,} bytes.", self.status)
            yield chunk
        if self._connection.late:
            raise TimeoutError
        if self._response.length:
            raise CallFailed("The answer broke off.", self.status)


def call(
    method: str,
    url: str,
    *,
    reach: Reach,
    seconds: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
    most_bytes: int = MOST_ANSWER_BYTES,
    look: LookUp = look_up,
) -> Answer:
    """The whole answer, whatever its status. Raises AddressRefused, or CallFailed with a sentence and no content."""
    with calling(method, url, reach=reach, seconds=seconds, headers=headers, body=body, look=look) as reply:
        return Answer(reply.status, b"".join(reply.chunks(most_bytes)))


@contextmanager
def calling(
    method: str,
    url: str,
    *,
    reach: Reach,
    seconds: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
    look: LookUp = look_up,
) -> Iterator[Reply]:
    """An answer to be read within `seconds` from now, name and handshake included."""
    ends = time.monotonic() + seconds
    target = _within(seconds, lambda: resolved(url, reach, look))
    connection = _Pinned(target, max(0.1, ends - time.monotonic()))
    timer = threading.Timer(max(0.1, ends - time.monotonic()), connection.cut)
    timer.daemon = True
    timer.start()
    try:
        connection.request(method, target.path, body=body, headers=dict(headers))
        response = connection.getresponse()
        if 300 <= response.status < 400:
            raise CallFailed("The answer is a redirect, and none is followed.", response.status)
        yield Reply(response.status, response, connection)
    except TimeoutError:
        raise CallFailed(f"There was no answer within {seconds:g} seconds.") from None
    except ssl.SSLError:
        raise CallFailed(_late(connection, seconds) or "No secure connection could be made.") from None
    except (OSError, http.client.HTTPException, ValueError):
        raise CallFailed(_late(connection, seconds) or "The connection failed or broke off.") from None
    finally:
        timer.cancel()
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to the judged address, under the name that its certificate must be for."""

    def __init__(self, target: Target, seconds: float):
        super().__init__(target.host, target.port, timeout=seconds)
        self.target = target
        self.late = False
        self._opened: socket.socket | None = None

    def connect(self) -> None:
        sock = socket.create_connection((self.target.ip, self.target.port), self.timeout)
        if self.target.scheme == "https":
            sock = _trust().wrap_socket(sock, server_hostname=self.target.host)
        self.sock = self._opened = sock

    def cut(self) -> None:
        """The time is up: whoever drips an answer byte by byte is left."""
        self.late = True
        if self._opened is not None:
            with suppress(OSError):
                self._opened.shutdown(socket.SHUT_RDWR)


@cache
def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _late(connection: _Pinned, seconds: float) -> str | None:
    return f"There was no whole answer within {seconds:g} seconds." if connection.late else None


def _within(seconds: float, act: Callable[[], Value]) -> Value:
    """The act's value; looking a name up knows no time limit of its own."""
    done: list[Value] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(act())
        except Exception as error:  # handed on to whoever waits
            failed.append(error)

    thread = threading.Thread(target=run, name="look-up", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise CallFailed(f"The name of the machine was not found within {seconds:g} seconds.")
    return done[0]
