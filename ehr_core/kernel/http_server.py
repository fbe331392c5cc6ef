"""How every app of the house is put on a socket: uvicorn, with an end to how long the head of a request may take.

`python -m ehr_core.kernel.http_server module:factory --host … --port …`. What is slow in the body is the app's matter
(slow_senders.py): here nobody knows yet what is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ehr_core.kernel.errors import BadSetting
from ehr_core.kernel.proxies import EXPECTED, PROXIES, trusted_proxies

HEAD_SECONDS = 20.0
"""From a connection, or the first byte of a further request on it, to the end of the request's headers.

Source: the usual limit of web servers (Apache httpd, mod_reqtimeout: 20 to 40 seconds).
"""
SLOW_HEAD = "The headers of the request did not come within {seconds:g} seconds. Send it again."


class TimelyProtocol(AutoHTTPProtocol):
    """One connection. A head that does not come in time is answered with 408, silence with the connection's end."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._heard = False
        self._deadline: asyncio.TimerHandle | None = None
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if not self._is_answering():
            self._expect_head()
        super().data_received(data)
        if self._is_answering() or self.transport.get_protocol() is not self:
            self._head_came()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _head_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        """Of a connection that is only kept open, or that goes on sending what was answered, nothing is waiting."""
        if self.transport.is_closing():
            return
        if self._heard and self.cycle is None:
            self.transport.write(_answer(SLOW_HEAD.format(seconds=HEAD_SECONDS)))
        self.transport.close()


def _answer(sentence: str) -> bytes:
    head = (
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
        f"content-length: {len(sentence)}\r\n\r\n"
    )
    return (head + sentence).encode("ascii")


def config(app: Any, *, host: str, port: int, factory: bool = False) -> uvicorn.Config:
    """With the proxies that the environment names: a caller is the last address before them. Raises BadSetting."""
    named = os.environ.get(PROXIES, "")
    try:
        proxies = trusted_proxies(named)
    except ValueError:
        raise BadSetting(f"{PROXIES} is '{named}'. It can be {EXPECTED}.") from None
    return uvicorn.Config(
        app,
        factory=factory,
        host=host,
        port=port,
        http=TimelyProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
    )


def command(app: str, host: str, port: int) -> list[str]:
    """The words behind the interpreter that serve an app's factory."""
    return ["-m", __name__, app, "--host", host, "--port", str(port)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves one app of the house.")
    parser.add_argument("app", help="module:factory")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.Server(config(given.app, host=given.host, port=given.port, factory=True)).run()


if __name__ == "__main__":
    main()
