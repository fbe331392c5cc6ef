"""Prints how long the look before a registration takes among 100,000 people: the search, and the likely duplicates.

The limit, measured in the same run and interleaved: one record read by its key in a transaction of its own.
Run: python -m tests.bench.registration_bench [people] [rounds]
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import orjson
from sqlalchemy import text

from data_contracts.api.registration import NewPatient
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import FixedClock
from ehr_core.registration.registering import likely_duplicates
from ehr_core.registration.service import search_patients
from ehr_core.store.importer import load_resources
from tests.bench.scheduling_bench import answered, figures, ratio, timed
from tests.lib import postgres

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
ZONE = "America/New_York"
SYLLABLES = (
    "ba",
    "del",
    "cor",
    "fin",
    "gra",
    "hol",
    "jen",
    "kim",
    "lor",
    "mas",
    "nov",
    "par",
    "quin",
    "ros",
    "ton",
    "wel",
)
GIVEN = (
    "Ana",
    "Margaret",
    "Robert",
    "José",
    "Elizabeth",
    "William",
    "Katherine",
    "Luis",
    "Minh",
    "Fatima",
    "John",
    "Mary",
)
LOADER = Actor("bench", "service", "Bench", (), frozenset({"fhir.read", "fhir.write"}))
CLERK = Actor(
    "bench-clerk",
    "staff",
    "Clerk",
    (),
    frozenset({"patient.search", "registration.write", "registration.merge"}),
)
BY_KEY = text("SELECT body FROM fhir.patient WHERE id = :id")


def main(people: int = 100_000, rounds: int = 40) -> None:
    with opened() as database:
        load_resources(database, LOADER, persons(people), processes=2)
        print(f"{people:,} people")
        looks = {
            "family and first name": "Baldel, Ana",
            "nickname": "Peggy Corfin",
            "half a name": "qui",
            "misspelt": "Grahhol Robet",
            "birth date": "1962-03-14",
            "phone": "716-555-0142",
            "nobody": "Xyzzyx, Qwortle",
        }
        for name, typed in looks.items():
            measure(
                database,
                rounds,
                f"search, {name}",
                lambda work, typed=typed: search_patients(work, query=typed, limit=10),
            )
        new = NewPatient(family="Baldel", given="Anna", birth_date="1962-03-14", phone="716-555-0142")
        measure(database, rounds, "likely duplicates", lambda work: likely_duplicates(work, person=new))


@contextmanager
def opened() -> Iterator[Database]:
    with (
        postgres.running_server() as server,
        postgres.migrated_template(server) as template,
        postgres.fresh_database(server, template=template) as url,
    ):
        database = connect(postgres.app_url_of(url))
        yield database
        database.dispose()


def persons(people: int) -> Iterator[tuple[str, bytes]]:
    """Names of three syllables, a handful of first names, birth dates over ninety years: many share each of them."""
    chance = random.Random(7)
    for number in range(people):
        family = "".join(chance.choices(SYLLABLES, k=chance.choice((2, 2, 3)))).title()
        born = date(1935, 1, 1) + timedelta(days=chance.randrange(365 * 90))
        phone = f"716555{chance.randrange(10_000):04d}"
        yield (
            "Patient",
            orjson.dumps(
                {
                    "resourceType": "Patient",
                    "id": f"p{number}",
                    "identifier": [
                        {"system": "https://almoner.dev/fhir/NamingSystem/mrn", "value": f"M{number:07d}"}
                    ],
                    "name": [{"use": "official", "family": family, "given": [chance.choice(GIVEN)]}],
                    "telecom": [{"system": "phone", "value": phone}],
                    "birthDate": born.isoformat(),
                    "gender": chance.choice(("female", "male")),
                }
            ),
        )


def measure(database: Database, rounds: int, name: str, look) -> None:
    clock = FixedClock(NOW)

    def once(act):
        with begin(database, CLERK, clock, ZONE) as work:
            return act(work)

    once(look)
    limits, times = [], []
    for _ in range(rounds):
        limits.append(timed(lambda: once(lambda work: work.connection.execute(BY_KEY, {"id": "p5"}).all())))
        _, seconds = answered(lambda: once(look))
        times.append(seconds)
    limit = statistics.median(limits)
    print(f"{name}: {figures(times)}; one record by its key {limit * 1000:.1f} ms, {ratio(times, limit)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
