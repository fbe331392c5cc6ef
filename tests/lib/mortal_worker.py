"""The worker of subscriptions in a process of its own, that a test may kill with SIGKILL at any moment.

Run as a program: state folder, and `careless` for a worker that notes a message as sent before it sends it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from ehr_core.api.app import create_app
from ehr_core.api.subscriptions.courier import Courier
from ehr_core.api.subscriptions.rows import SENT
from ehr_core.db.database import connect
from ehr_core.kernel.settings import Settings
from tests.lib.receiver import DEVELOPMENT

ADDRESS = "MORTAL_WORKER_DATABASE"


class Careless(Courier):
    """How it must not be done: what it dies over is lost."""

    def _send(self, row, body) -> None:
        with self._desk() as desk:
            through = min(row.last_event, row.delivered_through + row.most_events)
            values = {"id": row.id, "lease": row.lease, "through": through, "now": self.parts.clock.now()}
            desk.connection.execute(SENT, values)
        super()._send(row, body)


def start_worker(state: Path, database_url: str, *words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", __name__, str(state), *words],
        env={**os.environ, ADDRESS: database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _work(state: Path, *, careless: bool) -> None:
    app = create_app(Settings(state=state, **DEVELOPMENT), connect(os.environ[ADDRESS]))
    worker = app.state.subscriptions
    if careless:
        worker.courier.__class__ = Careless
    while True:
        worker.run_once()
        time.sleep(timedelta(milliseconds=20).total_seconds())


if __name__ == "__main__":
    _work(Path(sys.argv[1]), careless="careless" in sys.argv[2:])
