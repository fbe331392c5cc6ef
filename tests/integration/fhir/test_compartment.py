"""What a patient cannot reach: another's record and what a label holds back, by whatever way the question goes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.fhir.conftest import RESTRICTED, FhirHttp, client_of, clinic, observation, patient
from tests.lib.api import RunningApi

HIV = {"coding": [{"system": "http://loinc.org", "code": "75622-1"}]}
GROUP = {"resourceType": "Group", "id": "study", "type": "person", "actual": True}


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    with clinic(postgres_server, template_database, tmp_path_factory.mktemp("clinic")) as running:
        yield running


@pytest.fixture(scope="module")
def chen(api) -> FhirHttp:
    return client_of(api, "clinician")


@pytest.fixture(scope="module")
def ana(api, chen) -> FhirHttp:
    """Ana's own client. Ben's record is there, and of Ana's own two results that are kept from patients."""
    member = [{"entity": {"reference": "Patient/ana"}}, {"entity": {"reference": "Patient/ben"}}]
    for body in (
        patient("ana", link=[{"other": {"reference": "Patient/ben"}, "type": "seealso"}]),
        patient("ben", "Secret", generalPractitioner=[{"reference": "Practitioner/chen"}]),
        {"resourceType": "Practitioner", "id": "chen", "name": [{"family": "Chen"}]},
        observation("plain"),
        observation("labelled", meta={"security": [RESTRICTED]}, code="2345-7"),
        observation("hiv", meta={"security": [RESTRICTED]}) | {"code": HIV},
        observation("of-ben", "ben", hasMember=[{"reference": "Observation/plain"}]),
        observation("mine", hasMember=[{"reference": "Observation/of-ben"}, {"reference": "Observation/labelled"}]),
        GROUP | {"member": member},
        {"resourceType": "Provenance", "id": "about-ben", "recorded": "2026-11-01T10:00:00Z",
         "target": [{"reference": "Observation/of-ben"}, {"reference": "Patient/ben"}],
         "agent": [{"who": {"reference": "Practitioner/chen"}}]},
    ):  # fmt: skip
        assert chen.put(body).status_code in (200, 201)
    return client_of(api, "patient", patient_id="ana")


HIDDEN = ("of-ben", "labelled", "hiv", "Secret", "ben", "about-ben", "study")


@pytest.mark.parametrize(
    "path",
    [
        "/Patient/ben",
        "/Observation/of-ben",
        "/Observation/labelled",
        "/Observation/hiv",
        "/Provenance/about-ben",
        "/Group/study",
    ],
)
def test_a_direct_read_finds_nothing_and_sounds_like_nothing(ana, path):
    hidden = ana.get(path)
    missing = ana.get(path.rpartition("/")[0] + "/nobody")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json() == missing.json()


@pytest.mark.parametrize(
    "path",
    [
        "/Patient",
        "/Patient?name=secret",
        "/Patient?link=Patient/ben",
        "/Observation",
        "/Observation?patient=ben",
        "/Observation?_id=of-ben,labelled,hiv",
        "/Observation?has-member=Observation/plain",
        "/Observation?_id=mine&_include=Observation:has-member",
        "/Observation?_id=mine&_include=*",
        "/Observation?_id=plain&_revinclude=Observation:has-member",
        "/Observation?_id=mine&_include=Observation:patient&_include:iterate=Patient:link",
        "/Patient?_revinclude=Observation:patient",
        "/Patient?_revinclude=Provenance:target",
        "/Patient?_revinclude=Group:member",
        "/Practitioner?_revinclude=Patient:general-practitioner",
        "/Patient?_include=Patient:link",
        "/Group",
        "/Provenance",
        "/Observation?_sort=-_lastUpdated&_summary=true",
    ],
)
def test_no_search_shows_what_is_not_hers(ana, path):
    text = json.dumps(ana.bundle(path).get("entry", []))
    for resource_id in HIDDEN:
        assert f'/{resource_id}", "resource"' not in text
    assert "Secret" not in text


