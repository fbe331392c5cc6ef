"""Transactions and batches over HTTP: what one entry may say of another, and what each may do."""

from __future__ import annotations

import base64
import json

from tests.integration.fhir.conftest import FhirHttp, observation, patient
from tests.integration.fhir.test_rest import JSON_PATCH, fhirpath_patch, issue

MRN = "identifier=urn:mrn|9"


def entry(
    method: str, url: str, resource: object = None, full_url: str | None = None, **request: str
) -> dict:
    made: dict = {"request": {"method": method, "url": url, **request}}
    return made | ({"resource": resource} if resource else {}) | ({"fullUrl": full_url} if full_url else {})


def bundle(kind: str, *entries: dict) -> dict:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def statuses(answer: dict) -> list[str]:
    return [each["response"]["status"][:3] for each in answer["entry"]]


def without_id(resource: dict) -> dict:
    return {name: value for name, value in resource.items() if name != "id"}


def test_entries_refer_to_each_other_and_to_what_a_condition_finds(chen):
    chen.put(
        {"resourceType": "Practitioner", "id": "p1", "identifier": [{"system": "urn:npi", "value": "7"}]}
    )
    new = "urn:uuid:0b9a7f8e-7c58-4bd1-9d5e-000000000001"
    result = without_id(observation("x")) | {
        "subject": {"reference": new},
        "performer": [{"reference": "Practitioner?identifier=urn:npi|7"}],
    }
    person = without_id(patient("x")) | {"identifier": [{"system": "urn:mrn", "value": "9"}]}
    answer = chen.send(
        "POST",
        "",
        bundle(
            "transaction",
            entry("POST", "Observation", result),
            entry("POST", "Patient", person, new, ifNoneExist=MRN),
        ),
        Prefer="return=representation",
    ).json()
    assert statuses(answer) == ["201", "201"]
    kept = answer["entry"][0]["resource"]
    assert kept["subject"]["reference"] == "Patient/" + answer["entry"][1]["resource"]["id"]
    assert kept["performer"][0]["reference"] == "Practitioner/p1"


def test_links_to_other_entries_are_followed_wherever_they_stand(chen):
    document, content = (f"urn:uuid:0b9a7f8e-7c58-4bd1-9d5e-00000000000{number}" for number in (1, 2))
    kept_url = "http://example.org/Questionnaire/1"
    body = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": "Patient/ana"},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": content}],
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{content}">{content}</a></div>',
        },
        "extension": [{"url": "urn:of", "valueUri": content}, {"url": "urn:said", "valueString": content}],
        "content": [{"attachment": {"contentType": "text/plain", "url": content}}],
    }
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}
    form = {"resourceType": "Questionnaire", "status": "active", "url": kept_url}
    answer = chen.send(
        "POST",
        "",
        bundle(
            "transaction",
            entry("POST", "DocumentReference", body, document),
            entry("POST", "Binary", binary | {"securityContext": {"reference": "Patient/ana"}}, content),
            entry("POST", "Questionnaire", form, kept_url),
        ),
        Prefer="return=representation",
    ).json()
    kept, stored, questions = (each["resource"] for each in answer["entry"])
    there = f"Binary/{stored['id']}"
    assert kept["content"][0]["attachment"]["url"] == there
    assert kept["extension"] == [
        {"url": "urn:of", "valueUri": there},
        {"url": "urn:said", "valueString": content},
    ]
    assert f'<a href="{there}">{content}</a>' in kept["text"]["div"]
    assert kept["identifier"][0]["value"] == content
    assert questions["url"] == kept_url


