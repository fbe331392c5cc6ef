"""FHIR's operations at their addresses: what they answer, and to whom."""

from __future__ import annotations

import pytest

from ehr_core.kernel.fhir_json import encode
from ehr_core.store.validation import validate
from tests.integration.fhir.conftest import RESTRICTED, link, observation, patient
from tests.integration.fhir.test_rest import issue

DOCUMENT = {
    "resourceType": "DocumentReference",
    "id": "doc",
    "status": "current",
    "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]},
    "subject": {"reference": "Patient/ana"},
    "date": "2026-10-03T10:00:00Z",
    "content": [{"attachment": {"contentType": "text/plain", "data": "aGk="}}],
    "context": {"period": {"start": "2026-10-01", "end": "2026-10-02"}},
}


@pytest.fixture
def record(chen):
    """Ana's record: four results, one of them labelled, by a clinician; and one of Ben's."""
    chen.put({"resourceType": "Practitioner", "id": "p1", "name": [{"family": "Chen"}]})
    for number in range(3):
        by = [{"reference": "Practitioner/p1"}]
        chen.put(observation(f"o{number}", performer=by, effectiveDateTime=f"2026-1{number}-01"))
    chen.put(observation("secret", meta={"security": [RESTRICTED]}))
    chen.put(patient("ben", "Other"))
    chen.put(observation("of-ben", "ben"))
    chen.put(DOCUMENT)
    return chen


def ids(bundle: dict, mode: str = "match") -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def test_everything_is_the_record_and_who_it_speaks_of(record):
    bundle = record.bundle("/Patient/ana/$everything")
    assert sorted(ids(bundle)) == ["ana", "doc", "o0", "o1", "o2", "secret"]
    assert ids(bundle, "include") == ["p1"]
    assert ids(record.bundle("/Patient/ana/$everything?_type=Observation&start=2026-11-15")) == ["o2"]
    by_two = record.bundle("/Patient/ana/$everything?_type=Patient&_type=DocumentReference")
    assert ids(by_two) == ["ana", "doc"]
    assert record.get("/Patient/nobody/$everything").status_code == 404
    assert record.get("/Patient/ana/$everything?colour=blue").status_code == 400


def test_everything_is_turned_page_by_page(record):
    page, seen = record.bundle("/Patient/ana/$everything?_count=2"), []
    record.put(observation("later"))
    while True:
        seen += ids(page)
        if link(page, "next") is None:
            break
        page = record.http.get(link(page, "next")).json()
    assert sorted(seen) == ["ana", "doc", "o0", "o1", "o2", "secret"] or sorted(seen) == [
        *("ana", "doc", "later", "o0", "o1", "o2", "secret")
    ]


def test_a_patients_everything_is_their_own_and_unlabelled(record, as_):
    ana = as_("patient", patient_id="ana")
    assert sorted(ids(ana.bundle("/Patient/ana/$everything"))) == ["ana", "doc", "o0", "o1", "o2"]
    assert ana.get("/Patient/ben/$everything").status_code == 404


def test_validate_tells_what_a_write_would_be_told_and_writes_nothing(chen):
    good, bad = (
        observation("x"),
        observation("x", status="done", valuePeriod={"start": "2026", "end": "2025"}),
    )
    assert issue(chen.send("POST", "/Observation/$validate", good))["severity"] == "information"
    told = chen.send("POST", "/Observation/$validate", bad).json()["issue"]
    assert [each["expression"] for each in told] == [
        ["Observation.status"],
        ["Observation.valuePeriod.end"],
    ]
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": good}]}
    assert issue(chen.send("POST", "/Observation/$validate", wrapped))["severity"] == "information"
    assert issue(chen.get("/Patient/ana/$validate"))["severity"] == "information"
    assert chen.get("/Observation/x").status_code == 404


def test_docref_finds_the_documents_of_the_time(record):
    assert ids(record.bundle("/DocumentReference/$docref?patient=ana")) == ["doc"]
    assert ids(record.bundle("/DocumentReference/$docref?patient=ana&start=2026-10-02&end=2026-12-01")) == [
        "doc"
    ]
    assert ids(record.bundle("/DocumentReference/$docref?patient=ana&start=2026-11-01")) == []
    assert record.get("/DocumentReference/$docref").status_code == 400
    assert record.get("/DocumentReference/$docref?patient=ana&on-demand=true").status_code == 400


def test_docref_takes_any_of_the_codings_of_a_type(record):
    def found(*codings: dict) -> list[str]:
        given = [
            {"name": "patient", "valueId": "ana"},
            {"name": "type", "valueCodeableConcept": {"coding": list(codings)}},
        ]
        body = {"resourceType": "Parameters", "parameter": given}
        return ids(record.send("POST", "/DocumentReference/$docref", body).json())

    loinc, other = {"system": "http://loinc.org", "code": "34133-9"}, {"system": "urn:x", "code": "1|2"}
    assert found(other, loinc) == ["doc"]
    assert found({"code": "34133-9"}) == ["doc"]
    assert found(other) == []


