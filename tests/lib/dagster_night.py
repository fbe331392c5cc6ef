"""The nightly job as Dagster runs it, in a process of its own, which may end as by kill -9 when a step is to begin.

Run as a program: the step that it does not live to do, or nothing. Settings and DAGSTER_HOME come by the environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import dagster as dg

from ehr_core.kernel.settings import Settings
from pipelines.services import dagster_home

PATIENCE_SECONDS = 300


def run_night(settings: Settings, dies_before: str = "") -> int:
    """Runs the job against the installation of these settings; returns the process's exit code."""
    environment = {
        **os.environ,
        "ALMONER_STATE": str(settings.state_folder),
        "ALMONER_API_PORT": str(settings.api_port),
        "DAGSTER_HOME": str(dagster_home(settings)),
    }
    command = [sys.executable, "-m", __name__, dies_before]
    return subprocess.run(command, env=environment, timeout=PATIENCE_SECONDS).returncode


def nightly_job() -> dg.JobDefinition:
    from pipelines.definitions import definitions

    return definitions.resolve_job_def("nightly")


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _main(dies_before: str) -> None:
    from pipelines.assets import panel, snapshot

    if dies_before:
        module = next(module for module in (panel, snapshot) if hasattr(module, dies_before))
        setattr(module, dies_before, _die)
    with dg.DagsterInstance.get() as instance:
        done = dg.execute_job(
            dg.reconstructable(nightly_job), instance, tags={"dagster/partition": "shard-000"}
        )
    sys.exit(0 if done.success else 1)


if __name__ == "__main__":
    _main(sys.argv[1])
