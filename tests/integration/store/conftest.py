"""Actors, work and resources for the store's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import FixedClock
from ehr_core.store.importer import ImportSummary, import_path
from ehr_core.store.repository import Store

SITE = "America/New_York"
NOON = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def staff() -> Actor:
    return Actor("u-1", "user", "Nurse", ("clinician",), frozenset({"fhir.write", "bulk.export"}))


@pytest.fixture
def as_patient() -> Callable[[str], Actor]:
    return lambda patient_id: Actor(
        f"patient-{patient_id}", "patient", "Patient", ("patient",), frozenset(), patient_id=patient_id
    )


@pytest.fixture
def opened(database: Database, staff: Actor, clock: FixedClock) -> Callable:
    """`with opened() as store:` one unit of work, as staff unless another actor is given."""

    @contextmanager
    def open_store(actor: Actor | None = None) -> Iterator[Store]:
        with begin(database, actor or staff, clock, SITE) as work:
            yield Store(work)

    return open_store


@pytest.fixture
def work(database: Database, staff: Actor, clock: FixedClock) -> Iterator[UnitOfWork]:
    with begin(database, staff, clock, SITE) as opened_work:
        yield opened_work


@pytest.fixture
def count(admin_url: str) -> Callable[..., int]:
    """Rows of a table as its owner sees them, past every policy."""

    def rows(table: str, where: str = "true") -> int:
        with psycopg.connect(admin_url) as connection:
            found = connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()
        return int(found[0])

    return rows


@pytest.fixture
def run_import(database: Database, staff: Actor) -> Callable[..., ImportSummary]:
    """Imports files as staff, in this process unless told otherwise; most inputs are parts of a record."""

    def run(*paths: Path, processes: int = 1, check_claims: bool = False, **more: Any) -> ImportSummary:
        more |= {"processes": processes, "check_claims": check_claims}
        return import_path(database, staff, paths, site_time_zone=SITE, **more)

    return run


def patient(**more: object) -> dict:
    return {"resourceType": "Patient", "name": [{"family": "Rivera", "given": ["Ana"]}], **more}


def observation(patient_id: str, value: str = "7.10", **more: object) -> bytes:
    extra = "".join(f',"{name}":"{text}"' for name, text in more.items())
    return (
        '{"resourceType":"Observation","status":"final",'
        '"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},'
        f'"subject":{{"reference":"Patient/{patient_id}"}},"effectiveDateTime":"2026-02-01",'
        f'"valueQuantity":{{"value":{value},"unit":"%"}}{extra}}}'
    ).encode()