def value(parameters: dict, name: str) -> object:
    part = next(part for part in parameters["parameter"] if part["name"] == name)
    return next(part[key] for key in part if key.startswith("value"))


def test_the_terminology_is_what_ships(chen):
    expanded = chen.bundle("/ValueSet/hba1c/$expand")
    codes = {each["code"] for each in expanded["expansion"]["contains"]}
    assert "4548-4" in codes
    assert chen.bundle(f"/ValueSet/$expand?url={expanded['url']}&count=1")["expansion"]["total"] == len(codes)
    assert expanded["expansion"]["timestamp"].startswith("2026-11-20T14:00:00")
    validate("ValueSet", encode(expanded))
    validate("ValueSet", encode(chen.bundle("/ValueSet/acute_kidney_injury/$expand")))
    assert chen.get(f"/ValueSet/$expand?url={expanded['url']}|0.1").status_code == 404
    assert chen.get(f"/ValueSet/$expand?url={expanded['url']}|{expanded['version']}").status_code == 200
    inside = "/ValueSet/$validate-code?url=hba1c&system=http://loinc.org&code="
    assert value(chen.bundle(f"{inside}4548-4"), "result") is True
    assert value(chen.bundle(f"{inside}2345-7"), "result") is False
    assert "Hemoglobin" in value(
        chen.bundle("/CodeSystem/$lookup?system=http://loinc.org&code=4548-4"), "display"
    )
    assert chen.get("/CodeSystem/$lookup?system=http://loinc.org&code=0-0").status_code == 404
    icd = "/CodeSystem/$subsumes?system=http://hl7.org/fhir/sid/icd-10-cm"
    assert value(chen.bundle(f"{icd}&codeA=E11&codeB=E11.9"), "outcome") == "subsumes"
    assert value(chen.bundle(f"{icd}&codeA=E11.9&codeB=E11"), "outcome") == "subsumed-by"
    assert value(chen.bundle(f"{icd}&codeA=E10&codeB=E11"), "outcome") == "not-subsumed"
    assert chen.get("/CodeSystem/$subsumes?system=http://snomed.info/sct&codeA=1&codeB=2").status_code == 400
    assert chen.get("/ValueSet/$expand?url=http://nowhere").status_code == 404


def validated(chen, kind: str, codings: list[dict], url: str | None = None) -> dict:
    held = {"text": "A1c"} | ({"coding": codings} if codings else {})
    concept = {"name": "codeableConcept", "valueCodeableConcept": held}
    named = [{"name": "url", "valueUri": url}] if url else []
    answer = chen.send(
        "POST", f"/{kind}/$validate-code", {"resourceType": "Parameters", "parameter": [*named, concept]}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_concept_is_in_when_one_of_its_codes_is(chen):
    a1c, glucose = ({"system": "http://loinc.org", "code": code} for code in ("4548-4", "2345-7"))
    local = {"system": "urn:local", "code": "A1C"}
    for codings, inside in (
        ([local, glucose, a1c], True),
        ([local, glucose], False),
        ([glucose], False),
        ([a1c | {"display": "Something else"}], False),
        ([], False),
    ):
        told = validated(chen, "ValueSet", codings, "hba1c")
        assert value(told, "result") is inside, codings
        assert inside or value(told, "message")
    assert value(validated(chen, "CodeSystem", [local, a1c]), "result") is True
    assert value(validated(chen, "CodeSystem", [local, a1c], "http://loinc.org"), "result") is True
    assert value(validated(chen, "CodeSystem", [a1c], "http://snomed.info/sct"), "result") is False
    in_two_ways = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": "hba1c"},
            {"name": "coding", "valueCoding": a1c},
            {"name": "codeableConcept", "valueCodeableConcept": {"coding": [a1c]}},
        ],
    }
    refused = chen.send("POST", "/ValueSet/$validate-code", in_two_ways)
    assert (refused.status_code, "do not go together" in refused.text) == (400, True)
    assert chen.get("/ValueSet/$validate-code?url=hba1c&codeableConcept=4548-4").status_code == 400


def test_match_grades_who_this_may_be(chen, as_):
    person = patient("x", telecom=[{"system": "phone", "value": "212-555-0101"}], gender="female")
    del person["id"]
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": person}]}
    chen.put(patient("ana", telecom=[{"system": "phone", "value": "212-555-0101"}], gender="female"))
    entry = chen.send("POST", "/Patient/$match", asked).json()["entry"][0]
    assert entry["resource"]["id"] == "ana"
    assert entry["search"]["extension"][0]["valueCode"] in ("certain", "possible")
    assert as_("patient", patient_id="ana").send("POST", "/Patient/$match", asked).status_code == 403


def test_operations_stand_in_the_capability_statement(api):
    statement = api.http().get("/fhir/metadata").json()["rest"][0]
    named = {
        entry["type"]: {each["name"] for each in entry.get("operation", [])}
        for entry in statement["resource"]
    }
    assert named["Patient"] == {"everything", "match", "member-match", "export"}
    assert named["ValueSet"] == {"expand", "validate-code"}
    assert {each["name"] for each in statement["operation"]} == {"export", "import", "validate"}
