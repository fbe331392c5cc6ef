"""How the supervisor starts Dagster and the re-measure worker, and what it runs once before it opens the doors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ehr_core.kernel.heartbeat import Heartbeat
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings

DAGSTER_YAML = """\
# Made by Almoner. Telemetry is off: nothing leaves the machine.
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: 2
    tag_concurrency_limits:
      - key: almoner/line
        value:
          applyLimitPerUniqueValue: true
        limit: 1
run_retries:
  enabled: true
  max_retries: 1
  retry_on_asset_or_op_failure: false
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
retention:
  schedule:
    purge_after_days: 14
  sensor:
    purge_after_days:
      skipped: 1
      failure: 14
      success: 14
"""


def remeasure(settings: Settings) -> ServiceSpec:
    heartbeat = _heartbeat(settings, "remeasure")
    return ServiceSpec(
        name="remeasure",
        title="Re-measure worker",
        command=[sys.executable, "-m", "ehr_core.cli", "remeasure", "--heartbeat", str(heartbeat.path)],
        heartbeat=heartbeat,
        start_after=("api",),
    )


def dagster_webserver(settings: Settings) -> ServiceSpec:
    home = dagster_home(settings)
    return ServiceSpec(
        name="dagster",
        title="Dagster",
        command=[
            *(sys.executable, "-m", "dagster_webserver", "-m", "pipelines.definitions"),
            *("--host", settings.host, "--port", str(settings.dagster_port)),
        ],
        env=_environment(home),
        url=settings.dagster_url,
        health_url=f"{settings.dagster_url}/server_info",
        start_after=("api",),
    )


def dagster_daemon(settings: Settings) -> ServiceSpec:
    home, heartbeat = dagster_home(settings), _heartbeat(settings, "dagster_daemon")
    return ServiceSpec(
        name="dagster_daemon",
        title="Dagster daemon",
        command=[sys.executable, "-m", "pipelines.dagster_daemon", str(heartbeat.path)],
        env=_environment(home),
        heartbeat=heartbeat,
        start_after=("api",),
    )


def dagster_home(settings: Settings) -> Path:
    """<state>/dagster with its dagster.yaml: run history survives a restart."""
    home = settings.state_folder / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    path = home / "dagster.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != DAGSTER_YAML:
        path.write_text(DAGSTER_YAML, encoding="utf-8")
    return home


def first_run(settings: Settings, report: Callable[[str], None]) -> None:
    """The pipeline once, when the lake holds no results yet; before it, Dagster's own databases."""
    from data_contracts.lake import Lake
    from pipelines.run.nightly import nightly, pipeline_client

    make_dagster_databases(dagster_home(settings))
    if Lake(settings.lake_folder).current("results") is not None:
        report("results are there already")
        return
    nightly(pipeline_client(settings), settings, report)


def make_dagster_databases(home: Path) -> None:
    """Once, and by one process: its web server and its daemon start together, and each would make them.

    Whoever came second would then end with "table already exists".
    """
    if (home / "schedules" / "schedules.db").exists():
        return
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs_count()


def _heartbeat(settings: Settings, service: str) -> Heartbeat:
    return Heartbeat(settings.state_folder / "heartbeats" / service)


def _environment(home: Path) -> dict[str, str]:
    return {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
