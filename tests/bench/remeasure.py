"""Prints how long a chart write takes to become a gap row, at 20 writes a second through the real processes.

The API and the re-measure worker run as the supervisor starts them. Writers keep their own pace, whatever the loop and
the onlooker do, and the rate that they reached is printed; the limit beside the times is a write's own commit.
Run: python -m tests.bench.remeasure [patients] [seconds]
"""

from __future__ import annotations

import itertools
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.fhir_json import encode
from ehr_core.kernel.settings import Settings
from ehr_core.population import generate
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from ehr_core.supervisor.api_service import api
from pipelines.run.nightly import nightly, pipeline_client
from pipelines.services import remeasure
from tests.bench.processes import PATIENCE_SECONDS, process, wait_until_healthy
from tests.lib import postgres

ZONE = "America/New_York"
WRITERS_NAME = "bench"
WRITES_A_SECOND = 20
WRITERS = 4
"""So many at once that a slow commit holds up no other write of its second."""

LOOK_SECONDS = 0.01
SPIN = """
import time
began, worked = time.perf_counter(), time.process_time()
while time.process_time() - worked < 0.5:
    sum(range(1000))
print((time.perf_counter() - began) / (time.process_time() - worked))
"""
ACTOR = Actor("bench", "service", "Bench", (), frozenset({"fhir.read", "fhir.write"}))


@dataclass
class Figures:
    """Seconds of each commit and from each commit to its gap row; `lost`: writes that never arrived."""

    commits: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    lost: int = 0
    a_second: float = 0.0
    cpu_a_batch: dict[str, float] = field(default_factory=dict)
    patients_a_batch: float = 0.0

    @property
    def commit(self) -> float:
        return statistics.median(self.commits)

    def at(self, share: float) -> float:
        """The time within which so large a share had arrived; infinite when that many never did."""
        ordered = sorted(self.arrivals) + [float("inf")] * self.lost
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def __str__(self) -> str:
        median, p95, worst = self.at(0.5), self.at(0.95), self.at(1.0)
        return (
            f"{self.a_second:4.1f} writes/s reached; commit {self.commit * 1000:4.0f} ms; commit to gap "
            f"p50 {median * 1000:5.0f} ms, p95 {p95 * 1000:5.0f} ms, worst {worst * 1000:5.0f} ms; "
            f"ratio to the commit: p50 {median / self.commit:.1f}, p95 {p95 / self.commit:.1f}; "
            f"CPU a batch of {self.patients_a_batch:.1f} changes: "
            + ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in self.cpu_a_batch.items())
        )


def main(patients: int = 1000, seconds: int = 20) -> None:
    with running_loop(patients) as loop:
        people = diabetics(loop.database)
        print(f"{patients} patients, {len(people)} with diabetes; {WRITES_A_SECOND} writes/s for {seconds} s")
        print(f"this machine takes {slowdown():.1f} times the CPU time of its work")
        print(f"one write at a time  {measured(loop, people[:1], writes=5, a_second=1)}")
        print(f"{WRITES_A_SECOND} writes/s          {under_load(loop, people, seconds)}")


def slowdown() -> float:
    """How many times its own CPU time a piece of work takes here just now, on every core at once; 1.0 at rest.

    A loop that computes is held up by whatever else computes; a lone commit, which mostly waits, hardly shows it.
    """
    spinning = [
        subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE, text=True)
        for _ in range(os.cpu_count() or 1)
    ]
    return statistics.mean(float(process.communicate()[0]) for process in spinning)


def under_load(loop: Loop, people: list[str], seconds: int) -> Figures:
    return measured(loop, people, seconds * WRITES_A_SECOND, WRITES_A_SECOND)


@dataclass(frozen=True)
class Loop:
    """The running processes, by name, and the bench's own way into their database."""

    database: Database
    processes: dict[str, subprocess.Popen]

    def spent(self) -> dict[str, float]:
        """CPU seconds of each process until now, and of the database's for them: not of the writers' own commits."""
        spent = {name: cpu_seconds([process.pid]) for name, process in self.processes.items()}
        with self.database.system() as connection:
            pids = connection.execute(
                text(
                    "SELECT pid FROM pg_stat_activity WHERE application_name <> :own AND pid <> pg_backend_pid()"
                ),
                {"own": WRITERS_NAME},
            ).scalars()
            return spent | {"database": cpu_seconds(pids.all())}

    def batches(self) -> tuple[int, int]:
        """How many batches were claimed until now, and of how many changes."""
        with begin(self.database, ACTOR, SystemClock(), ZONE) as work:
            row = work.connection.execute(
                text(
                    "SELECT count(DISTINCT claim_batch), count(*) FROM core.outbox WHERE claim_batch IS NOT NULL"
                )
            ).one()
            return row[0], row[1]


