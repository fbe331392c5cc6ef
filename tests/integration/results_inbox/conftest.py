"""An API over a few people, two clinicians and a nurse, with results that come in as a laboratory sends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.chart_records import put_patient, put_site
from tests.lib.api import RunningApi, running_api


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(
            running, "ana", communication=[{"language": {"coding": [{"code": "es"}]}, "preferred": True}]
        )
        put_patient(running, "ben", "Young", "Ben", "1990-01-01", gender="male")
        yield running


@pytest.fixture
def okafor(api):
    """The clinician of everybody's."""
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def chen(api):
    return api.signed_in("chen", "clinician", practitioner_id="chen")


@pytest.fixture
def nurse(api):
    return api.signed_in("joy", "nurse")


@pytest.fixture
def portal(api):
    return api.signed_in("ana", "patient", patient_id="ana")
