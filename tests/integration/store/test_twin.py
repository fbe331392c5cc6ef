"""The second connection of an export: what it sees is what its transaction sees, of the same moment, and never more."""

from __future__ import annotations

import re
import time
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text

from ehr_core.access.unit_of_work import begin
from ehr_core.db import twin as twin_room
from ehr_core.db.twin import CARRIED, twin_of
from ehr_core.kernel.clock import SystemClock
from ehr_core.store.exporter import stream_type
from tests.integration.store.conftest import SITE, patient

NUMBERS = "SELECT n FROM generate_series(1, 3000000) AS n"
WRITTEN_NOT_READ = {"almoner.audit_tail"}


@pytest.fixture
def reading(database, staff):
    """A unit of work as an export begins it."""
    with begin(database, staff, SystemClock(), SITE, isolation="REPEATABLE READ") as work:
        yield work


def column(twin, sql: str, values: tuple = ()) -> list:
    return [value for batch in twin.read(sql, values) for value in batch.column(0).to_pylist()]


def test_every_setting_that_a_policy_looks_at_is_carried_over(admin_url):
    with psycopg.connect(admin_url) as owner:
        policies = owner.execute("SELECT coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies")
        functions = owner.execute("SELECT prosrc FROM pg_proc WHERE prosrc LIKE '%almoner.%'")
        words = "".join(row[0] for row in [*policies.fetchall(), *functions.fetchall()])
    looked_at = set(re.findall(r"current_setting\('(almoner\.\w+)'", words))
    assert looked_at - WRITTEN_NOT_READ == set(CARRIED) - {"almoner.roles"}


def test_a_twin_that_carries_nothing_sees_nothing(opened, reading, monkeypatch):
    with opened() as store:
        store.create("Patient", patient(), id="ana")
    monkeypatch.setattr(twin_room, "CARRIED", ("almoner.at",))
    with twin_of(reading.connection) as twin:
        assert column(twin, "SELECT id FROM fhir.patient") == []


def test_a_twin_is_of_the_same_moment_while_others_write(opened, database, staff):
    with opened() as store:
        store.create("Patient", patient(), id="before")
    with begin(database, staff, SystemClock(), SITE, isolation="REPEATABLE READ") as work:
        assert work.connection.execute(text("SELECT count(*) FROM fhir.patient")).scalar_one() == 1
        with opened() as store:
            store.create("Patient", patient(), id="while")
            store.delete("Patient", "before")
        with twin_of(work.connection) as twin:
            with opened() as store:
                store.create("Patient", patient(), id="after")
            (chunk,) = stream_type(twin, "Patient")
            assert (chunk.resources, b'"before"' in chunk.lines) == (1, True)
            assert column(twin, "SELECT id FROM fhir.patient WHERE NOT deleted") == ["before"]


def test_a_twin_writes_nothing_and_owns_nothing(reading):
    with twin_of(reading.connection) as twin:
        assert column(twin, "SELECT current_user::text") == ["almoner_app"]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            list(twin.read("DELETE FROM fhir.patient RETURNING id"))


def test_values_are_quoted(reading):
    awkward = 'it\'s; a \\ value % with "all"\nof them'
    with twin_of(reading.connection) as twin:
        assert column(twin, "SELECT %s || ''", (awkward,)) == [awkward]


@pytest.mark.parametrize("number", [1, 150_000])
def test_an_error_of_the_server_is_of_its_kind_and_tells_no_value(reading, number):
    with twin_of(reading.connection) as twin, pytest.raises(psycopg.DatabaseError) as raised:
        column(twin, f"SELECT ('secret' || n)::text, 1 / (n - {number}) FROM generate_series(1, 200000) n")
    assert not isinstance(raised.value, psycopg.OperationalError)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert reading.connection.execute(text("SELECT 1")).scalar_one() == 1


def test_who_stops_reading_early_does_not_wait_for_the_rest(reading):
    began = time.monotonic()
    with twin_of(reading.connection) as twin, closing(twin.read(f"{NUMBERS}, pg_sleep(0.0001)")) as batches:
        next(batches)
    assert time.monotonic() - began < 60
    assert reading.connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_server_that_goes_away_is_told_from_a_statement_that_fails(reading, admin_url):
    with (
        twin_of(reading.connection) as twin,
        closing(twin.read(f"SELECT pg_backend_pid(), q.* FROM ({NUMBERS}) q")) as batches,
    ):
        process = next(batches).column(0)[0].as_py()
        with psycopg.connect(admin_url, autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (process,))
        with pytest.raises(psycopg.OperationalError):
            list(batches)
