"""A service without an address is well while it shows signs of life, in this run of it; one that hangs is not."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.heartbeat import STALE_AFTER_SECONDS, Heartbeat
from ehr_core.kernel.settings import Settings
from ehr_core.supervisor.catalog import services
from ehr_core.supervisor.health import is_well
from ehr_core.workflows.changes import LEASE_SECONDS
from pipelines.dagster_daemon import TOLERANCE_SECONDS, reports_are_fresh
from pipelines.run.worker import Worker

HOUR = 3600.0


@pytest.mark.parametrize(
    ("beat_seconds_ago", "began_seconds_ago", "well"),
    [
        (1, HOUR, True),
        (STALE_AFTER_SECONDS - 5, HOUR, True),
        (STALE_AFTER_SECONDS + 5, HOUR, False),
        (10, 5, False),
        (None, HOUR, False),
    ],
    ids=["beats", "takes its time", "hangs", "beat before this run of it", "never beat"],
)
def test_a_heartbeat_counts_while_it_is_fresh_and_of_this_run(
    tmp_path, beat_seconds_ago, began_seconds_ago, well
):
    heartbeat, now = Heartbeat(tmp_path / "beats" / "worker"), time.time()
    if beat_seconds_ago is not None:
        heartbeat.beat()
        os.utime(heartbeat.path, (now - beat_seconds_ago,) * 2)
    assert is_well(None, heartbeat, now - began_seconds_ago) is well


def test_no_batch_of_the_worker_may_take_longer_than_its_sign_of_life_stays_fresh():
    assert STALE_AFTER_SECONDS >= LEASE_SECONDS


def test_every_installed_service_has_a_health_check(tmp_path):
    without = [
        spec.name for spec in services(Settings(state=tmp_path)) if not (spec.health_url or spec.heartbeat)
    ]
    assert without == []


@pytest.mark.parametrize("claimed", [None, Unavailable("away")], ids=["nothing to do", "the API is away"])
def test_the_worker_shows_life_whenever_it_looks_for_work(tmp_path, claimed):
    heartbeat = Heartbeat(tmp_path / "beat")

    def claim(_: int) -> None:
        assert heartbeat.path.exists()
        worker.stop()
        if claimed is not None:
            raise claimed

    client = SimpleNamespace(pipeline=SimpleNamespace(claim=claim))
    worker = Worker(client, "America/New_York", 0.01, heartbeat)
    worker.run()
    assert heartbeat.path.exists()


@pytest.mark.parametrize(
    ("reported_seconds_ago", "fresh"),
    [
        ({"SENSOR": 1, "SCHEDULER": 20}, True),
        ({"SENSOR": 1}, False),
        ({"SENSOR": 1, "SCHEDULER": 30 + TOLERANCE_SECONDS + 5}, False),
        ({"SENSOR": 1, "SCHEDULER": HOUR + 5}, False),
    ],
    ids=["both report", "one never did", "one hangs", "one reported before this run of it"],
)
def test_dagsters_daemon_lives_while_each_of_its_daemons_reports(reported_seconds_ago, fresh):
    now = time.time()
    instance = SimpleNamespace(
        get_daemon_heartbeats=lambda: {
            kind: SimpleNamespace(timestamp=now - ago) for kind, ago in reported_seconds_ago.items()
        },
        get_required_daemon_types=lambda: ["SENSOR", "SCHEDULER"],
    )
    assert reports_are_fresh(instance, began=now - HOUR, now=now) is fresh
