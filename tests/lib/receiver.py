"""A small HTTP server on this machine that takes what is sent to it, answers as told, and keeps it all."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEVELOPMENT = {"outside_networks": "127.0.0.0/8"}
"""The setting that lets a test's API call this machine."""


@dataclass
class Taken:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """`answer` gives (status, body) for what was taken; it may wait."""

    answer: Callable[[Taken], tuple[int, bytes | dict]] = lambda taken: (200, b"")
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    port: int = 0
    drip_seconds: float = 0.0
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def receiver(**more: Any) -> Iterator[Receiver]:
    """Listening until the end of the block."""
    here = Receiver(**more)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            taken = Taken(self.command, self.path, dict(self.headers.items()), self.rfile.read(size))
            here.taken.append(taken)
            status, body = here.answer(taken)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in here.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self._write(content)

        do_GET = do_POST

        def _write(self, content: bytes) -> None:
            step = 1 if here.drip_seconds else len(content) or 1
            for start in range(0, len(content), step):
                time.sleep(here.drip_seconds)
                try:
                    self.wfile.write(content[start : start + step])
                except OSError:
                    return

        def log_message(self, *words: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", here.port), Handler)
    server.daemon_threads = True
    if here.tls is not None:
        server.socket = here.tls.wrap_socket(server.socket, server_side=True)
    here.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
