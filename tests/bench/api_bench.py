"""Prints the FHIR API's speed against limits of the same run: the app's own ping, and the same look in the database.

The API runs in a process of its own; a few connections that stay open ask it one thing after the other. Searches are
asked again when the population has grown, because a search that slows down with the panel has no good index.
Run: python -m tests.bench.api_bench [smaller population] [larger population]
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ehr_core.access import sessions
from ehr_core.access.accounts import create_account
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.api.app import create_app
from ehr_core.client.tokens import SessionTokens
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.settings import Settings
from ehr_core.store.importer import load_resources
from ehr_core.supervisor.api_service import api
from tests.bench.remeasure import process, wait_until_healthy
from tests.lib import postgres

ACTOR = Actor("bench", "service", "Bench", (), frozenset({"fhir.read", "fhir.write", "account.manage"}))
ZONE = "America/New_York"
CONNECTIONS = 4
REQUESTS = 1200
WRITES = 300
ENTRIES = 100
BUNDLES = 12
FAMILIES, GIVEN = 997, 89
FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True)
class Times:
    """What some requests took, in seconds, and how long all of them together."""

    each: list[float]
    wall: float

    @property
    def a_second(self) -> float:
        return len(self.each) / self.wall

    def at(self, share: float) -> float:
        return sorted(self.each)[min(int(len(self.each) * share), len(self.each) - 1)]

    def __str__(self) -> str:
        p50, p99 = self.at(0.5) * 1000, self.at(0.99) * 1000
        return f"{self.a_second:6,.0f}/s, p50 {p50:5.1f} ms, p99 {p99:5.1f} ms"


@dataclass(frozen=True)
class Door:
    """The running API, and the header of somebody who may read and write charts."""

    port: int
    token: str
    database: Database
    admin_url: str

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> int:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": FHIR_JSON}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path.partition('?')[0]} was answered with {answer.status}.")
        return answer.status

    def timed(self, requests: Iterator[tuple[str, str, bytes | None]], number: int) -> Times:
        """So many requests over a few connections; fails at the first that is refused."""
        each: list[float] = []
        lock, left = threading.Lock(), itertools.count()

        def work() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while next(left) < number:
                with lock:
                    asked = next(requests)
                started = time.perf_counter()
                self.ask(connection, *asked)
                each.append(time.perf_counter() - started)
            connection.close()

        began = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(each) != number:
            raise SystemExit("A request of this benchmark was refused; see above.")
        return Times(each, time.perf_counter() - began)


def main(smaller: int = 1_000, larger: int = 64_000) -> None:
    with running_door() as door:
        load(door, 0, smaller)
        first = searches(door, smaller)
        reads(door, smaller)
        writes(door)
        bundles(door)
        load(door, smaller, larger)
        grown = searches(door, larger)
        for name, before in first.items():
            ratio = grown[name].at(0.5) / before.at(0.5)
            print(
                f"{name}: {smaller:,} patients {before}\n"
                f"{'':{len(name)}}  {larger:,} patients {grown[name]}; p50 grew {ratio:.2f}x (must ≤ 1.35x)"
            )


def reads(door: Door, people: int) -> None:
    """Reading by id against the app's own ping and against the database alone."""
    ids = itertools.cycle(f"p{number}" for number in range(0, people, 7))
    ping = door.timed(itertools.repeat(("GET", "/health", None)), REQUESTS)
    read = door.timed((("GET", f"/fhir/Patient/{one}", None) for one in ids), REQUESTS)
    bare = looks_in_the_database(door.admin_url, ids)
    print(f"limit, the app's ping:            {ping}")
    print(f"limit, the same look in Postgres: {bare}")
    print(
        f"read by id:                       {read}; {read.a_second / ping.a_second:.2f} of the ping (must ≥ 0.3)"
    )


def looks_in_the_database(admin_url: str, ids: Iterator[str]) -> Times:
    """One prepared statement on one connection, as pgbench would send it."""
    each = []
    began = time.perf_counter()
    with psycopg.connect(admin_url.replace("+psycopg", ""), autocommit=True) as connection:
        for _ in range(REQUESTS):
            started = time.perf_counter()
            connection.execute("SELECT body FROM fhir.patient WHERE id = %s", (next(ids),)).fetchone()
            each.append(time.perf_counter() - started)
    return Times(each, time.perf_counter() - began)