def test_every_method_has_its_place_in_a_transaction(chen):
    for number in range(1, 5):
        chen.put(observation(f"o{number}", identifier=[{"system": "urn:lab", "value": str(number)}]))
    amended = base64.b64encode(
        json.dumps([{"op": "replace", "path": "/status", "value": "amended"}]).encode()
    )
    binary = {"resourceType": "Binary", "contentType": JSON_PATCH, "data": amended.decode()}
    cancelled = fhirpath_patch(
        {"type": "replace", "path": "Observation.status", "value": {"valueCode": "cancelled"}}
    )
    answer = chen.send(
        "POST",
        "",
        bundle(
            "transaction",
            entry("GET", "Observation/o1"),
            entry("HEAD", "Observation/o2"),
            entry("PATCH", "Observation/o1", binary, ifMatch='W/"1"'),
            entry("PATCH", "Observation?identifier=urn:lab|2", cancelled),
            entry("DELETE", "Observation?identifier=urn:lab|3"),
            entry("PUT", "Observation/o4", observation("o4", note=[{"text": "x"}])),
            entry("GET", "Observation?patient=ana&_sort=_id&_include=Observation:patient"),
            entry("GET", "Observation/o4/_history/1"),
            entry("GET", "Observation/o2", ifNoneMatch='W/"2"'),
        ),
    ).json()
    assert statuses(answer) == ["200", "200", "200", "200", "204", "200", "200", "200", "304"]
    assert answer["entry"][0]["resource"]["status"] == "amended", "reads come after writes"
    assert "resource" not in answer["entry"][1]
    found = answer["entry"][6]["resource"]["entry"]
    assert [each["resource"]["id"] for each in found] == ["o1", "o2", "o4", "ana"]
    assert "note" not in answer["entry"][7]["resource"]


def test_two_conditional_updates_of_one_identity_fail_the_whole(chen):
    person = without_id(patient("x")) | {"identifier": [{"system": "urn:mrn", "value": "9"}]}
    answer = chen.send(
        "POST",
        "",
        bundle("transaction", entry("PUT", f"Patient?{MRN}", person), entry("PUT", f"Patient?{MRN}", person)),
    )
    assert answer.status_code == 422
    assert issue(answer)["expression"][0].startswith("Bundle.entry[1]")
    assert chen.bundle(f"/Patient?{MRN}")["total"] == 0


def test_one_stale_version_fails_the_whole(chen):
    answer = chen.send(
        "POST",
        "",
        bundle(
            "transaction",
            entry("PUT", "Observation/new", observation("new")),
            entry("PUT", "Patient/ana", patient("ana", "Vega"), ifMatch='W/"7"'),
        ),
    )
    assert answer.status_code == 412
    assert chen.get("/Observation/new").status_code == 404


def test_in_a_batch_each_entry_stands_alone(chen):
    answer = chen.send(
        "POST",
        "",
        bundle(
            "batch",
            entry("PUT", "Observation/good", observation("good")),
            entry("PUT", "Observation/bad", observation("bad", status="done")),
            entry("PUT", "Patient/ana", patient("ana", "Vega"), ifNoneMatch="*"),
            entry("GET", "Observation?colour=blue"),
            entry("GET", "Nonsense/1"),
            entry("GET", "_history?_count=1"),
            entry("GET", "Patient/ana/_history/\u00b2"),
            entry("GET", f"Patient/ana/_history/{'9' * 5000}"),
            entry("GET", "Patient?name=%00"),
            entry("PUT", "Patient/ana", patient("ana"), ifMatch=f'W/"{"9" * 5000}"'),
            entry("POST", "Patient", {"resourceType": "Patient"}, ifNoneExist=""),
        ),
    ).json()
    assert statuses(answer) == ["201", "422", "412", "200", "400", "200", "404", "404", *["422"] * 3]
    assert answer["entry"][1]["response"]["outcome"]["issue"][0]["expression"][0].endswith("resource.status")
    assert answer["entry"][3]["resource"]["entry"][-1]["search"]["mode"] == "outcome"


def test_who_may_only_read_writes_nothing_by_batch(chen, as_):
    chen.put(observation("o1"))
    reader = as_("care_manager")
    sent = bundle("batch", entry("GET", "Observation/o1"), entry("DELETE", "Observation/o1"))
    assert reader.send("POST", "", sent).status_code == 403
    assert chen.get("/Observation/o1").status_code == 200


