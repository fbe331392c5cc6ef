"""Prints how long a week of forty providers takes to be read, sent and laid out, and how fast sixteen desks book.

Limits measured in the same run, interleaved: the bare statement that fetches the same rows, and a bare commit with the
same exclusion constraint. Run: python -m tests.bench.scheduling_bench [providers] [rounds]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson
from sqlalchemy import text

from dashboards.front_desk.calendar_layout import roster_layout
from data_contracts.api.calendars import AvailabilityRule, NewCalendar, NewSite
from data_contracts.api.scheduling import BookVisit, FindSlots
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.app import spare_what_stays
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import FixedClock
from ehr_core.scheduling import calendars, opening_hours, types
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from ehr_core.workflows.book_visit import book_visit, find_free_slots
from tests.lib import postgres
from tests.lib.api import SEEDER, RunningApi, running_api

ZONE = "America/New_York"
NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
MONDAY = date(2026, 11, 23)
A_DAY = 20
MINUTES = 20
DESKS = 16
CLINIC = "clinic"
ACTOR = Actor(
    "bench",
    "service",
    "Bench",
    (),
    frozenset({"fhir.read", "fhir.write", "schedule.read", "schedule.book", "schedule.manage"}),
)
BARE_READ = text(
    "SELECT a.id, a.version_id, a.status, a.date_low, a.date_high, a.body, a.reference_tokens, p.body AS person "
    "FROM fhir.appointment AS a JOIN fhir.patient AS p ON p.id = a.patient_id "
    "WHERE a.date_low >= :begin AND a.date_low < :end AND NOT a.deleted ORDER BY a.date_low, a.id"
)

BARE_STARTS = text("""
SELECT r.actor, start FROM generate_series(CAST(:first AS date), CAST(:first AS date) + 27, interval '1 day') AS d (day)
JOIN scheduling.availability AS r ON r.weekday = extract(isodow FROM d.day)
CROSS JOIN LATERAL generate_series(d.day + r.opens, d.day + r.closes, interval '20 minutes') AS start
ORDER BY start, r.actor LIMIT 12
""")


def main(providers: int = 40, rounds: int = 30) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="almoner-bench-") as folder,
        opened() as database,
        running_api(database, Path(folder), now=NOW) as api,
    ):
        visits = fill(api, providers)
        print(f"{providers} providers, {visits} visits in five days")
        read_weeks(api, rounds)
        find_times(api, rounds)
        book_at_once(api, database, providers)


@contextmanager
def opened() -> Iterator[Database]:
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as url,
    ):
        database = connect(postgres.app_url_of(url), pool_size=DESKS + 4)
        yield database
        database.dispose()


def fill(api: RunningApi, providers: int) -> int:
    """Calendars with hours from eight to five, and twenty visits a day, each of another person."""
    with api.work(ACTOR) as work:
        Store(work).update("Location", CLINIC, {"resourceType": "Location", "id": CLINIC, "name": "Clinic"})
        calendars.add_site(work, NewSite(site_id=CLINIC, time_zone=ZONE))
        for number in range(providers):
            add_provider(work, number)
        types.ensure_shipped_types(work)
    resources = list(week(providers))
    load_resources(api.parts.database, SEEDER, resources, processes=2)
    return sum(1 for kind, _ in resources if kind == "Appointment")


def add_provider(work: UnitOfWork, number: int) -> None:
    identity = f"provider-{number}"
    name = [{"family": f"Clinician{number:02d}", "given": ["Ada"]}]
    Store(work).update(
        "Practitioner", identity, {"resourceType": "Practitioner", "id": identity, "name": name}
    )
    wanted = NewCalendar(
        kind="provider", site_id=CLINIC, name=f"Dr Ada {number:02d}", practitioner_id=identity
    )
    actor = calendars.add_calendar(work, wanted).actor
    for weekday in range(1, 6):
        opening_hours.add_rule(
            work,
            AvailabilityRule(actor=actor, site_id=CLINIC, weekday=weekday, opens="08:00", closes="17:00"),
        )


def week(providers: int) -> Iterator[tuple[str, bytes]]:
    zone = ZoneInfo(ZONE)
    for provider in range(providers):
        for day in range(5):
            for slot in range(A_DAY):
                identity = f"{provider}-{day}-{slot}"
                begins = datetime(2026, 11, 23 + day, 8, tzinfo=zone) + timedelta(minutes=MINUTES * slot)
                yield "Patient", person(identity)
                yield "Appointment", appointment(identity, f"provider-{provider}", begins)


def person(identity: str) -> bytes:
    mrn = {"system": "https://almoner.dev/fhir/NamingSystem/mrn", "value": f"M-{identity}"}
    return orjson.dumps(
        {
            "resourceType": "Patient",
            "id": f"p-{identity}",
            "identifier": [mrn],
            "name": [{"use": "official", "family": f"Family-{identity}", "given": ["Given"]}],
            "birthDate": "1980-05-05",
            "gender": "female",
        }
    )


def appointment(identity: str, provider: str, begins: datetime) -> bytes:
    named = (f"Patient/p-{identity}", f"Practitioner/{provider}", f"Location/{CLINIC}")
    return orjson.dumps(
        {
            "resourceType": "Appointment",
            "id": f"a-{identity}",
            "status": "booked",
            "description": "Follow-up visit",
            "start": begins.isoformat(),
            "end": (begins + timedelta(minutes=MINUTES)).isoformat(),
            "participant": [{"actor": {"reference": name}, "status": "accepted"} for name in named],
        }
    )


class Watched(httpx.BaseTransport):
    """Tells how long the server took for its last answer, without the client's reading of it."""

    def __init__(self, inner: httpx.BaseTransport):
        self.inner = inner
        self.seconds = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer, self.seconds = answered(lambda: self.inner.handle_request(request))
        return answer


