"""Prints how long a chart write takes to become a gap row, at 20 writes a second through the real processes.

The API and the re-measure worker run as the supervisor starts them; the limit beside it is a write's own commit.
Run: python -m tests.bench.remeasure [patients] [seconds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.fhir_json import encode
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings
from ehr_core.population import generate
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from ehr_core.supervisor.api_service import api
from pipelines.run.nightly import nightly, pipeline_client
from pipelines.services import remeasure
from tests.lib import postgres

ZONE = "America/New_York"
WRITES_A_SECOND = 20
LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 30
ACTOR = Actor("bench", "service", "Bench", (), frozenset({"fhir.read", "fhir.write"}))


def main(patients: int = 200, seconds: int = 20) -> None:
    with running_loop(patients) as database:
        people = diabetics(database)
        print(f"{patients} patients, {len(people)} with diabetes; {WRITES_A_SECOND} writes/s for {seconds} s")
        one = measured(database, people[:1], writes=5, a_second=1)
        report("one write at a time", one)
        report(
            f"{WRITES_A_SECOND} writes/s",
            measured(database, people, seconds * WRITES_A_SECOND, WRITES_A_SECOND),
        )


def report(words: str, times: tuple[list[float], list[float]]) -> None:
    commits, arrivals = times
    ordered = sorted(arrivals) or [float("inf")]
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
    commit = statistics.median(commits)
    print(
        f"{words:<20} commit {commit * 1000:5.0f} ms; commit to gap p50 {statistics.median(ordered) * 1000:5.0f} ms, "
        f"p95 {p95 * 1000:5.0f} ms, worst {ordered[-1] * 1000:5.0f} ms"
    )


def measured(
    database: Database, people: list[str], writes: int, a_second: float
) -> tuple[list[float], list[float]]:
    """(seconds of each commit, seconds from each commit to its gap row). Paced, whatever the loop does."""
    commits, arrivals, waiting = [], [], {}
    began = time.perf_counter()
    for number in range(writes):
        patient_id = people[number % len(people)]
        while time.perf_counter() < began + number / a_second:
            look(database, waiting, arrivals)
            time.sleep(LOOK_SECONDS)
        started = time.perf_counter()
        identity = write_a1c(database, patient_id, number)
        committed = time.perf_counter()
        commits.append(committed - started)
        superseded = [known for known, (who, _) in waiting.items() if who == patient_id]
        for known in superseded:  # the gap will show the newer one: count the older as arrived with it
            waiting[f"{known}>{identity}"] = waiting.pop(known)
        waiting[identity] = (patient_id, committed)
    give_up = time.perf_counter() + PATIENCE_SECONDS
    while waiting and time.perf_counter() < give_up:
        look(database, waiting, arrivals)
        time.sleep(LOOK_SECONDS)
    if waiting:
        print(f"{len(waiting)} writes had not arrived after {PATIENCE_SECONDS} s")
    return commits, arrivals


def look(database: Database, waiting: dict[str, tuple[str, float]], arrivals: list[float]) -> None:
    if not waiting:
        return
    asked = {known.rpartition(">")[2] for known in waiting}
    with begin(database, ACTOR, SystemClock(), ZONE) as work:
        arrived = set(
            work.connection.execute(
                text(
                    "SELECT evidence_id FROM care_gaps.gap WHERE evidence_id = ANY(:ids) AND patient_id = ANY(:who)"
                ),
                {"ids": list(asked), "who": [who for who, _ in waiting.values()]},
            ).scalars()
        )
    now = time.perf_counter()
    for known in [known for known in waiting if known.rpartition(">")[2] in arrived]:
        arrivals.append(now - waiting.pop(known)[1])


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
def running_loop(patients: int) -> Iterator[Database]:
    """Database, API and worker as processes of their own, after a first night."""
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as admin_url,
        postgres.temporary_folder() as state,
    ):
        app_url = postgres.app_url_of(admin_url)
        database = connect(app_url)
        today = datetime.now(ZoneInfo(ZONE)).date()
        lines = generate(patients, seed=2026, as_of=today, time_zone=ZONE)
        load_resources(database, ACTOR, lines, processes=1, site_time_zone=ZONE)
        settings = Settings(state=state, api_port=postgres.free_port(), app_database_url=app_url)
        with process(api(settings), settings), process(remeasure(settings), settings):
            wait_until_healthy(settings)
            nightly(pipeline_client(settings), settings, deep_checks=False)
            yield database
        database.dispose()


@contextmanager
def process(spec: ServiceSpec, settings: Settings) -> Iterator[None]:
    environment = {
        **os.environ,
        **spec.env,
        "ALMONER_STATE": str(settings.state),
        "ALMONER_API_PORT": str(settings.api_port),
        "ALMONER_APP_DATABASE_URL": str(settings.app_database_url),
        "ALMONER_LOG_LEVEL": "error",
    }
    with (settings.state / f"{spec.name}.log").open("wb") as log:
        running = subprocess.Popen(spec.command, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            running.terminate()
            running.wait(PATIENCE_SECONDS)


def wait_until_healthy(settings: Settings) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{settings.api_url}/health", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("The API of this benchmark did not start.")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
