"""The API behind a real socket: uvicorn in a thread of this process, over a real database, with a clock to move."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import uvicorn

from ehr_core.api.app import create_app
from ehr_core.db.database import Database
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.http_server import config
from ehr_core.kernel.settings import Settings
from tests.lib.api import MORNING, RunningApi
from tests.lib.postgres import free_port

PATIENCE_SECONDS = 30


@contextmanager
def served_api(
    database: Database, state: Path, *, now: datetime = MORNING, **settings: object
) -> Iterator[RunningApi]:
    """The API on a free port, its background work running; every client of it speaks HTTP over the socket."""
    clock = FixedClock(now)
    given = {"fhir_references": "any"} | settings
    chosen = Settings(state=state, api_port=free_port(), **given)
    app = create_app(chosen, database, clock)
    server = uvicorn.Server(config(app, host=chosen.host, port=chosen.api_port))
    thread = threading.Thread(target=server.run, name="served-api", daemon=True)
    thread.start()
    wait_for(lambda: server.started or not thread.is_alive())
    if not server.started:
        raise RuntimeError("The API of this test did not start.")
    transport = httpx.HTTPTransport()
    try:
        yield RunningApi(app, clock, transport)
    finally:
        transport.close()
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)


def wait_for(condition, seconds: float = PATIENCE_SECONDS, *, pause: float = 0.02):
    """What the condition says once it is true; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    raise AssertionError(f"not so after {seconds} s: {condition}")
