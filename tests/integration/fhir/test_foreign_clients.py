"""FHIR clients that nobody here wrote, against the running server: fhirpy and fhirclient."""

from __future__ import annotations

import base64

import pytest

from ehr_core.db.database import connect
from tests.integration.fhir.conftest import observation, patient
from tests.lib import postgres
from tests.lib.served_api import served_api

fhirpy = pytest.importorskip("fhirpy")
fhirclient = pytest.importorskip("fhirclient.client")


@pytest.fixture(scope="module")
def served(postgres_server, template_database, tmp_path_factory):
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        with served_api(database, tmp_path_factory.mktemp("served")) as api:
            yield api
        database.dispose()


@pytest.fixture(scope="module")
def token(served) -> str:
    return served.signed_in("chen", "clinician").transport._token_source()


def test_fhirpy_makes_finds_pages_changes_and_deletes(served, token):
    client = fhirpy.SyncFHIRClient(f"{served.base_url}/fhir", authorization=f"Bearer {token}")
    ana = client.resource("Patient", **without_type(patient("ana-py")))
    ana.save()
    for number in range(5):
        client.resource("Observation", **without_type(observation(f"py{number}", "ana-py"))).save()

    found = client.resources("Observation").search(patient="ana-py", status="final").sort("-date").limit(2)
    assert len(found.fetch()) == 2
    assert len(found.fetch_all()) == 5, "over the links to the next pages"
    assert found.count() == 5
    with_patient = client.resources("Observation").search(_id="py0").include("Observation", "patient")
    assert [each["resource"]["resourceType"] for each in with_patient.fetch_raw()["entry"]] == [
        "Observation",
        "Patient",
    ]

    one = client.reference("Observation", "py0").to_resource()
    one.patch(status="amended")
    assert client.resources("Observation").search(_id="py0").first()["status"] == "amended"
    made, was_made = (
        client.resources("Patient")
        .search(identifier="urn:mrn|py")
        .get_or_create(client.resource("Patient", identifier=[{"system": "urn:mrn", "value": "py"}]))
    )
    assert was_made
    assert made.id
    one.delete()
    with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
        client.reference("Observation", "py0").to_resource()


def test_fhirclient_reads_the_statement_makes_models_and_turns_pages(served, token):
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient

    smart = fhirclient.FHIRClient(settings={"app_id": "test", "api_base": f"{served.base_url}/fhir"})
    assert smart.server.capabilityStatement.fhirVersion == "4.0.1"
    smart.server.session.headers["Authorization"] = f"Bearer {token}"
    assert Patient(patient("ana-client")).update(smart.server)
    for number in range(3):
        Observation(observation(f"c{number}", "ana-client")).update(smart.server)

    read = Patient.read("ana-client", smart.server)
    assert read.name[0].family == "Rivera"
    search = Observation.where({"patient": "ana-client", "_count": "2"})
    assert len(list(search.perform_resources_iter(smart.server))) == 3, "over the links to the next pages"
    read.gender = "female"
    assert read.update(smart.server)["meta"]["versionId"] == "2"
    Observation.read("c0", smart.server).delete()
    with pytest.raises(Exception, match="410"):
        Observation.read("c0", smart.server)
    created = Patient({"name": [{"family": "New"}]}).create(smart.server)
    assert created["id"]


def without_type(resource: dict) -> dict:
    return {name: value for name, value in resource.items() if name != "resourceType"}


def test_a_token_in_another_form_is_refused(served):
    basic = base64.b64encode(b"chen:password").decode()
    client = fhirpy.SyncFHIRClient(f"{served.base_url}/fhir", authorization=f"Basic {basic}")
    with pytest.raises(fhirpy.base.exceptions.AuthorizationError):
        client.resources("Patient").fetch()
