"""An API over a few people, with a clinician who signs, a colleague, and a nurse who prepares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.chart_records import put_patient, put_site
from tests.lib.api import RunningApi, running_api


@pytest.fixture
def api(database, tmp_path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben", "1990-01-01", gender="male")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def colleague(api):
    return api.signed_in("chen", "clinician", practitioner_id="chen")


@pytest.fixture
def nurse(api):
    return api.signed_in("joy", "nurse")
