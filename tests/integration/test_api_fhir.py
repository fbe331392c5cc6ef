"""FHIR over REST: bytes in, bytes out; versions; who may; and what is refused."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from ehr_core.kernel.errors import (
    BadRequest,
    Forbidden,
    Gone,
    InvalidResource,
    NotFound,
    StaleVersion,
)
from tests.lib.api import running_api

PATIENT = b'{"resourceType":"Patient","id":"ana","name":[{"family":"Rivera","given":["Ana"]}],"birthDate":"1961-04-02"}'


def observation(value: str = "7.10", *, patient: str = "ana", **more: object) -> bytes:
    """An HbA1c whose value is written exactly as given."""
    rest = json.dumps({"subject": {"reference": f"Patient/{patient}"}, **more})[1:]
    return (
        b'{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":'
        b'"4548-4"}]},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":'
        + value.encode()
        + b',"unit":"%",'
        b'"system":"http://unitsofmeasure.org","code":"%"},' + rest.encode()
    )


def next_link(bundle: dict) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def clinician(api):
    """A clinician's client; Ana's record is there."""
    client = api.signed_in("chen", "clinician")
    client.fhir.update("Patient", "ana", PATIENT, if_match=None)
    return client


@pytest.fixture
def http(api, clinician):
    return api.http(headers={"Authorization": f"Bearer {clinician.transport._token_source()}"})


def test_what_came_in_goes_out_digit_for_digit(clinician):
    written = clinician.fhir.create("Observation", observation("7.10", note=[{"text": "né – 1.50"}]))
    read = clinician.fhir.read("Observation", written.resource_id)
    assert b'"value":7.10,' in read.body
    assert read.body == written.body
    assert read.version_id == 1


@pytest.mark.parametrize(
    "place",
    [
        {"identifier": [{"system": "mrn", "value": "LONG"}]},
        {"name": [{"family": "LONG", "given": ["LONG"]}]},
        {"generalPractitioner": [{"reference": "https://there/LONG/Practitioner/1"}]},
    ],
    ids=["identifier", "name", "reference"],
)
def test_a_text_of_a_megabyte_where_search_looks_is_taken_whole(clinician, place):
    long = secrets.token_hex(500_000)
    body = json.dumps({"resourceType": "Patient", **place}).replace("LONG", long).encode()
    written = clinician.fhir.create("Patient", body)
    kept = json.loads(clinician.fhir.read("Patient", written.resource_id).body)
    assert all(kept[name] == value for name, value in json.loads(body).items())


def test_a_result_of_somebody_elsewhere_is_refused_with_its_element(clinician):
    body = observation(patient="ana").replace(b"Patient/ana", b"https://there/Patient/ana")
    with pytest.raises(InvalidResource, match=r"Observation.subject.*another server"):
        clinician.fhir.create("Observation", body)


def test_an_update_makes_a_version_and_the_old_one_stays(clinician):
    first = clinician.fhir.create("Observation", observation("10.2"))
    body = observation("7.1", id=first.resource_id)
    second = clinician.fhir.update("Observation", first.resource_id, body, if_match=1)
    assert second.version_id == 2
    old = clinician.fhir.vread("Observation", first.resource_id, 1)
    assert b'"value":10.2,' in old.body
    history = json.loads(clinician.fhir.history("Observation", first.resource_id))
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"2"', 'W/"1"']
    assert [entry["request"]["method"] for entry in history["entry"]] == ["PUT", "POST"]


def test_saving_over_somebody_elses_version_is_412(clinician):
    first = clinician.fhir.create("Observation", observation("10.2"))
    body = observation("7.1", id=first.resource_id)
    clinician.fhir.update("Observation", first.resource_id, body, if_match=1)
    with pytest.raises(StaleVersion):
        clinician.fhir.update(
            "Observation", first.resource_id, observation("9.9", id=first.resource_id), if_match=1
        )


def test_of_twenty_savers_of_one_version_one_wins(clinician):
    first = clinician.fhir.create("Observation", observation("10.2"))

    def save(number):
        try:
            body = observation(f"7.{number}", id=first.resource_id)
            return clinician.fhir.update("Observation", first.resource_id, body, if_match=1).version_id
        except StaleVersion:
            return None

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(save, range(20)))
    assert sorted(filter(None, outcomes)) == [2]


def test_the_headers_say_version_place_and_time(http):
    answer = http.post(
        "/fhir/Observation", content=observation(), headers={"Content-Type": "application/fhir+json"}
    )
    assert answer.status_code == 201
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"].endswith("/_history/1")
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["last-modified"].endswith("GMT")
    again = http.get(
        answer.headers["location"].removesuffix("/_history/1"), headers={"If-None-Match": 'W/"1"'}
    )
    assert again.status_code == 304
    assert again.content == b""


def test_who_prefers_no_content_gets_none(http):
    headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
    answer = http.post("/fhir/Observation", content=observation(), headers=headers)
    assert (answer.status_code, answer.content) == (201, b"")


def test_a_deleted_resource_is_gone_and_its_history_stays(clinician):
    written = clinician.fhir.create("Observation", observation())
    clinician.fhir.delete("Observation", written.resource_id, if_match=1)
    with pytest.raises(Gone):
        clinician.fhir.read("Observation", written.resource_id)
    history = json.loads(clinician.fhir.history("Observation", written.resource_id))
    assert "resource" not in history["entry"][0]
    assert history["entry"][0]["request"]["method"] == "DELETE"


def test_a_search_gives_the_stored_bytes_and_its_next_page_tells_no_search_value(clinician, http):
    for number in range(5):
        clinician.fhir.create("Observation", observation(f"7.{number}0"))
    first = clinician.fhir.search("Observation", {"patient": "ana", "code": "4548-4", "_count": "2"})
    assert b'"value":7.' in first
    bundle = json.loads(first)
    assert (bundle["type"], bundle["total"], len(bundle["entry"])) == ("searchset", 5, 2)
    seen, link = [entry["resource"]["id"] for entry in bundle["entry"]], next_link(bundle)
    while link:
        assert "ana" not in link
        page = http.get(link).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        link = next_link(page)
    assert len(set(seen)) == 5


def test_a_page_link_is_of_use_to_nobody_else(api, clinician, http):
    for _ in range(3):
        clinician.fhir.create("Observation", observation())
    link = next_link(json.loads(clinician.fhir.search("Observation", {"patient": "ana", "_count": "1"})))
    other = api.signed_in("mia", "care_manager")
    assert (
        api.http(headers={"Authorization": f"Bearer {other.transport._token_source()}"}).get(link).status_code
        == 400
    )
    assert http.get(link.replace("/Observation", "/Condition")).status_code == 400


def test_an_unknown_search_parameter_is_refused_and_not_ignored(clinician):
    with pytest.raises(BadRequest, match="cannot be searched by"):
        clinician.fhir.search("Observation", {"patient": "ana", "colour": "blue"})


def test_an_empty_search_has_no_entries(clinician):
    bundle = json.loads(clinician.fhir.search("Observation", {"patient": "nobody"}))
    assert bundle["total"] == 0
    assert "entry" not in bundle


def test_a_transaction_is_all_or_nothing(clinician):
    def bundle(*resources):
        entries = [
            {
                "resource": json.loads(body),
                "request": {"method": "POST", "url": json.loads(body)["resourceType"]},
            }
            for body in resources
        ]
        return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()

    answer = json.loads(clinician.fhir.transaction(bundle(observation("7.1"), observation("7.2"))))
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    broken = json.loads(observation("7.3"))
    del broken["status"]
    with pytest.raises(InvalidResource):
        clinician.fhir.transaction(bundle(observation("7.4"), json.dumps(broken).encode()))
    assert json.loads(clinician.fhir.search("Observation", {"patient": "ana"}))["total"] == 2


def test_of_many_conditional_creates_one_makes_the_resource(clinician):
    identifier = [{"system": "urn:lab", "value": "r-1"}]

    def create(_):
        return clinician.fhir.create(
            "Observation", observation(identifier=identifier), if_none_exist="identifier=urn:lab|r-1"
        ).resource_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(create, range(16)))) == 1


def test_an_invalid_resource_names_the_element_and_not_the_value(clinician):
    body = observation().replace(b'"final"', b'"Ana Rivera"')
    with pytest.raises(InvalidResource) as refused:
        clinician.fhir.create("Observation", body)
    assert refused.value.issues[0].expression == "Observation.status"
    assert "Rivera" not in refused.value.message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[]", 400),
        (b'{"resourceType":"Patient"}', 400),
        (b'{"resourceType":7}', 400),
        (b'{"resourceType":"Observation"}', 422),
        (b"\xff\xfe", 400),
        (observation(note=[{"text": "x\0y"}]), 422),
    ],
)
def test_a_body_that_is_no_observation_is_refused(http, body, status):
    answer = http.post("/fhir/Observation", content=body, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_megabyte_of_text_is_kept(clinician):
    written = clinician.fhir.create("Observation", observation(note=[{"text": "x" * 1_000_000}]))
    assert len(clinician.fhir.read("Observation", written.resource_id).body) > 1_000_000


def test_the_id_in_body_and_address_must_agree(clinician):
    with pytest.raises(BadRequest, match="same id"):
        clinician.fhir.update("Patient", "ben", PATIENT, if_match=None)


@pytest.mark.parametrize("tag", ["3", '"x"', '*, "1"', 'W/"-1"', 'W/"1", W/"2"'])
def test_an_if_match_that_names_no_version_is_refused(http, tag):
    headers = {"Content-Type": "application/fhir+json", "If-Match": tag}
    assert http.put("/fhir/Patient/ana", content=PATIENT, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("kind", "status"), [("text/xml", 415), ("", 415), ("application/json; charset=utf-8", 200)]
)
def test_only_json_is_read(http, kind, status):
    answer = http.put("/fhir/Patient/ana", content=PATIENT, headers={"Content-Type": kind})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+xml", 406),
        ("application/fhir+json", 200),
        ("", 200),
        (" ", 200),
        ("text/html, */*;q=0.1", 200),
    ],
)
def test_only_json_is_spoken(http, accept, status):
    assert http.get("/fhir/Patient/ana", headers={"Accept": accept}).status_code == status


def test_xml_is_not_given_by_format_either(http):
    assert http.get("/fhir/Patient/ana", params={"_format": "xml"}).status_code == 406
    assert http.get("/fhir/Patient/ana", params={"_format": "application/fhir+json"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/fhir/Unicorn/1", "/fhir/Unicorn", "/fhir/Patient/none", "/fhir/Patient/a%0Ab"]
)
def test_what_is_not_there_is_not_found(http, path):
    assert http.get(path).status_code in (400, 404)
    assert http.get(path).json()["resourceType"] == "OperationOutcome"


def test_the_capability_statement_lists_what_is_there_and_needs_no_sign_in(api):
    statement = api.http().get("/fhir/metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    listed = {entry["type"]: entry for entry in statement["rest"][0]["resource"]}
    assert {"Patient", "Observation", "Condition"} <= set(listed)
    kinds = {entry["name"]: entry["type"] for entry in listed["Observation"]["searchParam"]}
    assert (kinds["patient"], kinds["code"], kinds["date"]) == ("reference", "token", "date")


@pytest.mark.parametrize("role", ["admin", "analyst"])
def test_roles_without_the_permission_get_nothing(api, clinician, role):
    client = api.signed_in("other", role)
    with pytest.raises(Forbidden):
        client.fhir.read("Patient", "ana")
    with pytest.raises(Forbidden):
        client.fhir.search("Patient", {"name": "rivera"})


@pytest.mark.parametrize("service", ["pipeline", "remeasure"])
def test_a_service_cannot_touch_a_chart(api, clinician, service):
    client = api.service(service)
    for act in (
        lambda: client.fhir.read("Patient", "ana"),
        lambda: client.fhir.create("Observation", observation()),
        lambda: client.fhir.update("Patient", "ana", PATIENT, if_match=None),
        lambda: client.fhir.delete("Patient", "ana"),
        lambda: client.fhir.transaction(b'{"resourceType":"Bundle","type":"transaction"}'),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_care_manager_reads_and_does_not_write(api, clinician):
    client = api.signed_in("mia", "care_manager")
    assert client.fhir.read("Patient", "ana").version_id == 1
    with pytest.raises(Forbidden):
        client.fhir.create("Observation", observation())


@pytest.fixture
def ana(api, clinician):
    """Ana's own client; Ben's record is there too, with a result."""
    clinician.fhir.update("Patient", "ben", PATIENT.replace(b'"ana"', b'"ben"'), if_match=None)
    clinician.fhir.update("Observation", "of-ben", observation(patient="ben", id="of-ben"), if_match=None)
    return api.signed_in("ana", "patient", patient_id="ana")


def test_a_patient_reads_their_own_record_only_and_the_attempt_is_audited(api, ana):
    assert ana.fhir.read("Patient", "ana").version_id == 1
    with pytest.raises(NotFound) as hidden:
        ana.fhir.read("Patient", "ben")
    with pytest.raises(NotFound) as missing:
        ana.fhir.read("Patient", "nobody")
    assert hidden.value.message == missing.value.message
    with pytest.raises(NotFound):
        ana.fhir.read("Observation", "of-ben")
    with api.work() as work:
        refused = work.connection.execute(
            text(
                "SELECT resource_type, resource_id FROM audit.event"
                " WHERE outcome = 'refused' AND actor_kind = 'patient'"
            )
        )
        assert ("Observation", "of-ben") in [tuple(row) for row in refused]


@pytest.mark.parametrize("criteria", [{}, {"patient": "ben"}, {"subject": "Patient/ben"}, {"_id": "of-ben"}])
def test_a_patients_search_finds_nobody_else(ana, criteria):
    assert "entry" not in json.loads(ana.fhir.search("Observation", criteria))


def test_a_patient_writes_nothing_and_sees_no_history(ana):
    for act in (
        lambda: ana.fhir.update("Patient", "ana", PATIENT, if_match=1),
        lambda: ana.fhir.create("Observation", observation()),
        lambda: ana.fhir.delete("Patient", "ana"),
        lambda: ana.fhir.history("Patient", "ana"),
        lambda: ana.fhir.vread("Patient", "ana", 1),
    ):
        with pytest.raises(Forbidden):
            act()


def test_what_a_label_holds_back_is_not_there_for_the_patient(clinician, ana):
    label = {
        "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]
    }
    hidden = clinician.fhir.create("Observation", observation(meta=label))
    plain = clinician.fhir.create("Observation", observation())
    with pytest.raises(NotFound):
        ana.fhir.read("Observation", hidden.resource_id)
    bundle = json.loads(ana.fhir.search("Observation", {"patient": "ana"}))
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == [plain.resource_id]
    assert bundle["total"] == 1
    assert json.loads(clinician.fhir.search("Observation", {"patient": "ana"}))["total"] == 2


def test_a_patients_refusals_do_not_stand_as_reads(api, ana):
    """The store's own 'read' row went with the transaction that was refused."""
    with pytest.raises(NotFound):
        ana.fhir.read("Observation", "of-ben")
    with api.work() as work:
        reads = work.connection.execute(
            text("SELECT count(*) FROM audit.event WHERE act = 'read' AND actor_kind = 'patient'")
        ).scalar_one()
    assert reads == 0