def cpu_seconds(pids: Iterable[int]) -> float:
    """What these processes have computed so far, in themselves and in the system for them."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Write:
    """One A1c of one person, and when its commit began and ended."""

    identity: str
    patient_id: str
    began: float
    committed: float


def measured(loop: Loop, people: list[str], writes: int, a_second: float) -> Figures:
    """Writes at that pace from threads of their own, and looks until every write has become a gap row."""
    database, before, batches_before = loop.database, loop.spent(), loop.batches()
    done: queue.SimpleQueue[Write] = queue.SimpleQueue()
    numbers, began = itertools.count(), time.perf_counter()

    def write_on() -> None:
        while (number := next(numbers)) < writes:
            time.sleep(max(0.0, began + number / a_second - time.perf_counter()))
            patient_id, started = people[number % len(people)], time.perf_counter()
            identity = write_a1c(database, patient_id, number)
            done.put(Write(identity, patient_id, started, time.perf_counter()))

    writers = [threading.Thread(target=write_on, daemon=True) for _ in range(min(WRITERS, writes))]
    for writer in writers:
        writer.start()
    figures = watch(database, done, writers)
    batches, changes = (now - then for now, then in zip(loop.batches(), batches_before, strict=True))
    figures.patients_a_batch = changes / max(1, batches)
    figures.cpu_a_batch = {name: (now - before[name]) / max(1, batches) for name, now in loop.spent().items()}
    return figures


def watch(database: Database, done: queue.SimpleQueue[Write], writers: list[threading.Thread]) -> Figures:
    """Looks every few milliseconds which writes have become gap rows, until all have or patience ends."""
    written: dict[str, Write] = {}
    waiting: dict[str, Write] = {}
    figures, give_up = Figures(), None
    while True:
        over = not any(writer.is_alive() for writer in writers)
        while not done.empty():
            write = done.get()
            written[write.identity] = waiting[write.identity] = write
        if over and not waiting:
            break
        give_up = give_up or (time.perf_counter() + PATIENCE_SECONDS if over else None)
        if give_up and time.perf_counter() > give_up:
            break
        look(database, written, waiting, figures.arrivals)
        time.sleep(LOOK_SECONDS)
    began = sorted(write.began for write in written.values())
    figures.commits = [write.committed - write.began for write in written.values()]
    figures.a_second = (len(began) - 1) / (began[-1] - began[0])
    figures.lost = len(waiting)
    return figures


def look(
    database: Database, written: dict[str, Write], waiting: dict[str, Write], arrivals: list[float]
) -> None:
    """A gap shows its newest result only: an older one of the same person has arrived with it at the latest."""
    if not waiting:
        return
    with begin(database, ACTOR, SystemClock(), ZONE) as work:
        shown = work.connection.execute(
            text(
                "SELECT patient_id, evidence_id FROM care_gaps.gap "
                "WHERE source_id = 'glycemic_control' AND patient_id = ANY(:who)"
            ),
            {"who": [write.patient_id for write in waiting.values()]},
        ).all()
    now = time.perf_counter()
    newest = {row.patient_id: written[row.evidence_id].began for row in shown if row.evidence_id in written}
    for write in list(waiting.values()):
        if write.began <= newest.get(write.patient_id, float("-inf")):
            arrivals.append(now - write.committed)
            del waiting[write.identity]


def write_a1c(database: Database, patient_id: str, number: int) -> str:
    identity = f"bench-{time.time_ns()}"
    body = {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": datetime.now(UTC).isoformat(),
        "valueQuantity": {
            "value": 6.5 if number % 2 else 9.5,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        },
    }
    with begin(database, ACTOR, SystemClock(), ZONE) as work:
        Store(work).create("Observation", encode(body), id=identity)
    return identity


def diabetics(database: Database) -> list[str]:
    with begin(database, ACTOR, SystemClock(), ZONE) as work:
        return list(
            work.connection.execute(
                text(
                    "SELECT patient_id FROM care_gaps.gap WHERE source_id = 'glycemic_control' AND present "
                    "AND computed_status IN ('open', 'closed') ORDER BY patient_id"
                )
            ).scalars()
        )


@contextmanager
def running_loop(patients: int) -> Iterator[Loop]:
    """Database, API and worker as processes of their own, after a first night."""
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as admin_url,
        postgres.temporary_folder() as state,
    ):
        app_url = postgres.app_url_of(admin_url)
        database = connect(app_url, application_name=WRITERS_NAME)
        today = datetime.now(ZoneInfo(ZONE)).date()
        lines = generate(patients, seed=2026, as_of=today, time_zone=ZONE)
        load_resources(database, ACTOR, lines, processes=1, site_time_zone=ZONE)
        settings = Settings(state=state, api_port=postgres.free_port(), app_database_url=app_url)
        with process(api(settings), settings) as server, process(remeasure(settings), settings) as worker:
            wait_until_healthy(settings)
            nightly(pipeline_client(settings), settings, deep_checks=False)
            yield Loop(database, {"worker": worker, "API": server})
        database.dispose()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
