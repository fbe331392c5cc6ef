"""A retry with an Idempotency-Key: written once, and answered as often as it is asked, by many at once too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ehr_core.access.field_sets import Fields
from ehr_core.api.fhir import retries, visibility
from tests.integration.fhir.conftest import RESTRICTED, FhirHttp, client_of, observation, patient
from tests.lib.smart_app import SmartApp
from tests.lib.weakened import assert_guarded


def unnamed(resource: dict) -> dict:
    return {name: value for name, value in resource.items() if name != "id"}


BUNDLE = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"resource": unnamed(observation("x", "ana")), "request": {"method": "POST", "url": "Observation"}}
        for _ in range(3)
    ],
}


@pytest.mark.parametrize(
    ("path", "body", "made"),
    [("/Observation", unnamed(observation("x", "ana")), 1), ("", BUNDLE, 3)],
    ids=["create", "transaction"],
)
def test_a_retry_is_answered_and_not_done_again(chen, path, body, made):
    first = chen.send("POST", path, body, Idempotency_Key="7a1c")
    again = chen.send("POST", path, body, Idempotency_Key="7a1c")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers.get("location") == again.headers.get("location")
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(chen.found("/Observation?patient=ana")) == made


def test_without_a_key_each_request_counts(chen):
    for _ in range(2):
        assert chen.send("POST", "/Observation", unnamed(observation("x", "ana"))).status_code == 201
    assert len(chen.found("/Observation?patient=ana")) == 2


def test_of_16_at_once_one_is_done_and_all_hear_of_it(chen):
    def send(_: int) -> str:
        return chen.send(
            "POST", "/Observation", unnamed(observation("x", "ana")), Idempotency_Key="race"
        ).headers["location"]

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(send, range(16)))) == 1
    assert len(chen.found("/Observation?patient=ana")) == 1


def test_a_request_that_failed_may_be_made_again_under_its_key(chen):
    wrong = unnamed(observation("x", "ana")) | {"effectiveDateTime": "2026-02-30"}
    assert chen.send("POST", "/Observation", wrong, Idempotency_Key="k").status_code == 422
    assert (
        chen.send("POST", "/Observation", unnamed(observation("x", "ana")), Idempotency_Key="k").status_code
        == 201
    )


def test_a_key_stands_for_one_request_of_one_person(api, chen):
    def send(client, body) -> int:
        return client.send("POST", "/Observation", body, Idempotency_Key="k").status_code

    body = unnamed(observation("x", "ana"))
    assert send(chen, body) == 201
    refused = chen.send("POST", "/Observation", body | {"status": "preliminary"}, Idempotency_Key="k")
    assert (refused.status_code, "another request" in refused.text) == (422, True)
    assert send(client_of(api, "nurse"), body) == 201
    assert len(chen.found("/Observation?patient=ana")) == 2, "another person's key is another key"


@pytest.mark.parametrize("key", ["", "x" * 256, "ä".encode()])
def test_a_key_that_is_none_is_refused_and_nothing_is_written(chen, key):
    answer = chen.send("POST", "/Observation", unnamed(observation("x", "ana")), Idempotency_Key=key)
    assert (answer.status_code, "Idempotency-Key" in answer.text) == (400, True)
    assert chen.found("/Observation?patient=ana") == []


def test_what_is_kept_of_an_answer_holds_nothing_of_a_patient(api, chen):
    chen.send("POST", "", BUNDLE, Idempotency_Key="k", Prefer="return=representation")
    chen.send("POST", "/Patient", unnamed(patient("x", "Verysecret")), Idempotency_Key="k2")
    with api.work() as work:
        rows = work.connection.exec_driver_sql("SELECT request_key::text FROM access.request_key").scalars()
        kept = " ".join(rows)
    assert kept.count("Observation/") == 3
    assert [word for word in ("Verysecret", "4548-4", "Patient/ana") if word in kept] == []


def test_a_replayed_answer_is_cut_to_what_its_role_reads_by_now(chen, monkeypatch):
    """A clinic narrows the role between the first try and the retry."""
    body = unnamed(patient("x", telecom=[{"system": "phone", "value": "555-0142"}]))
    assert "555-0142" in chen.send("POST", "/Patient", body, Idempotency_Key="k").text
    narrowed = {"Patient": Fields(frozenset({"name"}), frozenset())}
    monkeypatch.setattr(visibility, "fields_of", lambda actor: narrowed)

    def attack() -> bool:
        again = chen.send("POST", "/Patient", body, Idempotency_Key="k")
        assert (again.status_code, again.json()["name"][0]["family"]) == (201, "Rivera")
        return "555-0142" in again.text

    assert_guarded(attack, lambda patch: patch.setattr(retries, "shown", lambda store, resource: resource))


def test_what_is_hidden_meanwhile_is_not_replayed(api, chen):
    """A label on the first version's place, a role without FHIR, and a retry tells nothing any more."""
    nurse = client_of(api, "nurse")
    body = unnamed(observation("x"))
    first = nurse.send("POST", "/Observation", body, Idempotency_Key="k")
    chen.put(observation(first.json()["id"], meta={"security": [RESTRICTED]}))
    with api.work() as work:
        work.connection.exec_driver_sql(
            "UPDATE access.account SET roles = '{analyst}' WHERE username LIKE 'nurse%%'"
        )
    again = nurse.send("POST", "/Observation", body, Idempotency_Key="k")
    assert (again.status_code, first.json()["id"] in again.text) == (403, False)


def test_an_application_that_writes_and_does_not_read_hears_where_and_not_what(api, chen):
    app = SmartApp(
        api, kind="backend", scopes=("system/Observation.c", "system/Patient.r"), more={"sees": ("*",)}
    )
    asked = app.token(grant_type="client_credentials", scope=" ".join(app.scopes)).json()
    client = FhirHttp(api.http(headers={"Authorization": f"Bearer {asked['access_token']}"}))
    first = client.send("POST", "/Observation", unnamed(observation("x")), Idempotency_Key="k")
    again = client.send("POST", "/Observation", unnamed(observation("x")), Idempotency_Key="k")
    assert (first.status_code, again.status_code, again.content) == (201, 201, b"")
    assert again.headers["location"] == first.headers["location"]
