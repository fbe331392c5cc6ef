"""What a kick-off asks for is what comes out: never more, and nothing that was not understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ehr_core.kernel.errors import BadRequest, NotFound, Unavailable
from ehr_core.store.repository import Store
from tests.integration.bulk.conftest import condition
from tests.integration.bulk.exports import finished, ids, kicked_off, lines, manifest_of, run
from tests.lib.api import running_api

pytestmark = pytest.mark.usefixtures("three_people")


def patient(reference: str) -> dict:
    return {"name": "patient", "valueReference": {"reference": reference}}


def only(name: str, value: str) -> dict:
    return {"name": name, "valueInstant" if name == "_since" else "valueString": value}


def group(api, *members: dict) -> str:
    with api.work() as work:
        made = Store(work).create(
            "Group", {"resourceType": "Group", "type": "person", "actual": True, "member": list(members)}
        )
    return made.id


def member(reference: str, **more) -> dict:
    return {"entity": {"reference": reference}, **more}


def test_a_parameters_body_is_followed_to_the_letter(api, pipeline):
    status = kicked_off(
        pipeline, "/fhir/Patient/$export", only("_type", "Condition,Patient"), patient("Patient/ana")
    )
    manifest = manifest_of(api, pipeline, status)
    assert ids(pipeline, manifest, "Patient") == {"ana"}
    assert ids(pipeline, manifest, "Condition") == {"of-ana"}
    assert {file.type for file in manifest.output} == {"Patient", "Condition"}


def test_a_since_in_a_body_leaves_out_what_is_older(api, pipeline):
    status = kicked_off(pipeline, "/fhir/$export", only("_since", "2100-01-01T00:00:00Z"))
    assert manifest_of(api, pipeline, status).output == []


@pytest.mark.parametrize("reference", ["Patient/ana", "{base}/fhir/Patient/ana", "Patient/ana/_history/1"])
def test_a_listed_patient_may_be_written_in_any_form(api, pipeline, reference):
    named = patient(reference.format(base=api.base_url))
    status = kicked_off(pipeline, "/fhir/Patient/$export", only("_type", "Patient"), named)
    assert ids(pipeline, manifest_of(api, pipeline, status), "Patient") == {"ana"}


@pytest.mark.parametrize(
    ("path", "parameter", "word"),
    [
        ("/fhir/$export", only("_typo", "Patient"), "_typo"),
        ("/fhir/$export", only("_typeFilter", "Patient?_sort=name"), "_typeFilter"),
        ("/fhir/$export", patient("Patient/ana"), "patient"),
        ("/fhir/$export", {"name": "_type", "valueCode": "Patient"}, r"parameter\[0\].*valueString"),
        ("/fhir/$export", {"valueString": "Patient"}, "needs a name"),
        ("/fhir/$export", only("_since", "yesterday"), "_since"),
        ("/fhir/$export", only("_outputFormat", "csv"), "_outputFormat"),
        ("/fhir/Patient/$export", patient("Patient/nobody"), "1. 'patient' is not a patient of this server"),
        ("/fhir/Patient/$export", patient("https://elsewhere.example/fhir/Patient/ana"), "not a patient"),
        ("/fhir/Patient/$export", patient("Group/ana"), "not a patient"),
    ],
)
def test_a_body_that_is_not_understood_is_refused_and_exports_nothing(api, pipeline, path, parameter, word):
    with pytest.raises(BadRequest, match=word) as refused:
        kicked_off(pipeline, path, parameter)
    assert "nobody" not in refused.value.message
    assert not api.app.state.bulk_runner.run_one()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "no JSON"),
        (b"[]", "Parameters resource"),
        (b'{"resourceType":"Patient"}', "Parameters resource"),
        (b'{"resourceType":"Parameters","parameter":{}}', "must be a list"),
        (b'{"resourceType":"Parameters","parameter":[7]}', "needs a name"),
    ],
)
def test_a_body_that_is_no_parameters_resource_is_refused_with_an_outcome(api, pipeline, body, word):
    headers = {"Prefer": "respond-async", "Content-Type": "application/fhir+json"}
    with pytest.raises(BadRequest, match=word):
        pipeline.transport.request("POST", "/fhir/$export", content=body, headers=headers)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/fhir+xml", None]
)
def test_a_body_that_says_it_is_something_else_than_json_is_not_read(pipeline, kind):
    body = b'{"resourceType": "Parameters"}'
    headers = {"Prefer": "respond-async"} | ({"Content-Type": kind} if kind else {})
    with pytest.raises(BadRequest, match="fhir\\+json"):
        pipeline.transport.request("POST", "/fhir/$export", content=body, headers=headers)
    assert (
        pipeline.transport.request("POST", "/fhir/$export", headers={"Prefer": "respond-async"}).status_code
        == 202
    )


def test_a_post_with_parameters_in_its_address_is_refused(api, pipeline):
    with pytest.raises(BadRequest, match="Parameters body"):
        pipeline.transport.request("POST", "/fhir/$export?_type=Patient", headers={"Prefer": "respond-async"})


def test_an_unknown_group_is_not_found_at_once(api, pipeline):
    with pytest.raises(NotFound, match="no such group"):
        pipeline.bulk.start(level="group", group_id="nobody-s")


def test_a_group_that_goes_before_its_export_runs_is_said_in_so_many_words(api, pipeline):
    group_id = group(api, member("Patient/ana"))
    status = pipeline.bulk.start(level="group", group_id=group_id)
    with api.work() as work:
        Store(work).delete("Group", group_id)
    run(api)
    with pytest.raises(Unavailable, match="no such group"):
        pipeline.bulk.look(status)


def test_a_group_s_members_are_found_in_every_form_and_the_others_are_told(api, pipeline):
    group_id = group(
        api,
        member(f"{api.base_url}/fhir/Patient/ana"),
        member("Patient/ben/_history/1"),
        member("Patient/cleo", inactive=True),
        member("https://elsewhere.example/fhir/Patient/dora"),
        member("Patient/not-stored-here"),
    )
    manifest = finished(api, pipeline, level="group", group_id=group_id)
    assert ids(pipeline, manifest, "Patient") == {"ana", "ben"}
    assert ids(pipeline, manifest, "Condition") == {"of-ana", "of-ben"}
    [outcome] = [json.loads(line) for file in manifest.error for line in pipeline.bulk.lines(file)]
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["details"]["text"].startswith("2 members of the group")
    assert "dora" not in json.dumps(outcome)


def test_only_a_group_s_members_may_be_picked_out_of_it(api, pipeline):
    path = f"/fhir/Group/{group(api, member('Patient/ana'), member('Patient/ben'))}/$export"
    status = kicked_off(pipeline, path, only("_type", "Patient"), patient("Patient/ben"))
    assert ids(pipeline, manifest_of(api, pipeline, status), "Patient") == {"ben"}
    with pytest.raises(BadRequest, match="not a member of this group"):
        kicked_off(pipeline, path, patient("Patient/cleo"))


def test_patient_level_holds_nothing_that_is_not_one_patient_s(api, pipeline):
    """Groups, an appointment of two patients and an orphan belong to no one record, nor to the audit's sealed list."""
    participants = [
        {"actor": {"reference": f"Patient/{name}"}, "status": "accepted"} for name in ("ana", "ben")
    ]
    group(api, member("Patient/ana"))
    with api.work() as work:
        store = Store(work)
        store.create(
            "Appointment",
            {"resourceType": "Appointment", "status": "booked", "participant": participants},
            id="of-two",
        )
        store.create("Condition", condition("ana") | {"subject": {"reference": "Group/g"}}, id="of-a-group")
    manifest = finished(api, pipeline, level="patient")
    found = {
        json.loads(line)["id"] for file in manifest.output for line in lines(pipeline, manifest, file.type)
    }
    assert {"ana", "ben", "cleo", "of-ana"} <= found
    assert not found & {"of-two", "of-a-group"}
    assert "Group" not in {file.type for file in manifest.output}


def test_every_address_of_an_export_is_the_one_that_outsiders_know(database, tmp_path):
    outside = "https://ehr.example.org"
    with running_api(database, tmp_path, now=datetime.now(UTC), public_api_url=outside) as api:
        pipeline = api.service("pipeline")
        headers = {"Prefer": "respond-async"}
        started = pipeline.transport.request("GET", "/fhir/Patient/$export", headers=headers)
        assert started.headers["content-location"].startswith(f"{outside}/fhir/bulk/")
        run(api)
        status = started.headers["content-location"].removeprefix(outside)
        manifest = pipeline.transport.request("GET", status).json()
        assert manifest["output"][0]["url"].startswith(f"{outside}/fhir/bulk/")
