"""A search in one patient's compartment: what is in it, for whom, by address, form, page and batch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from ehr_core.store.patient_compartment import PATIENT_COMPARTMENT
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_parameters import Search, known_parameters
from ehr_core.store.tables import current_table
from ehr_core.store.visible import NOBODY, Sight
from tests.integration.fhir.conftest import (
    RESTRICTED,
    FhirHttp,
    client_of,
    clinic,
    link,
    observation,
    patient,
)
from tests.lib.api import RunningApi

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
OF_ANA = {"reference": "Patient/ana"}
OF_BEN = {"reference": "Patient/ben"}


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    with clinic(postgres_server, template_database, tmp_path_factory.mktemp("clinic")) as running:
        yield running


@pytest.fixture(scope="module")
def chen(api) -> FhirHttp:
    """Ana's results, one of them restricted; Ben's, one of them measured by Ana; a coverage of Ben's that is Ana's."""
    client = client_of(api, "clinician")
    member = [{"entity": OF_ANA}]
    coverage = {
        "resourceType": "Coverage",
        "status": "active",
        "payor": [{"reference": "Organization/payer"}],
    }
    for body in (
        patient("ana", link=[{"other": OF_BEN, "type": "seealso"}]),
        patient("ben", "Secret", link=[{"other": OF_ANA, "type": "seealso"}]),
        observation("a1c"),
        observation("glucose", code="2345-7"),
        observation("labelled", meta={"security": [RESTRICTED]}, code="718-7"),
        observation("of-ben", "ben"),
        observation("measured-by-ana", "ben", performer=[OF_ANA]),
        coverage | {"id": "own", "beneficiary": OF_ANA},
        coverage | {"id": "bens", "beneficiary": OF_BEN, "subscriber": OF_ANA},
        {"resourceType": "Group", "id": "study", "type": "person", "actual": True, "member": member},
    ):
        assert client.put(body).status_code == 201
    return client


@pytest.fixture(scope="module")
def ana(api, chen) -> FhirHttp:
    return client_of(api, "patient", patient_id="ana")


def test_every_type_of_the_table_is_kept_and_searched_by_its_parameters():
    search = Search(Sight(NOBODY), "UTC")
    for name, parameters in PATIENT_COMPARTMENT.items():
        known = known_parameters(RESOURCE_TYPES[name], current_table(name), search)
        assert [one for one in parameters if one not in known] == [], name


def test_a_compartment_holds_what_its_parameters_lead_to_and_nothing_else(chen):
    assert set(chen.found("/Patient/ana/Observation")) == {
        "Observation/a1c",
        "Observation/glucose",
        "Observation/labelled",
        "Observation/measured-by-ana",
    }
    assert set(chen.found("/Patient/ana/Coverage")) == {"Coverage/own", "Coverage/bens"}
    assert chen.found("/Patient/ana/Group") == ["Group/study"]
    assert set(chen.found("/Patient/ana/Patient")) == {"Patient/ana", "Patient/ben"}
    assert chen.found("/Patient/ana/Condition") == []


def test_further_criteria_narrow_it_and_lead_nowhere_else(chen):
    assert chen.found("/Patient/ana/Observation?code=2345-7") == ["Observation/glucose"]
    assert chen.found("/Patient/ana/Observation?patient=ben") == ["Observation/measured-by-ana"]
    assert chen.found("/Patient/ana/Observation?_id=of-ben") == []
    assert chen.found("/Patient/ana/Coverage?beneficiary=ana&subscriber=ana") == []


def test_a_patient_sees_no_more_in_any_compartment_than_by_the_same_search(ana):
    for name in (name for name, parameters in PATIENT_COMPARTMENT.items() if len(parameters) > 1):
        asked = "_id=ana" if name == "Patient" else "patient=ana"
        assert set(ana.found(f"/Patient/ana/{name}")) <= set(ana.found(f"/{name}?{asked}")), name
    assert set(ana.found("/Patient/ana/Observation")) == {"Observation/a1c", "Observation/glucose"}
    assert ana.found("/Patient/ana/Coverage") == ["Coverage/own"]


def test_a_patient_who_may_not_be_seen_sounds_like_one_who_is_not_there(ana, chen):
    hidden, missing = ana.get("/Patient/ben/Observation"), ana.get("/Patient/nobody/Observation")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json() == missing.json() == ana.get("/Patient/ben").json()
    assert chen.get("/Patient/nobody/Observation").json() == chen.get("/Patient/nobody").json()
    by_form = ana.send("POST", "/Patient/ben/Observation/_search", b"code=4548-4", **FORM)
    assert (by_form.status_code, by_form.json()) == (404, missing.json())


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/Patient/ana/Medication", 400, "Medication is in no patient's compartment"),
        ("/Patient/ana/Spaceship", 404, "not kept here"),
        ("/Patient/ana/*", 400, "$everything"),
        ("/Encounter/one/Observation", 404, "Patient alone has a compartment"),
        ("/Patient/ana/Observation?colour=red", 400, "colour"),
    ],
)
def test_what_is_not_searched_is_refused_in_words(chen, path, status, says):
    answer = chen.get(path, Prefer="handling=strict")
    assert answer.status_code == status
    assert says in answer.json()["issue"][0]["diagnostics"]


def test_what_is_not_understood_is_told_where_it_is_not_refused(chen):
    bundle = chen.bundle("/Patient/ana/Observation?colour=red")
    assert "colour" in str([entry for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"])


def test_a_form_finds_the_same_and_shows_no_criteria(chen):
    answer = chen.send("POST", "/Patient/ana/Observation/_search", b"code=2345-7", **FORM).json()
    assert [entry["resource"]["id"] for entry in answer["entry"]] == ["glucose"]
    assert link(answer, "self").endswith("/fhir/Patient/ana/Observation")


def test_pages_stay_in_the_compartment_and_open_nowhere_else(chen):
    bundle = chen.bundle("/Patient/ana/Observation?_count=1&_sort=_id")
    seen, following = [bundle["entry"][0]["resource"]["id"]], link(bundle, "next")
    assert "/Patient/ana/Observation?_page=" in following
    assert chen.http.get(following.replace("/Patient/ana/", "/")).status_code == 400
    assert chen.http.get(following.replace("/Patient/ana/", "/Patient/ben/")).status_code == 400
    while following:
        page = chen.http.get(following).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = link(page, "next")
    assert seen == ["a1c", "glucose", "labelled", "measured-by-ana"]


def test_a_batch_searches_a_compartment_too(chen):
    entry = [{"request": {"method": "GET", "url": "Patient/ana/Observation?code=2345-7"}}]
    answer = chen.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entry})
    assert answer.json()["entry"][0]["resource"]["total"] == 1


def test_a_search_that_finds_nothing_names_whose_record_was_asked_for(api, chen):
    chen.found("/Patient/ben/Immunization?status=completed")
    with api.work() as work:
        row = work.connection.execute(
            text(
                "SELECT detail, cardinality(patient_ids) AS listed FROM audit.event "
                "WHERE resource_type = 'Immunization' AND detail -> 'parameters' = '[\"status\"]'"
            )
        ).one()
    assert (row.detail["compartment"], row.listed) == ("Patient", 1)


def test_the_capability_statement_names_the_compartment(api):
    statement = api.http().get("/fhir/metadata").json()["rest"][0]
    assert statement["compartment"] == ["http://hl7.org/fhir/CompartmentDefinition/patient"]
