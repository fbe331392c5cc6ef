"""Prints the store's speed as ratios to limits of the same run: structural check, import, export, single writes.

And how long the synthetic population takes into PostgreSQL, as `almoner up` seeds it.

Run: python -m tests.bench.store.store_bench [observations]      (100,000 when not given)
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database, connect
from ehr_core.db.twin import twin_of
from ehr_core.kernel.clock import SystemClock
from ehr_core.population import generate
from ehr_core.store.exporter import export_folder, stream_type
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from ehr_core.store.validation import validate
from tests.lib import postgres

ACTOR = Actor("bench", "service", "Bench", (), frozenset({"fhir.write", "bulk.export"}))
SITE = "America/New_York"
ROUNDS = 3
PROCESSES = 2
PATIENTS = 1000
AS_OF = date(2026, 11, 22)
RAW_COPY = (
    r"COPY (SELECT body FROM fhir.observation) TO STDOUT (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
)


def main(observations: int = 100_000) -> None:
    bodies = [observation(number) for number in range(observations)]
    megabytes = sum(map(len, bodies)) / 1e6
    print(
        f"{observations:,} Observations, {megabytes:.0f} MB, mean {megabytes * 1e6 / observations:.0f} bytes"
    )
    validation(bodies[:20_000])
    with fresh() as (admin_url, database):
        imports(admin_url, database, bodies)
    with fresh() as (admin_url, database):
        load_resources(database, ACTOR, as_pairs(bodies), processes=PROCESSES, site_time_zone=SITE)
        exports(admin_url, database, megabytes)
        writes(database)
    with fresh() as (admin_url, database):
        population(admin_url, database)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory peak of this process (holds the input too): {peak:.0f} MB")


def population(admin_url: str, database: Database) -> None:
    """People made and stored at once, against COPY of the bare text of the same people."""
    lines = [line for _, line in people()]
    limit = wall(lambda: copy_bare(admin_url, lines))
    taken = wall(lambda: load_resources(database, ACTOR, people(), processes=PROCESSES, site_time_zone=SITE))
    print(
        f"{PATIENTS:,} patients ({len(lines):,} resources) generated and into PostgreSQL: {taken:.1f} s (must ≤ 20), "
        f"{taken / limit:.1f}x of COPY of the bare text"
    )


def people() -> Iterator[tuple[str, bytes]]:
    return generate(PATIENTS, seed=2026, as_of=AS_OF, time_zone=SITE)


def validation(bodies: list[bytes]) -> None:
    validate("Observation", bodies[0])
    limits = [cpu(lambda: [json.loads(body) for body in bodies]) for _ in range(ROUNDS)]
    candidates = [cpu(lambda: [validate("Observation", body) for body in bodies]) for _ in range(ROUNDS)]
    limit, candidate = statistics.median(limits), statistics.median(candidates)
    print(
        f"structural check: {candidate / len(bodies) * 1e6:.1f} µs of CPU an Observation (must ≤ 25, stretch ≤ 15); "
        f"json.loads alone {limit / len(bodies) * 1e6:.1f} µs"
    )


def imports(admin_url: str, database: Database, bodies: list[bytes]) -> None:
    """Checked, promoted, indexed and audited, against COPY of the bare text."""
    limit = statistics.median(wall(lambda: copy_bare(admin_url, bodies)) for _ in range(ROUNDS))
    candidate = wall(
        lambda: load_resources(database, ACTOR, as_pairs(bodies), processes=PROCESSES, site_time_zone=SITE)
    )
    again = wall(
        lambda: load_resources(database, ACTOR, as_pairs(bodies), processes=PROCESSES, site_time_zone=SITE)
    )
    count = len(bodies)
    print(f"limit, COPY of the bare text: {count / limit:,.0f} resources/s")
    ratio = limit / candidate
    print(
        f"import with {PROCESSES} processes:      {count / candidate:,.0f} resources/s, {ratio:.2f} of the limit"
    )
    print(f"import again, all unchanged:  {count / again:,.0f} resources/s")


def streamed_through(work: UnitOfWork) -> int:
    with twin_of(work.connection) as twin:
        return sum(len(chunk.lines) for chunk in stream_type(twin, "Observation"))


def exports(admin_url: str, database: Database, megabytes: float) -> None:
    """To /dev/null and to files, against COPY through the same driver without anything of ours."""
    raw, streamed, filed = [], [], []
    for _ in range(ROUNDS):
        raw.append(wall(lambda: copy_out(admin_url)))
        with begin(database, ACTOR, SystemClock(), SITE) as work:
            streamed.append(wall(lambda work=work: streamed_through(work)))
        with tempfile.TemporaryDirectory() as folder:
            filed.append(wall(lambda folder=folder: export_folder(database, ACTOR, Path(folder))))
    limit = statistics.median(raw)
    print(f"limit, raw COPY by the driver: {megabytes / limit:,.0f} MB/s")
    for name, runs in (("export stream", streamed), ("export to files, on disk", filed)):
        taken = statistics.median(runs)
        print(f"{name}: {megabytes / taken:,.0f} MB/s, {taken / limit:.2f}x of raw COPY (must ≤ 1.3x)")


def writes(database: Database) -> None:
    """Single creates, each a transaction with audit and outbox, as the API makes them."""
    count = 500
    bodies = [observation(10**7 + number) for number in range(count)]

    def create_all() -> None:
        for body in bodies:
            with begin(database, ACTOR, SystemClock(), SITE) as work:
                Store(work).create("Observation", body)

    create_all()
    taken = wall(create_all)
    print(
        f"create with audit and outbox, one after the other: {count / taken:,.0f}/s, {taken / count * 1e3:.2f} ms"
    )


@contextmanager
def fresh() -> Iterator[tuple[str, Database]]:
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as admin_url,
    ):
        database = connect(postgres.app_url_of(admin_url))
        try:
            yield admin_url, database
        finally:
            database.dispose()


def copy_bare(admin_url: str, bodies: list[bytes]) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute("CREATE TABLE bare (body text)")
        with connection.cursor().copy("COPY bare FROM STDIN") as copy:
            for body in bodies:
                copy.write_row((body.decode(),))
        connection.rollback()


def copy_out(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection, connection.cursor().copy(RAW_COPY) as copy:
        for _ in copy:
            pass


def as_pairs(bodies: list[bytes]) -> Iterator[tuple[str, bytes]]:
    return (("Observation", body) for body in bodies)


def wall(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def observation(number: int) -> bytes:
    """A laboratory result of about 1 KB, as US Core has it."""
    day = f"202{number % 6}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T10:{number % 60:02d}:00-05:00"
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    return json.dumps(
        {
            "resourceType": "Observation",
            "id": f"o-{number}",
            "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},
            "identifier": [{"system": "https://lab.example/results", "value": f"R{number}"}],
            "status": "final",
            "category": [{"coding": [{**category, "display": "Laboratory"}], "text": "Laboratory"}],
            "code": {
                "coding": [
                    {
                        "system": "http://loinc.org",
                        "code": "4548-4",
                        "display": "Hemoglobin A1c/Hemoglobin.total",
                    }
                ],
                "text": "Hemoglobin A1c",
            },
            "subject": {"reference": f"Patient/p-{number % 5000}"},
            "encounter": {"reference": f"Encounter/e-{number % 20000}"},
            "effectiveDateTime": day,
            "issued": day,
            "performer": [{"reference": "Practitioner/d-1", "display": "Laboratory"}],
            "valueQuantity": {
                "value": 7.5,
                "unit": "%",
                "system": "http://unitsofmeasure.org",
                "code": "%",
            },
            "referenceRange": [{"low": {"value": 4.0, "unit": "%"}, "high": {"value": 5.6, "unit": "%"}}],
        },
        separators=(",", ":"),
    ).encode()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