def audited(api) -> list[tuple]:
    """What was written down since the last look, without the batch itself."""
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT act, resource_type, patient_id, patient_ids FROM audit.event WHERE act <> 'batch' ORDER BY at, id"
        )
        return [tuple(row) for row in rows]


def test_a_batch_takes_what_changes_nothing_and_answers_and_audits_it_as_its_own_address_does(api, chen):
    chen.put(observation("o1"))
    subject = without_id(patient("x"))
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": subject}]}
    form = {
        "resourceType": "Binary",
        "contentType": "application/x-www-form-urlencoded",
        "data": base64.b64encode(b"patient=ana&_sort=_id").decode(),
    }
    alone = [
        ("GET", "metadata", None),
        ("GET", "metadata?mode=terminology", None),
        ("POST", "Observation/_search?patient=ana&_sort=_id", None),
        ("POST", "Patient/ana/Observation/_search", None),
        ("POST", "_search?_type=Patient,Observation", None),
        ("GET", "Patient/ana/$everything?_type=Observation", None),
        ("POST", "Patient/$match", asked),
        ("POST", "Observation/$validate", observation("o1", subject={"reference": "urn:uuid:0"})),
        ("GET", "CodeSystem/$validate-code?url=http://loinc.org&code=4548-4", None),
        ("POST", "Patient/ana/%24everything", None),
    ]
    before = len(audited(api))
    answers = [
        chen.http.request(
            method,
            f"/fhir/{url}",
            content=json.dumps(body) if body else None,
            headers={"Content-Type": "application/fhir+json"} if body else {},
        ).json()
        for method, url, body in alone
    ]
    between = len(audited(api))
    batch = chen.send("POST", "", bundle("batch", *(entry(*each) for each in alone))).json()
    assert statuses(batch) == ["200"] * len(alone)
    assert [each["resource"] for each in batch["entry"]] == answers
    written = audited(api)
    assert sorted(written[between:], key=repr) == sorted(written[before:between], key=repr)
    by_form = chen.send("POST", "", bundle("batch", entry("POST", "Observation/_search", form))).json()
    assert [each["resource"]["id"] for each in by_form["entry"][0]["resource"]["entry"]] == ["o1"]


def test_what_a_batch_does_not_take_is_refused_entry_by_entry(chen):
    wrong = {"resourceType": "Binary", "contentType": "text/plain", "data": ""}
    answer = chen.send(
        "POST",
        "",
        bundle(
            "batch",
            entry("POST", "$import", {"resourceType": "Parameters"}),
            entry("GET", "$export"),
            entry("GET", "Patient/$match"),
            entry("POST", "Observation/_search", wrong),
            entry("POST", "Nonsense/_search"),
            entry("POST", "Patient/nobody/$everything"),
            entry("ask", "Observation/_search"),
            entry("GET", "metadata?mode=wrong"),
        ),
    ).json()
    assert statuses(answer) == ["404", "404", "404", "422", "400", "404", "422", "400"]
    assert chen.bundle("/Patient?_summary=count")["total"] == 1


def test_a_patient_asks_by_batch_of_nobody_else(api, chen):
    chen.put(patient("ben", "Vega"))
    account = api.account("ana", "patient", patient_id="ana")
    token = api.client_of(api.session(account, "portal"), "portal").transport._token_source()
    ana = FhirHttp(api.http(headers={"Authorization": f"Bearer {token}"}))
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient("x")}]}
    answer = ana.send(
        "POST",
        "",
        bundle(
            "batch",
            entry("POST", "Patient/_search?_sort=_id"),
            entry("GET", "Patient/ben/$everything"),
            entry("POST", "Patient/$match", asked),
        ),
    ).json()
    assert statuses(answer) == ["200", "404", "403"]
    assert [each["resource"]["id"] for each in answer["entry"][0]["resource"]["entry"]] == ["ana"]