def searches(door: Door, people: int) -> dict[str, Times]:
    """The searches that a panel's size could slow down, each finding a handful."""
    numbers = itertools.count(1, 13)
    of = {
        "by record number": lambda n: f"/fhir/Patient?identifier=urn:mrn%7C{n % people}",
        "by name": lambda n: f"/fhir/Patient?family=family{n % FAMILIES}&given=given{n % GIVEN}&_count=10",
        "by birth date": lambda n: (
            f"/fhir/Patient?birthdate={born(n % people)}&gender=female&_count=10&_total=none"
        ),
    }

    def asked(path: Callable[[int], str]) -> Iterator[tuple[str, str, bytes | None]]:
        return (("GET", path(number), None) for number in numbers)

    return {name: door.timed(asked(path), REQUESTS // 3) for name, path in of.items()}


def writes(door: Door) -> None:
    """Single creates through the whole door: checked, promoted, indexed, audited, announced."""
    numbers = itertools.count()
    made = door.timed(
        (("POST", "/fhir/Observation", observation(next(numbers))) for _ in iter(int, 1)), WRITES
    )
    print(f"create an Observation:            {made}")


def bundles(door: Door) -> None:
    """Transactions of a hundred entries, with references among them."""
    numbers = itertools.count(10**6)
    times = door.timed((("POST", "/fhir", bundle(next(numbers))) for _ in iter(int, 1)), BUNDLES)
    rate = ENTRIES * BUNDLES / times.wall
    print(
        f"transactions of {ENTRIES} entries:      {rate:,.0f} resources/s, p50 {times.at(0.5) * 1000:.0f} ms"
    )


def load(door: Door, first: int, end: int) -> None:
    """Imports people, and looks at the new sizes as the database's own housekeeping soon would."""
    people = (("Patient", patient(number)) for number in range(first, end))
    summary = load_resources(door.database, ACTOR, people, processes=2, site_time_zone=ZONE)
    print(f"{end - first:,} patients imported, {summary.stored / summary.seconds:,.0f} a second")
    with psycopg.connect(door.admin_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE fhir.patient")


def born(number: int) -> str:
    return f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}"


def patient(number: int) -> bytes:
    body = {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"system": "urn:mrn", "value": str(number)}],
        "name": [{"family": f"Family{number % FAMILIES}", "given": [f"Given{number % GIVEN}"]}],
        "gender": "female" if number % 2 else "male",
        "birthDate": born(number),
        "address": [{"line": [f"{number} Elm Street"], "city": "Lanternford", "state": "MA"}],
    }
    return json.dumps(body).encode()


def observation(number: int, patient_id: str | None = None) -> bytes:
    coded = {"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coded]},
        "subject": {"reference": f"Patient/{patient_id or f'p{number % 1000}'}"},
        "effectiveDateTime": datetime(2026, 1, 1 + number % 28, 9, tzinfo=UTC).isoformat(),
        "valueQuantity": {
            "value": 5 + number % 90 / 10,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        },
    }
    return json.dumps(body).encode()


def bundle(number: int) -> bytes:
    """A new patient and their results, which refer to them by the entry's own address."""
    whose = f"urn:uuid:00000000-0000-4000-8000-{number:012d}"
    person = json.loads(patient(number))
    del person["id"]
    entries = [{"fullUrl": whose, "resource": person, "request": {"method": "POST", "url": "Patient"}}]
    for place in range(ENTRIES - 1):
        result = json.loads(observation(place)) | {"subject": {"reference": whose}}
        entries.append({"resource": result, "request": {"method": "POST", "url": "Observation"}})
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


@contextmanager
def running_door() -> Iterator[Door]:
    """An empty database, the API as the supervisor starts it, and a clinician's session."""
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as admin_url,
        postgres.temporary_folder() as state,
    ):
        database = connect(postgres.app_url_of(admin_url))
        settings = Settings(state=state, api_port=postgres.free_port(), app_database_url=database.url)
        with process(api(settings), settings):
            wait_until_healthy(settings)
            yield Door(settings.api_port, clinician_token(settings, database), database, admin_url)
        database.dispose()


def clinician_token(settings: Settings, database: Database) -> str:
    identity = create_app(settings, database).state.parts.identity
    with begin(database, ACTOR, SystemClock(), ZONE) as work:
        account = create_account(
            work,
            username="okafor",
            display_name="Okafor",
            password="a long enough password",
            roles=("clinician",),
        )
    with identity.transaction() as connection:
        sid = sessions.start_session(
            connection,
            account_id=account,
            client_id="staff",
            address="127.0.0.1",
            now=SystemClock().now(),
            life=identity.session_life,
        )
    return SessionTokens(settings.api_url, "staff", identity.clients["staff"].secret).token_for(sid)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
