"""The re-measure worker, as the process that it is, dies between claim and done: another heals, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from ehr_core.kernel.errors import Conflict
from ehr_core.workflows.changes import LEASE_SECONDS
from ehr_core.workflows.write_back.left_alone import WRITE_BACK_LOCK
from pipelines.run.worker import Worker
from tests.integration.chart_records import put_observation
from tests.integration.doors.records import ZONE, held_results
from tests.lib.api import RunningApi
from tests.lib.served_api import wait_for

START_SECONDS = 60
BATCHES = 10


@contextmanager
def remeasure_process(api: RunningApi, output) -> Iterator[subprocess.Popen]:
    """`almoner remeasure` against the API of this test; killed at the end if it still lives."""
    settings = api.parts.settings
    environment = {
        **os.environ,
        "ALMONER_STATE": str(settings.state_folder),
        "ALMONER_API_PORT": str(settings.api_port),
    }
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ehr_core.cli", "remeasure"], env=environment, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def count(admin_url):
    """A number from the database, as its owner sees it."""

    def counting(query: str) -> int:
        with psycopg.connect(admin_url) as connection:
            return connection.execute(query).fetchone()[0]

    return counting


@pytest.fixture
def somebody(api, people, count) -> str:
    """Somebody with diabetes, measured like everybody else: nothing waits."""
    work_off(api)
    with api.work() as work:
        return work.connection.exec_driver_sql(
            "SELECT min(patient_id) FROM care_gaps.gap "
            "WHERE source_id = 'glycemic_control' AND present AND computed_status IN ('open', 'closed')"
        ).scalar_one()


def work_off(api: RunningApi) -> int:
    """A worker in this process takes what waits; how many batches there were."""
    worker = Worker(api.service("remeasure"), ZONE, 0.05)
    for done in range(BATCHES):
        if not worker.work_once():
            return done
    raise AssertionError("the queue does not run dry")


def record_a1c(api: RunningApi, patient_id: str, value: float) -> None:
    put_observation(api, "new", patient_id, valueQuantity={"value": value, "unit": "%", "code": "%"})


def latest(api: RunningApi, patient_id: str) -> str | None:
    rows = {(row[0], row[1]): row for row in held_results(api)["gaps"]}
    return rows[patient_id, "glycemic_control"][9]


WAITING = "SELECT count(*) FROM core.outbox WHERE remeasured_at IS NULL"
CLAIMED = f"{WAITING} AND claimed_until IS NOT NULL"
BLOCKED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_a_worker_that_is_killed_between_claim_and_done_is_healed_by_another(
    api, somebody, admin_url, count, tmp_path
):
    before = held_results(api)
    with psycopg.connect(admin_url) as blocker:
        blocker.execute("SELECT pg_advisory_lock(%s)", [WRITE_BACK_LOCK])
        record_a1c(api, somebody, 13.7)
        with remeasure_process(api, tmp_path / "worker.log") as process:
            wait_for(lambda: count(BLOCKED), START_SECONDS)
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_for(lambda: _drop_blocked(blocker, count))

    assert count(CLAIMED) == count(WAITING) > 0, "killed, but not between claim and done"
    assert held_results(api) == before, "half of an answer was written"
    assert work_off(api) == 0, "somebody else took what the dead worker's lease still holds"
    api.clock.instant += timedelta(seconds=LEASE_SECONDS + 1)
    assert work_off(api) == 1
    assert count(WAITING) == 0
    assert latest(api, somebody) == "13.7 %"


def _drop_blocked(blocker: psycopg.Connection, count) -> bool:
    """Ends the dead worker's request inside the server too, as the end of the machine would."""
    blocker.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    )
    return count(BLOCKED) == 0


@pytest.mark.long
def test_a_worker_takes_up_what_was_recorded_while_nobody_worked(api, somebody, count, tmp_path):
    record_a1c(api, somebody, 13.7)
    assert count(WAITING) == 1
    with remeasure_process(api, tmp_path / "worker.log"):
        wait_for(lambda: count(WAITING) == 0, START_SECONDS)
    assert latest(api, somebody) == "13.7 %"


@pytest.mark.long
def test_a_record_whose_answers_cannot_be_stored_is_set_aside_and_the_queue_runs_dry(api, somebody, count):
    client = api.service("remeasure")
    store = client.pipeline.write_back

    def refusing(table: str, *body: object, **scope: object):
        if table == "care_gaps":
            raise Conflict("These rows cannot be stored.")
        return store(table, *body, **scope)

    client.pipeline.write_back = refusing
    worker = Worker(client, ZONE, 0.05)
    record_a1c(api, somebody, 13.7)
    for _ in range(BATCHES):
        worker.work_once()
        api.clock.instant += timedelta(minutes=10)
    assert count(WAITING) == 0
    reader = api.signed_in("reader", "clinician")
    assert reader.care_gaps.of_patient(somebody).unavailable
    client.pipeline.write_back = store
    record_a1c(api, somebody, 6.5)
    assert work_off(api) >= 1
    assert reader.care_gaps.of_patient(somebody).unavailable is None
    assert latest(api, somebody) == "6.5 %"
