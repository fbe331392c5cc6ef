"""Transaction and batch Bundles."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ehr_core.access.unit_of_work import begin
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import AlmonerError, BadRequest, InvalidResource, StaleVersion
from ehr_core.store.reads import SeveralMatch
from ehr_core.store.repository import Store
from tests.integration.store.conftest import SITE, patient


def bundle(*entries: dict, kind: str = "transaction") -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)}).encode()


def post(body: dict, full_url: str | None = None, if_none_exist: str | None = None) -> dict:
    request = {"method": "POST", "url": body["resourceType"]}
    if if_none_exist:
        request["ifNoneExist"] = if_none_exist
    return {"resource": body, "request": request} | ({"fullUrl": full_url} if full_url else {})


def put(body: dict, url: str, if_match: str | None = None) -> dict:
    request = {"method": "PUT", "url": url} | ({"ifMatch": if_match} if if_match else {})
    return {"resource": body, "request": request}


def act(method: str, url: str) -> dict:
    return {"request": {"method": method, "url": url}}


def result(subject: str, **more: object) -> dict:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    return {**body, "subject": {"reference": subject}, **more}


def run(store: Store, *entries: dict, kind: str = "transaction") -> list[dict]:
    return json.loads(store.transaction(bundle(*entries, kind=kind)))["entry"]


def test_references_among_the_entries_are_resolved(opened) -> None:
    with opened() as store:
        store.create("Practitioner", {"resourceType": "Practitioner", "identifier": [{"system": "npi", "value": "9"}]}, id="doc")  # fmt: skip # noqa: E501
        answers = run(
            store,
            post(result("urn:uuid:p", performer=[{"reference": "Practitioner?identifier=npi|9"}])),
            post(patient(), "urn:uuid:p"),
        )
        where = [answer["response"]["location"] for answer in answers]
        assert [answer["response"]["status"] for answer in answers] == ["201 Created", "201 Created"]
        stored = json.loads(store.read("Observation", where[0].split("/")[1]).body)

    assert f"{stored['subject']['reference']}/_history/1" == where[1]
    assert stored["performer"] == [{"reference": "Practitioner/doc"}]


def test_escaped_references_are_resolved_like_any_other(opened, count) -> None:
    with opened() as store:
        store.create("Patient", patient(identifier=[{"system": "http://mrn", "value": "7"}]), id="known")
        entries = [
            post(patient(), "https://there/Patient/1"),
            post(result("https://there/Patient/1")),
            post(result("Patient?identifier=http://mrn|7")),
        ]
        body = bundle(*entries).replace(b'"reference": "https://there/', rb'"reference": "https:\/\/there\/')
        body = body.replace(b'"reference": "Patient?identifier=http://', rb'"reference": "Patient?identifier=http:\/\/')  # fmt: skip # noqa: E501
        assert body.count(rb"\/") == 5
        store.transaction(body)
    assert count("fhir.observation", "patient_id = 'known'") == 1
    assert count("fhir.observation", "patient_id = (SELECT id FROM fhir.patient WHERE id <> 'known')") == 1


def test_a_relative_reference_to_a_created_entry_finds_it_and_nobody_else(opened, count) -> None:
    """'Patient/1' of a sender is the entry it sends; our own Patient/1 is somebody else."""
    seen = post(result("Patient/1"), "https://there/Observation/9")
    with opened() as store:
        store.create("Patient", patient(), id="1")
        run(store, post(patient(), "https://there/Patient/1"), seen)
    assert count("fhir.observation", "patient_id <> '1'") == 1


def test_an_id_that_a_post_does_not_keep_cannot_be_referred_to(opened, count) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="1")
    with pytest.raises(InvalidResource, match=r"entry\[1\].*fullUrl"), opened() as store:
        run(store, post(patient(id="1"), "urn:uuid:p"), post(result("Patient/1")))
    with opened() as store:
        run(store, put(patient(id="1"), "Patient/1"), post(result("Patient/1")))
    assert count("fhir.observation") == 1


def test_a_result_whose_patient_is_elsewhere_is_refused(opened) -> None:
    with opened() as store, pytest.raises(InvalidResource, match=r"Observation.subject: .*another server"):
        store.create("Observation", result("https://there/fhir/Patient/1"))
    with opened() as store, pytest.raises(InvalidResource, match=r"entry\[0\].resource.subject"):
        run(store, post(result("https://there/fhir/Patient/1")))


def test_work_goes_in_the_standards_order_and_answers_in_the_requests(opened) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="old")
        store.create("Patient", patient(), id="kept")
        answers = run(
            store,
            act("GET", "Patient/kept"),
            put(patient(id="kept", gender="female"), "Patient/kept", 'W/"1"'),
            act("GET", "Patient?_id=old"),
            act("DELETE", "Patient/old"),
        )

    assert [answer["response"]["status"] for answer in answers] == [
        "200 OK",
        "200 OK",
        "200 OK",
        "204 No Content",
    ]
    assert answers[0]["resource"]["gender"] == "female"
    assert answers[1]["response"]["etag"] == 'W/"2"'
    assert answers[2]["resource"]["total"] == 0


@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        (post(result("Patient/a", status="bogus")), InvalidResource, "Bundle.entry[1].resource.status"),
        (post(result("urn:uuid:nowhere")), InvalidResource, "Bundle.entry[1].resource.reference"),
        (post(result("Patient?identifier=none")), InvalidResource, "Bundle.entry[1].resource.reference"),
        (put(patient(id="b"), "Patient/a"), InvalidResource, "Bundle.entry[1].resource.id"),
        (put(patient(), "Patient/a", 'W/"7"'), StaleVersion, "Bundle.entry[1]"),
        (act("GET", "Patient/none"), AlmonerError, "Bundle.entry[1]"),
        (act("TRACE", "Patient/a"), InvalidResource, "Bundle.entry[1].request.method"),
        (act("DELETE", "Patient"), InvalidResource, "Bundle.entry[1].request.url"),
        (post({"resourceType": "Nonsense"}), BadRequest, "Bundle.entry[1]"),
        (put(patient(), "Observation/a"), InvalidResource, "Bundle.entry[1].request.url"),
        (post(patient(), "urn:uuid:first"), InvalidResource, "Bundle.entry[1].fullUrl"),
        ({"request": {"method": "POST", "url": "Patient"}}, InvalidResource, "Bundle.entry[1].resource"),
        ({"resource": patient()}, InvalidResource, "Bundle.entry[1]"),
        (put(patient(), "Patient/a", "seven"), InvalidResource, "Bundle.entry[1].request.ifMatch"),
    ],
)  # fmt: skip
def test_one_bad_entry_fails_the_whole_and_is_named(opened, count, bad: dict, error: type, said: str) -> None:
    with pytest.raises(error) as refused, opened() as store:
        run(store, post(patient(), "urn:uuid:first"), bad)

    assert said in refused.value.message
    assert count("fhir.patient") == count("core.outbox") == 0


def test_a_condition_creates_once_however_often_it_is_given(opened, count) -> None:
    ana = patient(identifier=[{"system": "mrn", "value": "1"}])
    entry = post(ana, "urn:uuid:a", "identifier=mrn|1")
    again = post(ana, "urn:uuid:b", "identifier=mrn|1")
    with opened() as store:
        first = run(store, entry, again, post(result("urn:uuid:b")))
        second = run(store, entry)
    assert [answer["response"]["status"] for answer in first] == ["201 Created", "200 OK", "201 Created"]
    assert second[0]["response"]["status"] == "200 OK"
    assert count("fhir.patient") == 1
    patient_id = first[0]["response"]["location"].split("/")[1]
    assert count("fhir.observation", f"patient_id = '{patient_id}'") == 1


def test_two_updates_of_one_identity_are_refused_not_dropped(opened) -> None:
    twice = put(patient(identifier=[{"value": "1"}]), "Patient?identifier=1")
    with opened() as store, pytest.raises(InvalidResource, match=r"entry\[1\]"):
        run(store, twice, twice)
    with opened() as store, pytest.raises(InvalidResource, match=r"entry\[1\]"):
        run(store, put(patient(), "Patient/a"), put(patient(), "Patient/a"))


def test_a_conditional_update_needs_one_match(opened) -> None:
    entry = put(patient(identifier=[{"value": "1"}], id="mine"), "Patient?identifier=1")
    with opened() as store:
        assert run(store, entry)[0]["response"]["location"] == "Patient/mine/_history/1"
        store.create("Patient", patient(identifier=[{"value": "1"}]))
    with opened() as store, pytest.raises(SeveralMatch):
        run(store, entry)


def test_bundles_with_the_same_conditions_in_any_order_make_one_of_each(database, staff, count) -> None:
    entries = [
        post(patient(identifier=[{"system": "mrn", "value": str(number)}]), None, f"identifier=mrn|{number}")
        for number in range(6)
    ]

    def send(turn: int) -> None:
        with begin(database, staff, SystemClock(), SITE) as work:
            run(Store(work), *(entries if turn % 2 else reversed(entries)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(16)))

    assert count("fhir.patient") == 6


def test_a_batch_keeps_the_good_and_explains_the_bad(opened, count) -> None:
    with opened() as store:
        answers = run(
            store,
            post(patient()),
            post(result("Patient/a", status="bogus")),
            act("GET", "Patient/none"),
            post(patient()),
            kind="batch",
        )

    statuses = [answer["response"]["status"].split()[0] for answer in answers]
    assert statuses == ["201", "422", "404", "201"]
    issue = answers[1]["response"]["outcome"]["issue"][0]
    assert issue["expression"] == ["Bundle.entry[1].resource.status"]
    assert count("fhir.patient") == 2


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"resourceType":"Bundle"}', b'{"resourceType":"Bundle","type":"history","entry":[]}',
     b'{"resourceType":"Patient"}', b'{"resourceType":"Bundle","type":"batch","entry":[7]}'],
)  # fmt: skip
def test_what_is_no_bundle_of_requests_is_refused(opened, body: bytes) -> None:
    with opened() as store, pytest.raises(BadRequest):
        store.transaction(body)
