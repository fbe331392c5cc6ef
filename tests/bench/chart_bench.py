"""Prints the server time of opening one very long chart: 2,000 visits and 20,000 observations.

What the chart page asks for when it opens is asked for through the API, in the process; what each part takes is
printed beside the whole. The promise: 300 ms at the 95th percentile, for all of it together.
Run: python -m tests.bench.chart_bench [openings]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import psycopg

from dashboards.clinician.results import NEWEST_OF_EACH
from ehr_core.access.actor import Actor
from ehr_core.api.app import spare_what_stays
from ehr_core.client import AlmonerClient
from ehr_core.db.database import Database, connect
from ehr_core.store.importer import load_resources
from tests.lib import postgres
from tests.lib.api import MORNING, running_api

ENCOUNTERS, OBSERVATIONS, OTHERS = 2_000, 20_000, 300
PATIENT = "long-chart"
NEIGHBOURS = 20
PROMISE_MS = 300
MOST_ALLOWANCE = 3.0
ACTOR = Actor("bench", "service", "Bench", (), frozenset({"fhir.read", "fhir.write"}))
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITALS = ("29463-7", "8302-2", "8867-4", "8310-5", "9279-1", "59408-5")
LABS = tuple(f"{number}-{number % 10}" for number in range(2000, 2040))

Line = tuple[str, bytes]


def long_chart(patient_id: str, encounters: int, observations: int, others: int) -> Iterator[Line]:
    """One patient's record: every tenth observation is a vital sign, the rest are laboratory results of forty tests."""
    yield _line("Patient", patient_id, name=[{"family": "Long", "given": ["Chart"]}], birthDate="1950-02-03")
    subject = {"reference": f"Patient/{patient_id}"}
    begin = datetime(2000, 1, 1, 9, tzinfo=UTC)
    for number in range(encounters):
        at = (begin + timedelta(days=number * 4.5)).isoformat()
        yield _line(
            "Encounter",
            f"{patient_id}-e{number}",
            status="finished",
            **{"class": {"code": "AMB"}},
            subject=subject,
            period={"start": at, "end": at},
            reasonCode=[{"text": "Follow-up"}],
        )
    for number in range(observations):
        yield _observation(patient_id, number, subject, begin + timedelta(hours=number * 11))
    for number in range(others):
        at = (begin + timedelta(days=number * 20)).isoformat()
        yield _line(
            "Condition",
            f"{patient_id}-c{number}",
            subject=subject,
            code={"text": f"Condition {number % 40}"},
            clinicalStatus={"coding": [{"code": "active" if number % 3 == 0 else "resolved"}]},
            onsetDateTime=at,
        )
        yield _line(
            "MedicationRequest",
            f"{patient_id}-m{number}",
            status="active" if number % 10 == 0 else "stopped",
            intent="order",
            subject=subject,
            medicationCodeableConcept={"text": f"Medicine {number}"},
            authoredOn=at,
        )
        yield _line(
            "Procedure", f"{patient_id}-p{number}", status="completed", subject=subject, code={"text": "Procedure"},
            performedDateTime=at,
        )  # fmt: skip


