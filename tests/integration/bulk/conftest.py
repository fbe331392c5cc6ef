"""An API over an empty store, the pipeline as its client, and three people with a little record each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ehr_core.store.repository import Store
from tests.lib.api import RunningApi, running_api

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
