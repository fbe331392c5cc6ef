"""A clinic on a socket for attackers: Ana and Ben with their records, staff, a patient, and applications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ehr_core.db.database import connect
from tests.integration.fhir.conftest import RESTRICTED, FhirHttp, client_of, observation, patient
from tests.lib import postgres
from tests.lib.api import RunningApi
from tests.lib.receiver import DEVELOPMENT
from tests.lib.served_api import served_api

UNCOUNTED = {"account_requests_per_second": 0, "address_requests_per_second": 0}
"""Many tests attack one after the other: what counts requests is attacked elsewhere."""


@pytest.fixture(scope="package")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        with served_api(database, tmp_path_factory.mktemp("clinic"), **DEVELOPMENT, **UNCOUNTED) as running:
            yield running
        database.dispose()


@pytest.fixture(scope="package")
def chen(api) -> FhirHttp:
    """A clinician. Ben's record is there; of Ana's own one result is restricted, and one refers to Ben's."""
    client = client_of(api, "clinician")
    for body in (
        patient("ana"),
        patient("ben", "Secretson", identifier=[{"system": "urn:mrn", "value": "BEN-77"}]),
        observation("plain"),
        observation("labelled", meta={"security": [RESTRICTED]}, code="2345-7"),
        observation(
            "of-ben",
            "ben",
            code="718-7",
            hasMember=[{"reference": "Observation/plain"}],
            performer=[{"reference": "Patient/ana"}],
        ),
        observation("mine", hasMember=[{"reference": "Observation/of-ben"}]),
    ):
        assert client.put(body).status_code in (200, 201)
    return client


@pytest.fixture(scope="package")
def ana(api, chen) -> FhirHttp:
    return client_of(api, "patient", patient_id="ana")
