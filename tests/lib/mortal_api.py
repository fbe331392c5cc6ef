"""The API in a process of its own, as `almoner up` serves it, that a test may kill with SIGKILL at any moment.

Run as a program: state folder, port, and "traces-late" for a build whose imports leave their traces too late.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from ehr_core.api.app import create_app
from ehr_core.client import AlmonerClient
from ehr_core.client.tokens import SessionToken, SessionTokens
from ehr_core.db.database import connect
from ehr_core.kernel.http_server import config
from ehr_core.kernel.settings import Settings
from ehr_core.store import import_write
from tests.lib.api import RunningApi
from tests.lib.served_api import wait_for

ADDRESS = "MORTAL_API_DATABASE"
"""The address holds a password: it goes by the environment, not by the command line."""


@contextmanager
def mortal_api(state: Path, port: int, database_url: str, *words: str) -> Iterator[subprocess.Popen]:
    """Answering; whatever is left of it at the end is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(state), str(port), *words],
        env={**os.environ, ADDRESS: database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: _answers(port) or process.poll() is not None)
        if process.poll() is not None:
            raise RuntimeError(f"The API of this test ended with {process.returncode}.")
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, timeout=2).is_success
    except httpx.TransportError:
        return False


def client_over_the_socket(api: RunningApi, sid: str, port: int) -> AlmonerClient:
    """A session of the in-process API, spoken for at the other process: both read one database."""
    base_url, secret = f"http://127.0.0.1:{port}", api.parts.identity.clients["staff"].secret
    return AlmonerClient(base_url, SessionToken(SessionTokens(base_url, "staff", secret), sid))


def _serve(state: Path, port: int) -> None:
    app = create_app(Settings(state=state, api_port=port), connect(os.environ[ADDRESS]))
    uvicorn.Server(config(app, host="127.0.0.1", port=port)).run()


def _leave_traces_late() -> None:
    """The weakened build: what an import says of a batch goes with the batch after it."""
    leave, waiting = import_write._leave_traces, []

    def late(work: Any, *of_batch: Any) -> None:
        while waiting:
            leave(work, *waiting.pop())
        waiting.append(of_batch)

    import_write._leave_traces = late


if __name__ == "__main__":
    if "traces-late" in sys.argv:
        _leave_traces_late()
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
