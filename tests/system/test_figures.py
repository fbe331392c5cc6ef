"""The figures that `make up` promises, measured on the real thing: `make figures` prints them, and a broken one fails.

Meant for a machine that does nothing else: the load before the start is printed beside them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.secrets import load_or_create_secrets
from ehr_core.supervisor.processes import memory_bytes
from tests.lib.postgres import temporary_folder
from tests.lib.running_system import RunningSystem, free_ports, launch, up_command

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="DATABASE_URL replaces the embedded server"),
]

PATIENTS = 1000
FIRST_START_SECONDS = 90
RESTART_SECONDS = 20
MEMORY_BYTES = 3_000_000_000
PATIENCE_SECONDS = 480
STOP_SECONDS = 90
KEPT_WHOLE = ("fhir.patient", "fhir.observation", "fhir.condition", "fhir.appointment")
KEPT_IN_NUMBER = ("access.account", "care_gaps.gap", "core.crosswalk")


@dataclass
class Run:
    """One start until Ctrl-C. Memory is proportional: what processes share is counted once.

    `processor_seconds` is what the start cost over all cores, which a busy machine changes least.
    """

    ready_seconds: float
    processor_seconds: float
    memory: int = 0
    peak: int = 0


@pytest.fixture
def system() -> Iterator[RunningSystem]:
    with temporary_folder() as folder:
        yield RunningSystem(str(folder), free_ports(), PATIENTS)


def test_first_start_restart_memory_and_a_clean_stop(system: RunningSystem, capsys: pytest.CaptureFixture):
    load = os.getloadavg()[0]
    with running(system) as first:
        before = what_is_kept(system)
    with running(system) as second:
        after = what_is_kept(system)
    with capsys.disabled():
        print(
            f"\n    {PATIENTS:,} patients, load {load:.1f} before the start on {os.cpu_count()} cores"
            f"\n    first start {first.ready_seconds:.1f} s (at most {FIRST_START_SECONDS}),"
            f" {first.processor_seconds:.0f} s of processors"
            f"\n    restart     {second.ready_seconds:.1f} s (at most {RESTART_SECONDS}),"
            f" {second.processor_seconds:.0f} s of processors"
            f"\n    memory      {max(first.memory, second.memory) / 1e9:.2f} GB, while starting"
            f" {max(first.peak, second.peak) / 1e9:.2f} GB (at most {MEMORY_BYTES / 1e9:.0f})"
        )
    assert after == before
    assert before["fhir.patient"][0] == PATIENTS
    assert first.ready_seconds <= FIRST_START_SECONDS
    assert second.ready_seconds <= RESTART_SECONDS
    assert max(first.peak, second.peak) <= MEMORY_BYTES


@contextmanager
def running(system: RunningSystem) -> Iterator[Run]:
    """`almoner up` from its start to Ctrl-C, after which nothing runs and no port answers."""
    output = Path(system.output)
    output.unlink(missing_ok=True)
    began = time.monotonic()
    up = launch(system, up_command())
    watch = Watch(up.pid)
    watch.start()
    try:
        while "Ready after" not in output.read_text():
            assert up.poll() is None, output.read_text()
            assert time.monotonic() - began < PATIENCE_SECONDS, output.read_text()
            time.sleep(0.1)
        run = Run(time.monotonic() - began, processor_seconds(up.pid))
        yield run
        run.memory, run.peak = memory_bytes(up.pid), watch.stop()
        family = [psutil.Process(up.pid), *psutil.Process(up.pid).children(recursive=True)]
    finally:
        watch.stop()
        up.send_signal(signal.SIGINT)
        code = up.wait(STOP_SECONDS)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert code == 0, output.read_text()
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert "Traceback" not in output.read_text()


def processor_seconds(process_id: int) -> float:
    """Of a process, of all it started that still run, and of those that have ended."""
    root = psutil.Process(process_id)
    return sum(sum(process.cpu_times()[:4]) for process in [root, *root.children(recursive=True)])


class Watch(threading.Thread):
    """Looks at the memory of a process and all it started, again and again, and keeps the most."""

    def __init__(self, process_id: int):
        super().__init__(daemon=True)
        self._process_id = process_id
        self._stopping = threading.Event()
        self._peak = 0

    def run(self) -> None:
        while not self._stopping.wait(2):
            self._peak = max(self._peak, memory_bytes(self._process_id))

    def stop(self) -> int:
        self._stopping.set()
        self.join()
        return self._peak


def what_is_kept(system: RunningSystem) -> dict[str, tuple]:
    """Every version and content of the record's tables as one fingerprint, and how many rows others have."""
    secrets = load_or_create_secrets(system.state)
    server = EmbeddedServer(system.state, system.ports["POSTGRES"], secrets.postgres_password)
    with psycopg.connect(server.admin_url) as connection:
        whole = {
            table: connection.execute(
                "SELECT count(*), md5(string_agg(id || version_id || encode(content_hash, 'hex'), ',' ORDER BY id))"
                f" FROM {table}"
            ).fetchone()
            for table in KEPT_WHOLE
        }
        numbers = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in KEPT_IN_NUMBER
        }
    return whole | numbers
