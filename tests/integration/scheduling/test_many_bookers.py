"""Sixteen bookers on the same times, and a desk that dies half-way: never two in one place, never half a booking."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from data_contracts.api.scheduling import BookVisit
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.kernel.errors import TimeTaken
from ehr_core.workflows.book_visit import book_visit
from tests.integration.chart_records import put_patient
from tests.integration.scheduling.conftest import CHEN, MANAGER, OKAFOR

BOOKERS = 16
FIRST = datetime.fromisoformat("2026-11-23T09:00:00-05:00")
TIMES = [FIRST + timedelta(minutes=20 * number) for number in range(6)]
WANTED = [(provider, starts_at) for starts_at in TIMES for provider in (OKAFOR, CHEN)]

OVERLAPS = """
SELECT count(*) FROM {table} AS one JOIN {table} AS other
ON one.actor = other.actor AND one.during && other.during AND one.booking_id < other.booking_id
"""


def together(act: Callable[[int], None]) -> None:
    """Sixteen at once, all starting at the same moment; an error of any of them is raised here."""
    start, failed = threading.Barrier(BOOKERS), []

    def run(number: int) -> None:
        start.wait()
        try:
            act(number)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(BOOKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def count(admin_url: str, sql: str) -> int:
    with psycopg.connect(admin_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute("SELECT set_config('almoner.reach', 'all', false)")
        return connection.execute(sql).fetchone()[0]


@pytest.mark.long
def test_sixteen_bookers_on_the_same_times_never_book_one_twice(api, database_url):
    for number in range(BOOKERS):
        put_patient(api, f"p{number}", f"Family{number}")
    database = connect(database_url[1], pool_size=BOOKERS)
    done, refused = [], []

    def book_all(number: int) -> None:
        for provider, starts_at in WANTED:
            wanted = BookVisit(
                patient_id=f"p{number}", type_code="office_visit", provider=provider, starts_at=starts_at
            )
            try:
                with begin(database, MANAGER, api.clock, "America/New_York") as work:
                    done.append(book_visit(work, wanted).visits[0].appointment_id)
            except TimeTaken as error:
                refused.append(error.alternatives)

    together(book_all)
    database.dispose()
    assert len(done) + len(refused) == BOOKERS * len(WANTED)
    assert len(done) == len(set(done)) == len(WANTED)
    assert count(database_url[0], OVERLAPS.format(table="scheduling.booking")) == 0
    booked = "SELECT count(*) FROM fhir.appointment WHERE status = 'booked' AND NOT deleted"
    assert count(database_url[0], booked) == len(WANTED)


@pytest.mark.long
def test_the_same_bookers_without_the_constraint_do_book_twice(database_url):
    """The positive control: looking first and booking then is not enough, so the test above can fail."""
    url = database_url[0].replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE public.naive (booking_id serial, actor text, during tstzrange)")

    looked = threading.Barrier(BOOKERS)

    def book_all(number: int) -> None:
        with psycopg.connect(url) as connection:
            for provider, starts_at in WANTED:
                during = (provider, starts_at, starts_at + timedelta(minutes=20))
                taken = connection.execute(
                    "SELECT 1 FROM public.naive WHERE actor = %s AND during && tstzrange(%s, %s)", during
                ).fetchone()
                looked.wait()
                if taken is None:
                    connection.execute(
                        "INSERT INTO public.naive (actor, during) VALUES (%s, tstzrange(%s, %s))", during
                    )
                connection.commit()

    together(book_all)
    assert count(database_url[0], OVERLAPS.format(table="public.naive")) > 0


DYING_DESK = """
import os, sys
from datetime import datetime
from data_contracts.api.scheduling import BookVisit
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import connect
from ehr_core.kernel.clock import FixedClock
from ehr_core.workflows.book_visit import book_visit
from tests.integration.scheduling.conftest import MANAGER

url, moment = sys.argv[1:]
clock = FixedClock(datetime.fromisoformat("2026-11-20T14:00:00+00:00"))
wanted = BookVisit(patient_id="ana", type_code="office_visit", provider="Practitioner/okafor",
                   starts_at=datetime.fromisoformat("2026-11-23T09:00:00-05:00"))
with begin(connect(url), MANAGER, clock, "America/New_York") as work:
    book_visit(work, wanted)
    if moment == "before":
        os._exit(9)
os._exit(9)
"""


@pytest.mark.long
@pytest.mark.parametrize(("moment", "booked"), [("before", 0), ("after", 1)])
def test_a_desk_that_dies_has_booked_once_or_not_at_all(api, desk, database_url, moment, booked):
    died = subprocess.run(
        [sys.executable, "-c", DYING_DESK, database_url[1], moment],
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == 9, died.stderr
    for table, wanted in (("fhir.appointment", booked), ("scheduling.booking", booked * 3)):
        assert count(database_url[0], f"SELECT count(*) FROM {table}") == wanted
    again = BookVisit(patient_id="ben", type_code="office_visit", provider=OKAFOR, starts_at=FIRST)
    if booked:
        with pytest.raises(TimeTaken):
            desk.scheduling.book(again)
    else:
        assert desk.scheduling.book(again).visits[0].starts_at == FIRST.astimezone(UTC)
