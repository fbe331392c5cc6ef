"""What is sent has to refer to what is there: alone, in a transaction, on update; what is hidden is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event

from ehr_core.access.actor import Actor
from ehr_core.store.reference_targets import existing
from tests.integration.fhir.conftest import FhirHttp, observation, patient
from tests.lib.api import running_api


@pytest.fixture
def api(database, tmp_path: Path):
    with running_api(database, tmp_path / "state", fhir_references="exist") as running:
        yield running


def expressions(answer) -> list[str]:
    return [issue["expression"][0] for issue in answer.json()["issue"]]


def test_a_target_that_is_not_there_is_named_by_its_element(chen: FhirHttp):
    performer = [{"reference": "Practitioner/none"}, {"reference": "Organization/none"}]
    refused = chen.put(observation("o", performer=performer))
    assert (refused.status_code, expressions(refused)) == (
        422,
        ["Observation.performer[1]", "Observation.performer[0]"],
    )
    assert all(issue["code"] == "not-found" for issue in refused.json()["issue"])
    assert "none" not in refused.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("reference", "accepted"),
    [
        ({"reference": "Patient/ana"}, True),
        ({"reference": "Patient/ana/_history/1"}, True),
        ({"reference": "http://localhost:8000/fhir/Patient/ana"}, True),
        ({"reference": "https://elsewhere.example/fhir/Patient/9"}, True),
        ({"identifier": {"system": "http://x", "value": "1"}}, True),
        ({"display": "Ana"}, True),
        ({"reference": "Patient/bob"}, False),
        ({"reference": "Organization/ana"}, False),
        ({"reference": "urn:uuid:6a0f6f0e-8a10-4dd5-a1a1-2b7c0f8fd3b1"}, False),
        ({"reference": "Patient?identifier=1"}, False),
    ],
)
def test_each_form_of_reference_is_taken_for_what_it_is(chen: FhirHttp, api, reference: dict, accepted: bool):
    if "reference" in reference:
        here = api.parts.settings.issuer
        reference = {"reference": reference["reference"].replace("http://localhost:8000", here)}
    chen.put({"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "description": {"text": "x"},
              "subject": {"reference": "Patient/ana"}})  # fmt: skip
    body = {"resourceType": "Appointment", "id": "a", "status": "proposed",
            "participant": [{"status": "accepted", "actor": {"reference": "Patient/ana"}},
                            {"status": "accepted", "actor": reference}]}  # fmt: skip
    assert (chen.put(body).status_code == 201) == accepted


def test_a_deleted_target_is_not_there(chen: FhirHttp):
    chen.put(patient("bob"))
    chen.send("DELETE", "/Patient/bob")
    assert chen.put(observation("o", "bob")).status_code == 422


def test_a_contained_target_is_inside(chen: FhirHttp):
    inside = [{"resourceType": "Practitioner", "id": "p", "name": [{"family": "Chen"}]}]
    assert chen.put(observation("o", contained=inside, performer=[{"reference": "#p"}])).status_code == 201
    assert chen.put(observation("q", performer=[{"reference": "#p"}])).status_code == 422


def test_a_transaction_is_asked_as_a_whole(chen: FhirHttp):
    mother, child = (
        "urn:uuid:00000000-0000-4000-8000-000000000001",
        "urn:uuid:00000000-0000-4000-8000-000000000002",
    )

    def bundle(subject: str) -> dict:
        result = observation("x", hasMember=[{"reference": child}], subject={"reference": mother})
        member = observation("y", subject={"reference": subject})
        made = [(mother, patient("z")), (None, result), (child, member)]
        return {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": {k: v for k, v in body.items() if k != "id"},
             "request": {"method": "POST", "url": body["resourceType"]}} | ({"fullUrl": url} if url else {})
            for url, body in made]}  # fmt: skip

    assert chen.send("POST", "", bundle(mother)).status_code == 200
    before = chen.bundle("/Observation")["total"]
    refused = chen.send("POST", "", bundle("Patient/nobody"))
    assert (refused.status_code, expressions(refused)) == (422, ["Bundle.entry[2].resource.subject"])
    assert chen.bundle("/Observation")["total"] == before


def test_a_transaction_that_deletes_what_it_refers_to_fails_whole(chen: FhirHttp):
    chen.put(patient("bob"))
    entries = [
        {"request": {"method": "DELETE", "url": "Patient/bob"}},
        {"request": {"method": "PUT", "url": "Observation/o"}, "resource": observation("o", "bob")},
    ]
    refused = chen.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert (refused.status_code, expressions(refused)) == (422, ["Bundle.entry[1].resource.subject"])
    assert chen.get("/Patient/bob").status_code == 200


def test_in_a_batch_each_entry_is_asked_alone(chen: FhirHttp):
    entries = [
        {"request": {"method": "PUT", "url": f"Observation/{name}"}, "resource": observation(name, whose)}
        for name, whose in (("good", "ana"), ("bad", "nobody"))
    ]
    answer = chen.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "422"]


def test_what_an_earlier_version_referred_to_is_not_asked_again(chen: FhirHttp):
    chen.put({"resourceType": "Organization", "id": "lab", "name": "Lab"})
    body = observation("o", performer=[{"reference": "Organization/lab"}])
    assert chen.put(body).status_code == 201
    chen.send("DELETE", "/Organization/lab")
    assert chen.put(body | {"status": "amended"}).status_code == 200
    assert chen.put(body | {"hasMember": [{"reference": "Observation/none"}]}).status_code == 422


def test_a_reference_is_no_way_to_find_out_what_somebody_may_not_see(chen: FhirHttp, api):
    """A row that the database hides from the actor and a row that never was are the same."""
    chen.put(patient("ben"))
    asked = {"Patient/ana", "Patient/ben", "Patient/never"}
    ana = Actor("patient-ana", "patient", "Ana", ("patient",), frozenset(), patient_id="ana")
    with api.work(ana) as work:
        assert existing(work.connection, asked) == {"Patient/ana"}
    with api.work() as work:
        assert existing(work.connection, asked) == {"Patient/ana", "Patient/ben"}


def test_one_question_is_asked_however_many_references_there_are(chen: FhirHttp, api):
    members = [observation(f"m-{number}") for number in range(30)]
    for each in members:
        chen.put(each)
    asked: list[str] = []

    def note(connection, cursor, statement, *_: object) -> None:
        if "AND NOT deleted" in statement and statement.startswith("SELECT '"):
            asked.append(statement)

    event.listen(api.parts.database.engine, "before_cursor_execute", note)
    references = [{"reference": f"Observation/{each['id']}"} for each in members]
    assert chen.put(observation("panel", hasMember=references)).status_code == 201
    entries = [
        {"request": {"method": "PUT", "url": f"Observation/n-{n}"},
         "resource": observation(f"n-{n}", hasMember=references[:3])} for n in range(20)
    ]  # fmt: skip
    assert (
        chen.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status_code
        == 200
    )
    assert len(asked) == 2
