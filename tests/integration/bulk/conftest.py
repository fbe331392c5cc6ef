"""An API over an empty store, the pipeline as its client, and three people with a little record each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from ehr_core.access.actor import Actor
from ehr_core.population import generate
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from tests.lib.api import RunningApi, running_api

LOADER = Actor("service:test-loader", "service", "Loader", (), frozenset({"fhir.write"}))
PATIENTS = 14
PEOPLE = ("ana", "ben", "cleo")


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    """An API over an empty store; the background thread is left out so that each test runs the jobs itself."""
    with running_api(database, tmp_path, now=datetime.now(UTC)) as api:
        yield api


@pytest.fixture
def pipeline(api):
    return api.service("pipeline")


@pytest.fixture
def people(database) -> None:
    """A small population in the store."""
    lines = generate(PATIENTS, seed=7, as_of=date(2026, 11, 20), time_zone="America/New_York")
    load_resources(database, LOADER, lines, processes=1)


@pytest.fixture
def three_people(api) -> None:
    """A patient and a problem each; Ben is not among those whom the tests ask for."""
    with api.work() as work:
        store = Store(work)
        for name in PEOPLE:
            store.create("Patient", {"resourceType": "Patient", "gender": "unknown"}, id=name)
            store.create("Condition", condition(name), id=f"of-{name}")


def condition(patient_id: str) -> dict:
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]},
    }
