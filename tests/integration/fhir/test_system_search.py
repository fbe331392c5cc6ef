"""A search over several types at the base address, and Binary as it is given, ranged and refused."""

from __future__ import annotations

import pytest

from data_contracts.api.access import NewChartRule
from tests.integration.fhir.conftest import FHIR_JSON, link, observation, patient
from tests.integration.outside.test_provenance import Device


def condition(condition_id: str, patient_id: str = "ana") -> dict:
    return {
        "resourceType": "Condition",
        "id": condition_id,
        "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]},
    }


@pytest.fixture
def record(chen):
    chen.put(patient("ben"))
    for number in range(5):
        chen.put(observation(f"o{number}"))
        chen.put(condition(f"c{number}"))
    chen.put(observation("of-ben", "ben"))
    return chen


def test_types_are_searched_one_after_the_other(record):
    found = record.found("?_type=Condition,Observation&patient=ana")
    assert [one.partition("/")[0] for one in found] == ["Condition"] * 5 + ["Observation"] * 5
    bundle = record.bundle("?_type=Condition,Observation&patient=ana")
    assert bundle["total"] == 10
    assert link(bundle, "self").endswith("/fhir?_type=Condition%2CObservation&patient=ana")
    assert record.bundle("?_type=Condition,Observation&patient=ana&_summary=count")["total"] == 10


def test_pages_hold_together_while_others_write(record):
    bundle, seen = record.bundle("?_type=Condition,Observation&patient=ana&_count=3"), []
    record.put(condition("c-new"))
    while True:
        seen += [entry["resource"]["id"] for entry in bundle.get("entry", ())]
        following = link(bundle, "next")
        if following is None:
            break
        bundle = record.http.get(following).json()
    assert sorted(seen) == sorted(
        [f"o{number}" for number in range(5)] + [f"c{number}" for number in range(5)]
    )


def test_a_form_keeps_criteria_out_of_addresses(record):
    form = {"_type": "Condition,Observation", "patient": "ana"}
    answer = record.http.post("/fhir/_search", data=form)
    assert answer.status_code == 200
    assert answer.json()["total"] == 10
    assert "ana" not in link(answer.json(), "self")


def test_a_batch_asks_it_too(record):
    entry = {"request": {"method": "GET", "url": "?_type=Condition,Observation&patient=ana"}}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    answer = record.send("POST", "", batch).json()
    assert answer["entry"][0]["resource"]["total"] == 10


def test_what_comes_along_comes_along(record):
    bundle = record.bundle("?_type=Condition,Observation&patient=ana&_include=Observation:subject")
    assert [entry["resource"]["id"] for entry in bundle["entry"] if entry["search"]["mode"] == "include"] == [
        "ana"
    ]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?_type=",
        "?_type=Nonsense",
        "?_type=Condition,Observation&value-quantity=gt1",
        "?_type=Condition,Observation&_sort=date",
        "?_type=Condition&_page=forged",
        "?_page=forged",
        "?_type=" + ",".join(["Patient"] * 3 + [f"T{n}" for n in range(30)]),
        "?_type=Observation&code=x'; DROP TABLE fhir.patient; --&_offset=3",
    ],
)
def test_what_cannot_be_answered_is_refused(record, query):
    assert record.get(query).status_code == 400


def test_each_sees_their_own_and_a_page_link_serves_nobody_else(api, record, as_):
    ana = as_("patient", patient_id="ana")
    assert set(ana.found("?_type=Patient,Observation")) == {
        "Patient/ana",
        *(f"Observation/o{number}" for number in range(5)),
    }
    following = link(record.bundle("?_type=Condition,Observation&_count=2"), "next")
    assert ana.http.get(following).status_code == 400
    narrow = Device(api, "system/Condition.rs")
    assert narrow.send("GET", "?_type=Condition,Observation").status_code == 403
    assert narrow.send("GET", "?_type=Condition").status_code == 200


def test_it_stands_in_the_capability_statement(api):
    told = api.http().get("/fhir/metadata").json()["rest"][0]
    assert {"code": "search-system"} in told["interaction"]
    of_patient = next(one for one in told["resource"] if one["type"] == "Patient")
    assert "member-match" in {one["name"] for one in of_patient["operation"]}


# Binary

CONTENT = bytes(range(200))


def binary(client, context: str = "Patient/ana", kind: str = "application/pdf", content: bytes = CONTENT):
    headers = {"Content-Type": kind, "X-Security-Context": context}
    return client.http.post("/fhir/Binary", content=content, headers=headers)


def test_one_range_of_a_binary_is_sent_alone(chen):
    path = f"/Binary/{binary(chen).json()['id']}"
    part = chen.get(path, Accept="application/pdf", Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert part.headers["content-range"] == "bytes 10-19/200"
    assert chen.get(path, Accept="application/pdf", Range="bytes=-5").content == CONTENT[-5:]
    assert chen.get(path, Accept="application/pdf", Range="bytes=190-").content == CONTENT[190:]
    assert chen.get(path, Accept="application/pdf", Range="bytes=200-").status_code == 416
    for ignored in ("bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=x-y"):
        assert chen.get(path, Accept="application/pdf", Range=ignored).content == CONTENT
    stale = chen.get(path, Accept="application/pdf", Range="bytes=0-1", If_Range='W/"9"')
    assert stale.status_code == 200


def test_a_binary_is_negotiated_and_conditional(chen):
    path = f"/Binary/{binary(chen).json()['id']}"
    assert chen.get(path, Accept="image/png").status_code == 406
    assert chen.get(path, Accept="image/png, application/pdf;q=0.5").content == CONTENT
    assert chen.get(path).json()["resourceType"] == "Binary"
    held = chen.get(path, Accept="application/pdf")
    assert chen.get(path, Accept="application/pdf", If_None_Match=held.headers["etag"]).status_code == 304
    head = chen.send("HEAD", path, Accept="application/pdf")
    assert (head.headers["content-length"], head.content) == ("200", b"")
    assert chen.get(f"{path}/_history/1", Accept="application/pdf").content == CONTENT


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/javascript"])
def test_what_could_run_in_a_browser_is_saved_and_never_shown(chen, kind):
    made = binary(chen, kind=kind, content=b"<script>alert(1)</script>")
    raw = chen.get(f"/Binary/{made.json()['id']}", Accept=kind)
    assert raw.headers["content-disposition"] == "attachment"
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in raw.headers["content-security-policy"]


def test_a_binary_follows_what_it_belongs_to(api, chen, as_):
    with_label = observation("hiv", code="56888-1")
    chen.put(with_label)
    held = binary(chen, "Observation/hiv").json()["id"]
    open_one = binary(chen, "Observation/none")
    assert open_one.status_code == 422
    assert "Binary.securityContext" in open_one.text
    blind = Device(api, "system/Binary.rs", "system/Observation.rs", sees=())
    assert blind.send("GET", f"/Binary/{held}").status_code == 404
    assert blind.send("GET", f"/Binary/{held}", Accept="application/pdf").status_code == 404
    assert not blind.found("/Binary")
    without_scope = Device(api, "system/Binary.rs")
    assert without_scope.send("GET", f"/Binary/{held}").status_code == 404
    assert as_("patient", patient_id="ben").get(f"/Binary/{held}").status_code == 404
    assert chen.get(f"/Binary/{held}", Accept="application/pdf").content == CONTENT
    admin = api.signed_in("robin", "admin", "clinician")
    rule = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="everyone", asked_by="patient", reason="Asked for it"
    )
    admin.access.make_rule(rule)
    assert chen.get(f"/Binary/{held}", Accept=FHIR_JSON).status_code == 404