def read_weeks(api: RunningApi, rounds: int) -> None:
    """The API's answer, the client's reading of it and the page's layout, beside the bare statement."""
    watched = replace(api, transport=Watched(api.transport))
    desk = watched.signed_in("bench-desk", "front_desk")
    desk.scheduling.calendar(MONDAY, 5)
    spare_what_stays()  # as the service does
    server_times, api_times, page_times, limits = [], [], [], []
    for _ in range(rounds):
        limits.append(timed(lambda: bare_read(api)))
        view, seconds = answered(lambda: desk.scheduling.calendar(MONDAY, 5))
        server_times.append(watched.transport.seconds)
        providers = [one for one in view.actors if one.kind == "provider"]
        page_times.append(seconds + timed(lambda: roster_layout(view, providers)))  # noqa: B023
        api_times.append(seconds)
    limit = statistics.median(limits)
    parts = {"the server": server_times, "API and client": api_times, "with the page's layout": page_times}
    for name, times in parts.items():
        print(
            f"week of all, {name}: {figures(times)}; bare statement {limit * 1000:.0f} ms, {ratio(times, limit)}"
        )


def bare_read(api: RunningApi) -> None:
    begin_at = datetime(2026, 11, 23, tzinfo=ZoneInfo(ZONE))
    with api.work(ACTOR) as work:
        work.connection.execute(BARE_READ, {"begin": begin_at, "end": begin_at + timedelta(days=5)}).all()


def find_times(api: RunningApi, rounds: int) -> None:
    """The best free times over every provider, four weeks ahead, beside all starts of those weeks, free or not."""
    wish = FindSlots(type_code="video_visit", first_day=MONDAY, days=28, limit=12)
    times, limits = [], []
    with api.work(ACTOR) as work:
        for _ in range(rounds):
            limits.append(timed(lambda: work.connection.execute(BARE_STARTS, {"first": MONDAY}).all()))
            times.append(timed(lambda: find_free_slots(work, wish)))
    limit = statistics.median(limits)
    print(
        f"find a slot, all providers, four weeks: {figures(times)}; bare starts {limit * 1000:.0f} ms, "
        f"{ratio(times, limit)}"
    )


def book_at_once(api: RunningApi, database: Database, providers: int) -> None:
    """Sixteen desks, each with people and times of its own on the next free week."""
    first = datetime(2026, 11, 30, 8, tzinfo=ZoneInfo(ZONE))
    clock = FixedClock(NOW)

    def work_off(number: int) -> int:
        done = 0
        for provider in range(number, providers, DESKS):
            for slot in range(A_DAY):
                wanted = BookVisit(
                    patient_id=f"p-{provider}-0-{slot}",
                    type_code="video_visit",
                    provider=f"Practitioner/provider-{provider}",
                    starts_at=first + timedelta(minutes=MINUTES * slot),
                )
                with begin(database, ACTOR, clock, ZONE) as work:
                    book_visit(work, wanted)
                done += 1
        return done

    booked, seconds = at_once(work_off)
    print(f"{DESKS} desks: {booked} visits booked in {seconds:.1f} s, {booked / seconds:.0f} a second")
    with api.work(ACTOR) as work:
        twice = work.connection.execute(
            text(
                "SELECT count(*) FROM scheduling.booking AS one JOIN scheduling.booking AS other "
                "ON one.actor = other.actor AND one.during && other.during AND one.booking_id < other.booking_id"
            )
        ).scalar_one()
    print(f"booked twice: {twice}")


def at_once(act: Callable[[int], int]) -> tuple[int, float]:
    done = [0] * DESKS

    def run(number: int) -> None:
        done[number] = act(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(DESKS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done), time.perf_counter() - began


def timed(act: Callable[[], Any]) -> float:
    return answered(act)[1]


def answered(act: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = act()
    return answer, time.perf_counter() - began


def figures(times: list[float]) -> str:
    ordered = sorted(times)
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
    return f"p50 {statistics.median(ordered) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms"


def ratio(times: list[float], limit: float) -> str:
    return f"ratio {statistics.median(times) / limit:.1f}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
