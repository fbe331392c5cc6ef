"""Dagster's daemon with a sign of life: `python -m pipelines.dagster_daemon HEARTBEAT_FILE`.

It shows the sign while each of its daemons (schedules, sensors, queue, …) has reported to Dagster lately, in this run
of it: the test of `dagster-daemon liveness-check`, asked from inside, where it costs no process.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from dagster import DagsterInstance
from dagster._daemon.cli import cli
from dagster._daemon.controller import DEFAULT_HEARTBEAT_INTERVAL_SECONDS

from ehr_core.kernel.heartbeat import Heartbeat

LOOK_SECONDS = 2.0
TOLERANCE_SECONDS = 60.0
"""How much later than its interval a daemon may report: a sensor's evaluation or a busy machine holds one up."""


def reports_are_fresh(instance: DagsterInstance, began: float, now: float) -> bool:
    """Whether every daemon that this instance needs has reported since `began`, and lately (seconds of the epoch)."""
    oldest = max(began, now - DEFAULT_HEARTBEAT_INTERVAL_SECONDS - TOLERANCE_SECONDS)
    reports = instance.get_daemon_heartbeats()
    return all(
        kind in reports and reports[kind].timestamp >= oldest for kind in instance.get_required_daemon_types()
    )


def show_life(heartbeat: Heartbeat, began: float) -> None:
    with DagsterInstance.get() as instance:
        while True:
            if reports_are_fresh(instance, began, time.time()):
                heartbeat.beat()
            time.sleep(LOOK_SECONDS)


def main(file: str) -> None:
    heartbeat = Heartbeat(Path(file))
    threading.Thread(target=show_life, args=(heartbeat, time.time()), name="heartbeat", daemon=True).start()
    cli(["run", "-m", "pipelines.definitions"], obj={})


if __name__ == "__main__":
    main(sys.argv[1])