def _observation(patient_id: str, number: int, subject: dict, at: datetime) -> Line:
    vital = number % 10 == 0
    code = VITALS[number // 10 % len(VITALS)] if vital else LABS[number % len(LABS)]
    return _line(
        "Observation",
        f"{patient_id}-o{number}",
        status="final",
        category=[{"coding": [{"system": CATEGORY, "code": "vital-signs" if vital else "laboratory"}]}],
        code={"coding": [{"system": LOINC, "code": code}], "text": f"Test {code}"},
        subject=subject,
        effectiveDateTime=at.isoformat(),
        issued=at.isoformat(),
        valueQuantity={
            "value": 5 + number % 90,
            "unit": "mg/dL",
            "system": "http://unitsofmeasure.org",
            "code": "mg/dL",
        },
        referenceRange=[{"low": {"value": 3, "unit": "mg/dL"}, "high": {"value": 80, "unit": "mg/dL"}}],
    )


def _line(resource_type: str, identity: str, **body: object) -> Line:
    return resource_type, json.dumps({"resourceType": resource_type, "id": identity, **body}).encode()


def opening(client: AlmonerClient) -> dict[str, Callable[[], object]]:
    """What the chart page asks for as it opens, in its order."""
    return {
        "summary": lambda: client.charting.summary(PATIENT),
        "outside orders": lambda: client.decision_support.outside_orders(PATIENT),
        "basket": lambda: client.orders.basket(PATIENT),
        "care gaps": lambda: client.care_gaps.of_patient(PATIENT),
        "support": lambda: client.decision_support.of_chart(PATIENT),
        "notes": lambda: client.notes.of_patient(PATIENT),
        "results": lambda: client.charting.results(PATIENT, newest=NEWEST_OF_EACH),
        "orders": lambda: client.orders.of_patient(PATIENT),
        "past care": lambda: client.charting.past_care(PATIENT),
    }


def measure(client: AlmonerClient, openings: int) -> dict[str, list[float]]:
    """Milliseconds of each part and of the whole, opening by opening."""
    found: dict[str, list[float]] = {name: [] for name in (*opening(client), "all of it")}
    for _ in range(openings):
        whole = 0.0
        for name, ask in opening(client).items():
            began = time.perf_counter()
            ask()
            took = (time.perf_counter() - began) * 1000
            found[name].append(took)
            whole += took
        found["all of it"].append(whole)
    return found


def p95(times: list[float]) -> float:
    return sorted(times)[min(int(len(times) * 0.95), len(times) - 1)]


def load_all(database: Database) -> None:
    """The long chart among ordinary ones."""
    neighbours = (long_chart(f"neighbour-{number}", 10, 100, 5) for number in range(NEIGHBOURS))
    load_resources(database, ACTOR, chain(long_chart(PATIENT, ENCOUNTERS, OBSERVATIONS, OTHERS), *neighbours))


def analyse(admin_url: str) -> None:
    """As a database that has lived for a day: with statistics."""
    with psycopg.connect(admin_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def main(openings: int) -> int:
    with ExitStack() as stack:
        server = stack.enter_context(postgres.running_server())
        template = stack.enter_context(postgres.migrated_template(server))
        admin = stack.enter_context(postgres.fresh_database(server, template=template))
        folder = stack.enter_context(postgres.temporary_folder())
        database = connect(postgres.app_url_of(admin))
        stack.callback(database.dispose)
        api = stack.enter_context(running_api(database, Path(folder), now=MORNING))
        load_all(database)
        analyse(admin)
        client = api.signed_in("okafor", "clinician")
        measure(client, 2)
        spare_what_stays()  # as the service does
        before = slowdown()
        found = measure(client, openings)
        return report(found, (before + slowdown()) / 2)


def slowdown() -> float:
    """How many times longer a piece of work takes than it would alone: other work on the machine is not the chart's."""
    began, worked = time.perf_counter(), time.process_time()
    while time.process_time() - worked < 0.5:
        sum(range(1000))
    return (time.perf_counter() - began) / (time.process_time() - worked)


def report(found: dict[str, list[float]], busy: float) -> int:
    """Judged by how busy the machine is with other work, never by more than three times."""
    for name, times in found.items():
        print(f"{name:12} p50 {statistics.median(times):7.1f} ms   p95 {p95(times):7.1f} ms")
    allowed = PROMISE_MS * min(max(busy, 1.0), MOST_ALLOWANCE)
    kept = p95(found["all of it"]) <= allowed
    verdict = "kept" if kept else "BROKEN"
    print(f"machine busy {busy:.1f} times; promise {PROMISE_MS} ms, allowed {allowed:.0f} ms: {verdict}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
