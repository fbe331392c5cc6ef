"""What a client hears that asks for another version of FHIR, for a type that is not kept, or with a bad token."""

from __future__ import annotations

import json

from tests.integration.fhir.conftest import FHIR_JSON, patient


def test_another_version_of_fhir_is_not_spoken(chen):
    for accept in ("application/fhir+json; fhirVersion=3.0", 'application/fhir+json;fhirversion="5.0"'):
        refused = chen.get("/Patient/ana", Accept=accept)
        assert (refused.status_code, "4.0" in refused.text) == (406, True)
    for accept in ("application/fhir+json; fhirVersion=4.0", f"{FHIR_JSON};fhirVersion=3.0, {FHIR_JSON}"):
        assert chen.get("/Patient/ana", Accept=accept).status_code == 200
    body = json.dumps(patient("ben")).encode()
    sent = chen.send("PUT", "/Patient/ben", body, Content_Type="application/fhir+json; fhirVersion=3.0")
    assert sent.status_code == 415


def test_a_type_that_is_not_kept_is_not_found_in_an_address_and_refused_elsewhere(chen):
    for path in ("/Nonsense", "/Nonsense/1", "/Nonsense/1/_history", "/Patient/ana/Nonsense"):
        answer = chen.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["issue"][0]["code"] == "not-supported"
    assert chen.get("?_type=Nonsense").status_code == 400


def test_a_token_that_is_not_good_is_told_as_such(api):
    asked = api.http().get("/fhir/Patient")
    assert asked.headers["www-authenticate"] == 'Bearer realm="almoner"'
    refused = api.http().get("/fhir/Patient", headers={"Authorization": "Bearer of-nobody"})
    assert (refused.status_code, 'error="invalid_token"' in refused.headers["www-authenticate"]) == (
        401,
        True,
    )
