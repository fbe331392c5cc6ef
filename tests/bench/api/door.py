"""The API of a benchmark in a process of its own, a session at it, and the time that requests take.

Two of them are asked in turns: what else the machine does slows both, and the ratio of their medians stays.
"""

from __future__ import annotations

import http.client
import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from ehr_core.access import sessions
from ehr_core.access.accounts import create_account
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.api.app import create_app
from ehr_core.client.tokens import ServiceTokens, SessionTokens
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.settings import Settings
from ehr_core.store.importer import load_resources
from ehr_core.supervisor.api_service import api
from tests.bench.api.people import Line
from tests.bench.processes import process, wait_until_healthy
from tests.lib import postgres

ACTOR = Actor("bench", "service", "Bench", (), frozenset({"fhir.read", "fhir.write", "account.manage"}))
ZONE = "America/New_York"
CONNECTIONS = 4
FHIR_JSON = "application/fhir+json"
WARM = 12
"""Requests before the clock runs: by then each connection of the pool has prepared its statements."""

Request = tuple[str, str, bytes | None]


@dataclass(frozen=True)
class Times:
    """What some requests took, in seconds, and how long all of them together."""

    each: list[float]
    wall: float

    @property
    def a_second(self) -> float:
        return len(self.each) / self.wall

    @property
    def p50(self) -> float:
        return statistics.median(self.each)

    def at(self, share: float) -> float:
        return sorted(self.each)[min(int(len(self.each) * share), len(self.each) - 1)]

    def __str__(self) -> str:
        p50, p99 = self.p50 * 1000, self.at(0.99) * 1000
        return f"{self.a_second:6,.0f}/s, p50 {p50:5.1f} ms, p99 {p99:5.1f} ms"


@dataclass(frozen=True)
class Door:
    """The running API, and the header of somebody who may read and write charts."""

    port: int
    token: str
    database: Database
    admin_url: str

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
    ) -> bytes:
        """The answer's body; ends the benchmark when it is refused."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": FHIR_JSON}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path.partition('?')[0]} was answered with {answer.status}.")
        return content

    def timed(self, requests: Iterator[Request], number: int) -> Times:
        """So many requests over a few connections; fails at the first that is refused."""
        each: list[float] = []
        lock, left = threading.Lock(), itertools.count()

        def work() -> None:
            connection = self.connection()
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


def in_turns(
    works: dict[str, Callable[[], object]], rounds: int, between: Callable[[], object] = lambda: None
) -> dict[str, float]:
    """The median seconds of each piece of work, all done once a round; who is first changes from round to round.

    `between` clears up after a piece of work, untimed.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(rounds):
        for name in names if number % 2 else reversed(names):
            began = time.perf_counter()
            works[name]()
            taken[name].append(time.perf_counter() - began)
            between()
    return {name: statistics.median(times) for name, times in taken.items()}


def load(admin_url: str, people: Iterator[Line]) -> None:
    """Imports, and looks at the new sizes as the database's own housekeeping soon would."""
    database = connect(postgres.app_url_of(admin_url))
    summary = load_resources(database, ACTOR, people, processes=2, site_time_zone=ZONE)
    database.dispose()
    with psycopg.connect(plain_url(admin_url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    rate = summary.stored / summary.seconds
    print(f"{summary.stored:,} resources imported, {rate:,.0f} a second", flush=True)


def plain_url(url: str) -> str:
    """As psycopg wants it."""
    return url.replace("+psycopg", "")


@contextmanager
def databases(number: int) -> Iterator[list[str]]:
    """The admin URLs of so many empty databases in one server."""
    with postgres.running_server() as server, postgres.migrated_template(server) as template:
        yield from _fresh(server, template, number, [])


def _fresh(server: str, template: str, number: int, made: list[str]) -> Iterator[list[str]]:
    if len(made) == number:
        yield made
        return
    with postgres.fresh_database(server, template=template) as admin_url:
        yield from _fresh(server, template, number, [*made, admin_url])


@contextmanager
def running_door(admin_url: str, service: str | None = None) -> Iterator[Door]:
    """The API as the supervisor starts it, over this database, and a clinician's session or a service's token."""
    with postgres.temporary_folder() as state:
        database = connect(postgres.app_url_of(admin_url))
        settings = Settings(state=state, api_port=postgres.free_port(), app_database_url=database.url)
        with process(api(settings), settings):
            wait_until_healthy(settings)
            token = service_token if service else clinician_token
            yield Door(settings.api_port, token(settings, database, service), database, admin_url)
        database.dispose()


def service_token(settings: Settings, database: Database, service: str) -> str:
    client = create_app(settings, database).state.parts.identity.clients[service]
    return ServiceTokens(settings.api_url, client.client_id, client.secret)()


def clinician_token(settings: Settings, database: Database, _: None) -> str:
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