@pytest.mark.parametrize(
    ("asks", "control"),
    [
        ("/Patient?_has:Observation:patient:code=75622-1", "/Patient?_has:Observation:patient:code=4548-4"),
        ("/Patient?_has:Observation:patient:code=2345-7", "/Patient?_has:Observation:patient:code=4548-4"),
        ("/Patient?_has:Observation:patient:_security=V", "/Patient?_has:Observation:patient:status=final"),
        ("/Patient?link.name=secret", "/Observation?patient.name=rivera"),
        ("/Observation?has-member.patient.name=secret", "/Observation?patient.name=rivera"),
        ("/Observation?has-member.code=2345-7", "/Observation?code=4548-4"),
        ("/Practitioner?_has:Patient:general-practitioner:name=secret", "/Practitioner?name=chen"),
        ("/Practitioner?_has:Provenance:agent:target=Patient/ben", "/Practitioner?name=chen"),
    ],
)
def test_no_chain_and_no_has_answers_a_question_about_what_is_hidden(ana, chen, asks, control):
    assert ana.bundle(asks)["total"] == 0
    assert ana.bundle(control)["total"] > 0
    assert chen.bundle(asks)["total"] > 0, "the question itself finds something for staff"


def test_totals_and_counts_are_of_what_she_sees(ana):
    assert ana.bundle("/Observation")["total"] == 2
    assert ana.bundle("/Observation?_summary=count")["total"] == 2
    assert ana.bundle("/Patient?_count=0")["total"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/_history",
        "/Observation/_history",
        "/Patient/ana/_history",
        "/Patient/ben/_history",
        "/Observation/labelled/_history/1",
        "/Patient/ana/_history/1",
    ],
)
def test_histories_are_not_for_patients(ana, path):
    assert ana.get(path).status_code == 403


def test_a_batch_reads_no_more_than_a_read_does(ana):
    urls = [
        "Patient/ben",
        "Observation/labelled",
        "Observation/plain",
        "Observation?patient=ben",
        "Patient/ana/_history",
    ]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    entries.append({"request": {"method": "DELETE", "url": "Observation/plain"}})
    answer = ana.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
    statuses = [entry["response"]["status"][:3] for entry in answer["entry"]]
    assert statuses == ["404", "404", "200", "200", "403", "403"]
    assert answer["entry"][3]["resource"]["total"] == 0


def test_a_patients_error_is_the_same_for_hidden_and_for_missing(ana):
    hidden = ana.bundle("/Observation?patient=ben&_include=Observation:patient")
    missing = ana.bundle("/Observation?patient=nobody&_include=Observation:patient")
    for bundle in (hidden, missing):
        del bundle["link"]
    assert hidden == missing


def test_a_patient_of_age_reads_what_is_sensitive_in_the_own_record_and_a_minor_does_not(api, chen):
    for name, born in (("grown", "1990-01-01"), ("teen", "2010-01-01"), ("unknown", None)):
        chen.put({**patient(name), "birthDate": born} if born else {"resourceType": "Patient", "id": name})
        chen.put(observation(f"hiv-{name}", name) | {"code": HIV})
        chen.put(observation(f"kept-{name}", name, meta={"security": [RESTRICTED]}))
    found = {
        name: client_of(api, "patient", patient_id=name).found("/Observation")
        for name in ("grown", "teen", "unknown")
    }
    assert found == {"grown": ["Observation/hiv-grown"], "teen": [], "unknown": []}


def test_a_label_put_on_later_hides_at_once(ana, chen):
    chen.put(observation("later"))
    assert ana.get("/Observation/later").status_code == 200
    chen.put(observation("later", meta={"security": [RESTRICTED]}))
    assert ana.get("/Observation/later").status_code == 404
    assert "Observation/later" not in ana.found("/Observation")
