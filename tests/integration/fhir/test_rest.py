"""FHIR's interactions as a foreign client uses them: conditions, preferences, patches, histories, Binary."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import unquote

import pytest
from fhir.resources.R4B.operationdefinition import OperationDefinition

from ehr_core.api.bulk_import.asked import KNOWN
from tests.integration.fhir.conftest import FHIR_JSON, link, observation, patient

JSON_PATCH = "application/json-patch+json"


def issue(answer) -> dict:
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome["issue"][0]


def fhirpath_patch(*operations: dict) -> dict:
    """Operations as name → value; a dict is a part with a typed value."""

    def part(name: str, value: object) -> dict:
        if isinstance(value, dict):
            return {"name": name, **value}
        kind = "valueInteger" if isinstance(value, int) else "valueCode" if name == "type" else "valueString"
        return {"name": name, kind: value}

    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "operation", "part": [part(name, value) for name, value in operation.items()]}
            for operation in operations
        ],
    }


# Conditions


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": 'W/"1"'}, 304),
        ({"If_None_Match": 'W/"7", W/"1"'}, 304),
        ({"If_None_Match": '"1"'}, 304),
        ({"If_None_Match": 'W/"2"'}, 200),
        ({"If_Modified_Since": "Fri, 20 Nov 2026 14:00:00 GMT"}, 304),
        ({"If_Modified_Since": "Fri, 20 Nov 2026 13:59:59 GMT"}, 200),
        ({"If_Modified_Since": "some day"}, 200),
        ({"If_None_Match": 'W/"2"', "If_Modified_Since": "Fri, 20 Nov 2026 14:00:00 GMT"}, 200),
    ],
)
def test_a_read_gives_nothing_that_the_caller_holds(chen, headers, status):
    answer = chen.get("/Patient/ana", **headers)
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)


def test_head_is_a_read_without_its_body(chen):
    answer = chen.send("HEAD", "/Patient/ana")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"", 'W/"1"')
    assert chen.send("HEAD", "/Patient/nobody").status_code == 404
    assert chen.send("HEAD", "/Patient?name=rivera").status_code == 200


def test_a_conditional_update_creates_then_updates_and_refuses_several(chen):
    mrn = [{"system": "urn:mrn", "value": "1"}]
    body = patient("x", identifier=mrn)
    del body["id"]
    first = chen.send("PUT", "/Patient?identifier=urn:mrn|1", body)
    second = chen.send("PUT", "/Patient?identifier=urn:mrn|1", body | {"gender": "female"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert chen.send("PUT", "/Patient?identifier=urn:mrn|1", body | {"id": "other"}).status_code == 422
    assert chen.send("PUT", "/Patient?birthdate=1961-04-02", body).status_code == 412
    assert chen.send("PUT", "/Patient", body).status_code == 400


def test_if_none_match_star_creates_and_never_overwrites(chen):
    assert chen.put(patient("ben"), If_None_Match="*").status_code == 201
    assert chen.put(patient("ben", "Other"), If_None_Match="*").status_code == 412
    assert chen.get("/Patient/ben").json()["name"][0]["family"] == "Rivera"


def test_a_conditional_delete_takes_one_or_none(chen):
    for number in (1, 2):
        chen.put(observation(f"o{number}", identifier=[{"system": "urn:lab", "value": str(number)}]))
    assert chen.send("DELETE", "/Observation?identifier=urn:lab|1").status_code == 204
    assert chen.get("/Observation/o1").status_code == 410
    assert chen.send("DELETE", "/Observation?identifier=urn:lab|none").status_code == 204
    chen.put(observation("o3"))
    assert chen.send("DELETE", "/Observation?patient=ana").status_code == 412
    assert chen.send("DELETE", "/Observation").status_code == 400


def test_a_condition_that_is_not_understood_never_hits_anything(chen):
    chen.put(observation("o1"))
    for method, body in (("DELETE", None), ("PUT", observation("o1")), ("PATCH", [])):
        kind = JSON_PATCH if method == "PATCH" else FHIR_JSON
        answer = chen.send(method, "/Observation?colour=blue", body, Content_Type=kind)
        assert answer.status_code == 400
    assert chen.get("/Observation/o1").status_code == 200


def test_a_condition_with_what_shapes_an_answer_never_picks_one_of_several(chen):
    chen.put(patient("ben"))
    for shaping in ("_count=1", "_sort=name", "_total=none", "_offset=1"):
        assert chen.send("DELETE", f"/Patient?name=rivera&{shaping}").status_code == 400
        assert chen.send("PUT", f"/Patient?name=rivera&{shaping}", patient("ana", "Vega")).status_code == 400
    assert chen.post(patient("x"), If_None_Exist="name=rivera&_count=0").status_code == 400
    assert chen.found("/Patient?name=rivera&_sort=_id") == ["Patient/ana", "Patient/ben"]


def test_a_condition_may_come_with_how_the_answer_is_written(chen):
    saved = chen.send("PUT", "/Patient?_format=json&name=rivera&_pretty=true", patient("ana", "Vega"))
    assert (saved.status_code, saved.json()["name"][0]["family"]) == (200, "Vega")
    assert chen.send("DELETE", "/Patient?_format=json").status_code == 400


def test_of_32_parallel_conditional_creates_one_makes_the_resource(chen):
    body = observation("x", identifier=[{"system": "urn:lab", "value": "r-1"}])
    del body["id"]

    def create(_):
        return chen.post(body, If_None_Exist="identifier=urn:lab|r-1")

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(create, range(32)))
    assert sorted(answer.status_code for answer in answers) == [200] * 31 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert chen.bundle("/Observation?identifier=urn:lab|r-1")["total"] == 1


def test_of_two_updates_of_one_version_one_gets_412(chen):
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda name: chen.put(patient("ana", name), If_Match='W/"1"'), ["Uno", "Due"])
        )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert issue(next(answer for answer in answers if answer.status_code == 412))["code"] == "conflict"


def test_any_version_will_do_where_one_is_and_none_where_none_is(chen):
    chen.put(patient("ana"))
    assert chen.put(patient("ana", "Vega"), If_Match="*").status_code == 200
    assert chen.put(patient("nobody"), If_Match="*").status_code == 412
    assert chen.get("/Patient/nobody").status_code == 404
    chen.put(observation("o1"))
    assert chen.send("DELETE", "/Observation/o1", If_Match="*").status_code == 204
    assert chen.put(observation("o1"), If_Match="*").status_code == 412
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": []}
    for name in ("ana", "no-one"):
        request = {"method": "PUT", "url": f"Patient/{name}", "ifMatch": "*"}
        bundle["entry"].append({"resource": patient(name, "Luz"), "request": request})
    answered = chen.send("POST", "", bundle).json()["entry"]
    assert [each["response"]["status"][:3] for each in answered] == ["200", "412"]


# Preferences


def test_a_write_answers_as_preferred(chen):
    assert chen.put(patient("ana", "A"), Prefer="return=minimal").content == b""
    assert chen.put(patient("ana", "B"), Prefer="return=representation").json()["name"][0]["family"] == "B"
    told = chen.put(patient("ana", "C"), Prefer="handling=lenient; return=OperationOutcome")
    assert issue(told)["severity"] == "information"


def test_pretty_has_line_breaks_and_the_same_digits(chen):
    value = b'{"value":7.10,"unit":"%"}'
    body = json.dumps(observation("o1")).encode()[:-1] + b',"valueQuantity":' + value + b"}"
    chen.send("PUT", "/Observation/o1", body)
    pretty = chen.get("/Observation/o1?_pretty=true").text
    assert '"value": 7.10' in pretty
    assert "\n" in pretty


def test_elements_and_summary_say_that_they_are_not_the_whole(chen):
    chen.put(observation("o1", note=[{"text": "long"}]))
    few = chen.get("/Observation/o1?_elements=subject").json()
    assert set(few) == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert few["meta"]["tag"][0]["code"] == "SUBSETTED"
    brief = chen.bundle("/Observation?_summary=true&patient=ana")["entry"][0]["resource"]
    assert "note" not in brief
    assert "subject" in brief
    assert chen.get("/Observation/o1?_summary=data").json()["note"]
    assert chen.bundle("/Observation?_summary=count") | {"link": None} == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": None,
    }
    assert chen.get("/Observation/o1?_summary=short").status_code == 400


# Patches


@pytest.mark.parametrize(
    ("operations", "check"),
    [
        ([{"op": "replace", "path": "/name/0/family", "value": "Vega"}], {"family": "Vega"}),
        ([{"op": "add", "path": "/name/0/given/-", "value": "Sol"}], {"given": ["Ana", "Sol"]}),
        ([{"op": "add", "path": "/name/0/given/0", "value": "Sol"}], {"given": ["Sol", "Ana"]}),
        ([{"op": "remove", "path": "/name/0/given"}], {"given": None}),
        ([{"op": "copy", "from": "/name/0/family", "path": "/name/0/text"}], {"text": "Rivera"}),
        ([{"op": "move", "from": "/name/0/family", "path": "/name/0/text"}], {"family": None, "text": "Rivera"}),
        ([{"op": "test", "path": "/birthDate", "value": "1961-04-02"}], {"family": "Rivera"}),
    ],
)  # fmt: skip
def test_a_json_patch_changes_what_it_names(chen, operations, check):
    answer = chen.send("PATCH", "/Patient/ana", operations, Content_Type=JSON_PATCH, If_Match='W/"1"')
    assert answer.status_code == 200, answer.text
    name = chen.get("/Patient/ana").json()["name"][0]
    assert {key: name.get(key) for key in check} == check


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "test", "path": "/birthDate", "value": "1999"}], 422),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "replace", "path": "/name/7", "value": 1}], 422),
        ([{"op": "replace", "path": "/birthDate", "value": "1961-02-30"}], 422),
        ([{"op": "replace", "path": "/id", "value": "ben"}], 400),
        ([{"op": "replace", "path": "/resourceType", "value": "Person"}], 422),
        ([{"op": "explode", "path": "/id"}], 422),
        ([{"op": "add", "path": "name", "value": 1}], 422),
        ({"op": "add"}, 422),
        ([{"op": ["add"], "path": "/id"}], 422),
        ([{"op": "replace", "path": "", "value": 5}], 422),
        ([{"op": "remove", "path": f"/name/{'9' * 5000}"}], 422),
        ([{"op": "add", "path": "/gender", "value": "\ud800"}], 400),
        ([{"op": "copy", "from": "/name", "path": "/name/0/extension"}] * 60, 422),
    ],
)
def test_a_patch_that_cannot_be_done_changes_nothing(chen, operations, status):
    answer = chen.send("PATCH", "/Patient/ana", operations, Content_Type=JSON_PATCH)
    assert answer.status_code == status
    assert chen.get("/Patient/ana").headers["etag"] == 'W/"1"'


def test_copies_into_themselves_stay_within_a_megabyte(chen):
    operations = [
        {"op": "add", "path": "/name/0/extension", "value": [{"url": "urn:x", "valueString": "x"}]},
        *[{"op": "copy", "from": "/name/0", "path": "/name/0/extension/-"}] * 60,
    ]
    answer = chen.send("PATCH", "/Patient/ana", operations, Content_Type=JSON_PATCH)
    assert answer.status_code == 422
    assert "copies more than 1 MB" in issue(answer)["diagnostics"]


def test_a_patch_keeps_every_other_digit(chen):
    body = json.dumps(observation("o1")).encode()[:-1] + b',"valueQuantity":{"value":1.0e2,"unit":"%"}}'
    chen.send("PUT", "/Observation/o1", body)
    operations = [{"op": "replace", "path": "/status", "value": "amended"}]
    chen.send("PATCH", "/Observation/o1", operations, Content_Type=JSON_PATCH)
    assert b'"value":1.0e2' in chen.get("/Observation/o1").content


@pytest.mark.parametrize(
    ("operation", "check"),
    [
        ({"type": "replace", "path": "Patient.birthDate", "value": {"valueDate": "1970"}}, ("birthDate", "1970")),
        ({"type": "add", "path": "Patient", "name": "gender", "value": {"valueCode": "female"}}, ("gender", "female")),
        ({"type": "delete", "path": "Patient.birthDate"}, ("birthDate", None)),
        ({"type": "delete", "path": "Patient.telecom.where(system = 'fax')"}, ("telecom", None)),
        ({"type": "add", "path": "Patient.name[0]", "name": "given", "value": {"valueString": "Sol"}},
         ("name", [{"family": "Rivera", "given": ["Ana", "Sol"]}])),
        ({"type": "insert", "path": "Patient.name.given", "index": 0, "value": {"valueString": "Sol"}},
         ("name", [{"family": "Rivera", "given": ["Sol", "Ana"]}])),
        ({"type": "add", "path": "Patient", "name": "deceased", "value": {"valueBoolean": True}},
         ("deceasedBoolean", True)),
        ({"type": "add", "path": "Patient", "name": "contact", "value": {"part": [
            {"name": "name", "valueHumanName": {"family": "Vega"}}]}}, ("contact", [{"name": {"family": "Vega"}}])),
        ({"type": "add", "path": "Patient", "name": "contact", "value": {"part": [
            {"name": "telecom", "valueContactPoint": {"rank": 1}}]}}, ("contact", [{"telecom": [{"rank": 1}]}])),
        ({"type": "add", "path": "Patient", "name": "extension", "value": {"part": [
            {"name": "url", "valueUri": "urn:x"}, {"name": "value", "valueString": "y"}]}},
         ("extension", [{"url": "urn:x", "valueString": "y"}])),
    ],
)  # fmt: skip
def test_a_fhirpath_patch_changes_what_it_names(chen, operation, check):
    answer = chen.send("PATCH", "/Patient/ana", fhirpath_patch(operation))
    assert answer.status_code == 200, answer.text
    assert chen.get("/Patient/ana").json().get(check[0]) == check[1]


def test_a_choice_that_is_replaced_takes_the_name_of_its_new_type(chen):
    chen.put(patient("ana", deceasedBoolean=True))
    dated = {"type": "replace", "path": "Patient.deceased", "value": {"valueDateTime": "2020"}}
    kept = chen.send("PATCH", "/Patient/ana", fhirpath_patch(dated)).json()
    assert (kept["deceasedDateTime"], "deceasedBoolean" in kept) == ("2020", False)


@pytest.mark.parametrize(
    "operation",
    [
        {"type": "replace", "path": "Patient.contact", "value": {"valueString": "x"}},
        {"type": "replace", "path": "Patient.name.given.count()", "value": {"valueString": "x"}},
        {"type": "move", "path": "Patient.name", "source": 0, "destination": 3},
        {"type": "explode", "path": "Patient"},
        {"type": "replace", "path": "Patient.birthDate"},
        {"type": "delete", "path": "Patient"},
    ],
)
def test_a_fhirpath_patch_that_cannot_be_done_names_its_place(chen, operation):
    answer = chen.send("PATCH", "/Patient/ana", fhirpath_patch(operation))
    assert answer.status_code == 422
    assert issue(answer)["expression"][0].startswith("Parameters")
    assert chen.get("/Patient/ana").headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/json"])
def test_a_merge_patch_replaces_and_takes_out(chen, kind):
    changes = {"gender": "female", "birthDate": None}
    answer = chen.send("PATCH", "/Patient/ana", changes, Content_Type=kind)
    assert answer.status_code == 200, answer.text
    kept = answer.json()
    assert (kept["gender"], "birthDate" in kept, kept["name"][0]["family"]) == ("female", False, "Rivera")


def test_a_conditional_patch_finds_its_one(chen):
    patch = fhirpath_patch({"type": "replace", "path": "Patient.birthDate", "value": {"valueDate": "1970"}})
    assert chen.send("PATCH", "/Patient?name=rivera", patch).status_code == 200
    assert chen.send("PATCH", "/Patient?name=nobody", patch).status_code == 404
    chen.put(patient("ben"))
    assert chen.send("PATCH", "/Patient?name=rivera", patch).status_code == 412


# Histories


def test_histories_of_one_of_a_type_and_of_all(api, chen):
    api.clock.instant += timedelta(minutes=1)
    chen.put(patient("ana", "Vega"))
    chen.put(observation("o1"))
    api.clock.instant += timedelta(minutes=1)
    chen.send("DELETE", "/Observation/o1")
    one = chen.bundle("/Patient/ana/_history")
    assert [entry["response"]["etag"] for entry in one["entry"]] == ['W/"2"', 'W/"1"']
    of_type = chen.bundle("/Observation/_history")
    assert [entry["request"]["method"] for entry in of_type["entry"]] == ["DELETE", "POST"]
    everything = chen.bundle("/_history")["entry"]
    assert [entry["request"]["method"] for entry in everything] == ["DELETE", "POST", "PUT", "POST"]
    assert len(chen.bundle("/_history?_since=2026-11-20T14:02:00Z")["entry"]) == 1
    assert [
        e["response"]["etag"] for e in chen.bundle("/Patient/_history?_at=2026-11-20T14:00:30Z")["entry"]
    ] == ['W/"1"']
    assert chen.get("/Patient/nobody/_history").status_code == 404
    assert chen.get("/Patient/ana/_history?_sort=x").status_code == 400


def test_the_self_link_of_a_history_says_what_was_asked_and_a_limit_is_given_once(chen):
    asked = "_since=2026-11-20T14%3A00%3A00Z&_at=2026-11-20&_count=1"
    page = chen.bundle(f"/Patient/ana/_history?{asked}&_format=json")
    assert link(page, "self").endswith(f"/fhir/Patient/ana/_history?{asked}")
    again = chen.http.get(link(page, "self")).json()
    assert again["entry"] == page["entry"]
    assert link(chen.bundle("/Patient/_history"), "self").endswith("/fhir/Patient/_history")
    for wrong in ("_since=2026&_since=2027", "_at=2026&_at=2026", "_count=1&_count=2"):
        refused = chen.get(f"/Patient/ana/_history?{wrong}")
        assert refused.status_code == 400
        assert "more than once" in issue(refused)["diagnostics"]
    chen.put(patient("ana", "Vega"))
    following = link(chen.bundle("/Patient/ana/_history?_count=1"), "next")
    assert unquote(link(chen.http.get(following).json(), "self")) == following
    assert chen.http.get(f"{following}&_since=2026").status_code == 400


def test_a_history_is_turned_page_by_page_and_stays_as_it_was(chen):
    for number in range(5):
        chen.put(patient("ana", f"Name{number}"))
    page = chen.bundle("/Patient/ana/_history?_count=2")
    chen.put(patient("ana", "Later"))
    seen = []
    while True:
        seen += [entry["response"]["etag"] for entry in page["entry"]]
        following = link(page, "next")
        if following is None:
            break
        page = chen.http.get(following).json()
    assert seen == [f'W/"{number}"' for number in range(6, 0, -1)]


# Binary


def test_a_binary_goes_in_and_out_as_its_own_bytes(chen):
    content = bytes(range(256))
    made = chen.http.post(
        "/fhir/Binary",
        content=content,
        headers={"Content-Type": "application/pdf", "X-Security-Context": "Patient/ana"},
    )
    assert made.status_code == 201
    held = made.json()
    assert base64.b64decode(held["data"]) == content
    assert held["securityContext"]["reference"] == "Patient/ana"
    raw = chen.get(f"/Binary/{held['id']}", Accept="application/pdf")
    assert (raw.content, raw.headers["content-type"]) == (content, "application/pdf")
    assert raw.headers["content-disposition"] == "attachment"
    assert chen.get(f"/Binary/{held['id']}", Accept=FHIR_JSON).json()["contentType"] == "application/pdf"


# What is said about it all


def test_the_capability_statement_is_what_the_routes_are(api):
    statement = api.http().get("/fhir/metadata").json()["rest"][0]
    kinds = {entry["type"]: entry for entry in statement["resource"]}
    assert {each["code"] for each in kinds["Patient"]["interaction"]} == {
        *(
            "read",
            "vread",
            "update",
            "patch",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type",
        )
    }
    assert {each["code"] for each in statement["interaction"]} == {
        "transaction",
        "batch",
        "history-system",
        "search-system",
    }
    assert "Provenance:target" in kinds["Observation"]["searchRevInclude"]
    assert "Observation:patient" in kinds["Observation"]["searchInclude"]
    kind_of = {each["name"]: each["type"] for each in kinds["Observation"]["searchParam"]}
    assert kind_of["code-value-quantity"] == "composite"
    assert kind_of["value-quantity"] == "quantity"


def test_the_capability_statement_names_the_statements_and_operations_that_others_define(api):
    statement = api.http().get("/fhir/metadata").json()
    assert "http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server" in statement["instantiates"]
    assert "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data" in statement["instantiates"]
    defined = {
        (entry["type"], each["name"]): each["definition"]
        for entry in statement["rest"][0]["resource"]
        for each in entry.get("operation", [])
    }
    assert defined["Group", "export"] == "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"
    assert defined["DocumentReference", "docref"] == "http://hl7.org/fhir/us/core/OperationDefinition/docref"
    assert defined["Patient", "everything"] == "http://hl7.org/fhir/OperationDefinition/Patient-everything"


def test_what_no_guide_defines_is_defined_where_the_statement_says(api):
    (named,) = [
        each["definition"]
        for each in api.http().get("/fhir/metadata").json()["rest"][0]["operation"]
        if each["name"] == "import"
    ]
    told = api.http().get(named)
    assert told.status_code == 200, told.text
    OperationDefinition.model_validate(told.json())
    assert (told.json()["url"], told.json()["code"], told.json()["system"]) == (named, "import", True)
    assert {each["name"] for each in told.json()["parameter"]} == KNOWN
