"""`almoner up`, `status`, `down` and `reset` with real processes and small fake services."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.heartbeat import STALE_AFTER_SECONDS
from ehr_core.kernel.secrets import load_or_create_secrets
from tests.lib.house import RunningHouse, almoner, house
from tests.lib.postgres import free_port, temporary_folder

pytestmark = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="DATABASE_URL replaces the embedded server"
)


@pytest.fixture
def state() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / "state"


@pytest.fixture
def running(state: Path) -> Iterator[RunningHouse]:
    """An API and a worker whose process has a child of its own."""
    services = (f"api:{free_port()}", f"worker:{free_port()}:parent")
    with house(state, *services, postgres_port=free_port()) as started:
        started.wait_until_ready()
        yield started


def family_of(running: RunningHouse) -> list[psutil.Process]:
    """Every process of the house, the guardian and the services' own children too."""
    supervisor = psutil.Process(running.process.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def left_after(processes: list[psutil.Process], seconds: float = 10) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_status_tells_each_service_with_its_url_and_health(running):
    status = json.loads(almoner("status", "--json", state=running.state).stdout)
    assert status == running.status() | {"services": status["services"]}
    assert [service["name"] for service in status["services"]] == ["postgres", "api", "worker"]
    assert all(service["healthy"] and service["pid"] and service["url"] for service in status["services"])
    assert status["supervisor_pid"] == running.process.pid
    assert almoner("status", state=running.state).returncode == 0


def test_ctrl_c_leaves_nothing_running_and_ends_with_success(running):
    family = family_of(running)
    assert len(family) >= 6
    assert running.interrupt() == 0
    assert left_after(family) == []
    assert not (running.state / "postgres" / "data" / "postmaster.pid").exists()
    assert almoner("status", "--json", state=running.state).returncode == 1


@pytest.mark.long
def test_down_stops_a_running_house_from_outside(running):
    family = family_of(running)
    down = almoner("down", state=running.state)
    assert (down.returncode, down.stdout.strip()) == (0, "Almoner is stopped.")
    running.process.wait(timeout=10)
    assert left_after(family) == []
    assert almoner("down", state=running.state).stdout.strip() == "Almoner was not running."


def test_a_killed_supervisor_takes_everything_with_it(running):
    family = family_of(running)
    running.interrupt(signal.SIGKILL)
    assert left_after(family) == []


@pytest.mark.long
def test_a_second_start_from_the_same_state_folder_is_refused(running):
    with house(running.state, f"api:{free_port()}", postgres_port=free_port()) as second:
        assert second.process.wait(timeout=20) == 6
    assert "already runs" in running.output.read_text()
    assert running.status()["healthy"]


@pytest.mark.long
def test_a_service_that_dies_is_started_again(running):
    before = running.process_ids()
    url = next(service["url"] for service in running.status()["services"] if service["name"] == "api")
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{url}/die")
    after = running.wait_for(
        lambda status: status["healthy"] and status["services"][1]["pid"] != before["api"]
    )
    assert after["services"][2]["pid"] == before["worker"]


@pytest.mark.long
def test_a_service_without_an_address_is_ready_at_its_first_beat_and_one_that_hangs_is_told(state):
    state.mkdir(mode=0o711)
    beat = state / "beat"
    beat.touch()
    services = (f"api:{free_port()}", f"worker:{free_port()}:beating")
    with house(state, *services, postgres_port=free_port()) as started:
        worker = started.wait_until_ready()["services"][2]
        assert beat.stat().st_mtime > psutil.Process(worker["pid"]).create_time()
        assert worker["heartbeat_age_seconds"] < STALE_AFTER_SECONDS
        os.kill(worker["pid"], signal.SIGSTOP)
        long_ago = time.time() - STALE_AFTER_SECONDS - 1
        os.utime(beat, (long_ago, long_ago))
        hung = json.loads(almoner("status", "--json", state=state).stdout)
        assert not hung["healthy"]
        assert (hung["services"][2]["running"], hung["services"][2]["healthy"]) == (True, False)
        os.kill(worker["pid"], signal.SIGCONT)
        started.wait_until_ready()
        assert started.interrupt() == 0


@pytest.mark.long
def test_a_killed_postgres_is_started_again(running):
    before = running.process_ids()["postgres"]
    os.kill(before, signal.SIGKILL)
    running.wait_for(lambda status: status["healthy"] and status["services"][0]["pid"] not in (None, before))


def test_the_data_and_the_ports_are_there_again_after_a_restart(state):
    services, port = [f"api:{free_port()}"], free_port()
    for _ in range(2):
        with house(state, *services, postgres_port=port) as started:
            started.wait_until_ready()
            assert started.interrupt() == 0
    assert "schema is current" in started.output.read_text()
    assert "GB of memory" in started.output.read_text()


@pytest.mark.long
def test_production_says_how_the_first_account_is_made_and_does_not_open_a_demonstration(state, monkeypatch):
    monkeypatch.setenv("ALMONER_ENVIRONMENT", "production")
    services, port = [f"api:{free_port()}"], free_port()
    with house(state, *services, postgres_port=port) as started:
        started.wait_until_ready()
        server = EmbeddedServer(state, port, load_or_create_secrets(state).postgres_password)
        with psycopg.connect(server.admin_url) as connection:
            connection.execute("INSERT INTO core.demonstration (begun_at) VALUES (now())")
        assert started.interrupt() == 0
    assert "Nobody can sign in yet. Make the first account: `almoner account create" in (
        started.output.read_text()
    )
    with house(state, *services, postgres_port=port) as refused:
        assert refused.process.wait(timeout=40) == 9
    assert "This database is the demonstration's: its patients are synthetic." in refused.output.read_text()
    assert not (state / "postgres" / "data" / "postmaster.pid").exists()


@pytest.mark.long
def test_a_service_that_ignores_the_polite_signal_is_killed(state):
    with house(state, f"api:{free_port()}:stubborn", postgres_port=free_port()) as started:
        started.wait_until_ready()
        family = family_of(started)
        assert started.interrupt() == 0
        assert left_after(family) == []


@pytest.mark.long
def test_a_service_that_cannot_start_is_named_with_the_end_of_its_log_and_all_else_is_stopped(state):
    with house(
        state, f"api:{free_port()}", f"worker:{free_port()}:broken", postgres_port=free_port()
    ) as started:
        assert started.process.wait(timeout=30) == 9
    said = started.output.read_text()
    assert "Worker stopped while starting (code 4)" in said
    assert "the cellar is flooded" in said
    assert not (state / "postgres" / "data" / "postmaster.pid").exists()


def test_a_port_in_use_is_one_sentence_with_the_setting_that_moves_it(state):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with house(state, f"api:{port}", postgres_port=free_port()) as started:
            assert started.process.wait(timeout=20) == 9
    assert f"Port {port} (Api) is in use by another program." in started.output.read_text()
    assert "ALMONER_API_PORT" in started.output.read_text()
    assert "Traceback" not in started.output.read_text()


@pytest.mark.long
def test_a_signal_in_the_middle_of_the_start_leaves_nothing(state):
    with house(state, f"api:{free_port()}", postgres_port=free_port()) as started:
        deadline = time.monotonic() + 20
        while not (state / "postgres" / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        family = family_of(started)
        assert started.interrupt(signal.SIGTERM) == 0
        assert left_after(family) == []


@pytest.mark.long
def test_what_a_crash_left_running_is_ended_by_the_next_start(state):
    """Supervisor and guardian killed together: nobody was left to tidy up."""
    services, port = [f"api:{free_port()}"], free_port()
    with house(state, *services, postgres_port=port) as first:
        first.wait_until_ready()
        before = first.process_ids()
        guardian = next(
            child
            for child in psutil.Process(first.process.pid).children()
            if any("guardian" in part for part in child.cmdline())
        )
        guardian.kill()
        first.interrupt(signal.SIGKILL)
        assert psutil.pid_exists(before["api"])
    with house(state, *services, postgres_port=port) as second:
        after = second.wait_until_ready()["services"]
        assert [service["pid"] == before[service["name"]] for service in after] == [True, False]
        assert second.interrupt() == 0
    assert "was left running by an earlier start" in second.output.read_text()
    assert not (state / "postgres" / "data" / "postmaster.pid").exists()


@pytest.mark.long
def test_reset_stops_the_house_and_removes_its_data(running):
    assert almoner("reset", "--yes", state=running.state).returncode == 0
    assert not running.state.exists()
    assert running.process.wait(timeout=10) == 0


def test_reset_refuses_a_folder_that_is_not_ours(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    refused = almoner("reset", "--yes", state=tmp_path)
    assert refused.returncode == 6
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.long
def test_the_services_are_not_told_the_owners_database(running):
    worker = psutil.Process(running.process_ids()["worker"])
    assert not {"DATABASE_URL", "ALMONER_APP_DATABASE_URL"} & worker.environ().keys()
