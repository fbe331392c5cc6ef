"""Front desk and billing over FHIR: what every way of reading gives them, and what their searches may not ask."""

from __future__ import annotations

import json

import pytest

from ehr_core.access.field_sets import fields_of_roles
from ehr_core.access.roles import STAFF_ROLES, permissions_by_role
from ehr_core.api.fhir import visibility
from ehr_core.kernel.fhir_definitions import definition
from ehr_core.store.patient_compartment import in_compartment
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_parameters import Search, known_parameters
from ehr_core.store.tables import current_table
from ehr_core.store.visible import NOBODY, Sight
from tests.integration.fhir.conftest import client_of, clinic, observation, patient
from tests.lib.weakened import assert_guarded

SECRET = "Marchetti-secret"
ALWAYS = {"resourceType", "id", "meta"}
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ANA = {"reference": "Patient/ana"}
RECORD = [
    patient(
        "ana",
        text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{SECRET}</div>'},
        telecom=[{"system": "phone", "value": "555-0100"}],
        maritalStatus={"text": SECRET},
        extension=[{"url": "http://example.org/told", "valueString": SECRET}],
        address=[{"city": "Lanternford", "extension": [{"url": "http://example.org/x", "valueString": SECRET}]}],
    ),
    {
        "resourceType": "Appointment", "id": "visit", "status": "booked", "description": SECRET, "comment": SECRET,
        "reasonCode": [{"text": SECRET}], "start": "2026-11-21T14:00:00Z", "end": "2026-11-21T14:20:00Z",
        "participant": [{"actor": ANA, "status": "accepted"}],
    },
    {
        "resourceType": "Encounter", "id": "met", "status": "finished", "class": {"code": "AMB"}, "subject": ANA,
        "reasonCode": [{"text": SECRET}], "period": {"start": "2026-11-01T14:00:00Z"},
    },
    {
        "resourceType": "Condition", "id": "told", "subject": ANA, "note": [{"text": SECRET}],
        "code": {"coding": [{"system": ICD, "code": "E11.9"}]},
    },
    observation("glucose", valueString=SECRET),
    {
        "resourceType": "Coverage", "id": "paid", "status": "active", "beneficiary": ANA,
        "payor": [{"display": "Payer"}], "subscriberId": "77",
    },
]  # fmt: skip
NARROWED = ("front_desk", "biller")


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory):
    with clinic(postgres_server, template_database, tmp_path_factory.mktemp("fields")) as running:
        with running.work() as work:
            for body in RECORD:
                Store(work).create(body["resourceType"], body, id=body["id"])
        yield running


@pytest.fixture(scope="module")
def people(api):
    roles = [role for role in sorted(STAFF_ROLES) if "fhir.read" in permissions_by_role()[role]]
    return {role: client_of(api, role) for role in roles}


def resources_in(answer) -> list[dict]:
    """Every resource of an answer, out of its bundle."""
    if answer.status_code != 200:
        return []
    body = answer.json()
    if body["resourceType"] != "Bundle":
        return [body]
    return [entry["resource"] for entry in body.get("entry", []) if "resource" in entry]


def ways(type_name: str, resource_id: str) -> list[str]:
    return [
        f"/{type_name}/{resource_id}",
        f"/{type_name}/{resource_id}/_history",
        f"/{type_name}/{resource_id}/_history/1",
        f"/{type_name}/_history",
        f"/{type_name}",
        f"/{type_name}?_id={resource_id}",
        f"/{type_name}/{resource_id}?_elements=note,text,extension,reasonCode",
        f"/{type_name}?_summary=true",
        f"/Patient/ana/{type_name}",
        f"/Patient/ana/$everything?_type={type_name}",
    ]


@pytest.mark.parametrize("body", RECORD, ids=[body["resourceType"] for body in RECORD])
def test_every_role_gets_only_its_fields_by_every_way_of_reading(people, body):
    type_name = body["resourceType"]
    for role, client in people.items():
        fields = fields_of_roles((role,))
        for way in ways(type_name, body["id"]):
            for resource in resources_in(client.get(way)):
                if fields is None or resource["resourceType"] == "OperationOutcome":
                    continue
                allowed = (
                    fields[resource["resourceType"]].elements if resource["resourceType"] in fields else set()
                )
                elements = definition(resource["resourceType"]).elements
                got = {elements[name].choice or name for name in resource.keys() - ALWAYS}
                assert got <= allowed, (role, way)
                assert SECRET not in json.dumps(resource), (role, way)
                assert resource["meta"]["tag"][0]["code"] == "SUBSETTED"
        if fields is None:
            assert SECRET in client.get(f"/{type_name}/{body['id']}").text or type_name == "Coverage"


@pytest.mark.parametrize("role", NARROWED)
def test_the_permitted_fields_are_there(people, role):
    ana = people[role].get("/Patient/ana").json()
    assert (ana["name"][0]["family"], ana["birthDate"], ana["address"]) == (
        "Rivera", "1961-04-02", [{"city": "Lanternford"}],
    )  # fmt: skip
    assert people[role].found("/Patient?family=rivera&birthdate=1961-04-02") == ["Patient/ana"]


@pytest.mark.parametrize("role", NARROWED)
@pytest.mark.parametrize(
    "path",
    [
        "/Observation/glucose",
        "/Observation/glucose/_history",
        "/Observation",
        "/Observation?code=4548-4",
        "/DocumentReference",
        "/Patient?_has:Observation:patient:code=4548-4",
        "/Patient?_security=HIV",
        "/Encounter?reason-code=x",
        "/Encounter?patient._has:Observation:patient:code=4548-4",
        "/Encounter?_sort=reason-code",
        "/Appointment?reason-code=x",
        "/Patient/ana/Observation",
        "/DocumentReference/$docref?patient=ana",
    ],
)
def test_types_and_searches_that_are_not_theirs_are_refused(people, role, path):
    for preference in ("handling=strict", "handling=lenient"):
        answer = people[role].get(path, Prefer=preference)
        shown = [one for one in resources_in(answer) if one["resourceType"] != "OperationOutcome"]
        assert answer.status_code in (400, 403) or shown == [], answer.text


def test_nothing_hidden_comes_along_with_a_match(people):
    for role in NARROWED:
        for more in ("_revinclude=Observation:patient", "_revinclude=Observation:subject", "_include=*"):
            found = resources_in(people[role].get(f"/Patient?_id=ana&{more}"))
            assert {one["resourceType"] for one in found} <= {"Patient"}, (role, more)


def test_a_compartment_follows_no_parameter_that_the_role_does_not_search_by(people):
    """Front desk finds coverages by who benefits and who pays, and not by who subscribes."""
    clerk = people["front_desk"]
    assert [one["id"] for one in resources_in(clerk.get("/Patient/ana/Coverage"))] == ["paid"]
    asked = Search(Sight(NOBODY, fields_of_roles(("front_desk",))), "UTC", patient_id="ana")
    known = known_parameters(RESOURCE_TYPES["Coverage"], current_table("Coverage"), asked)
    condition = str(in_compartment("Coverage", known, asked)[0].compile().params)
    assert "payor" in condition
    assert "subscriber" not in condition
    assert clerk.get("/Patient/ana/Observation").status_code == 403


def test_a_match_is_cut_too(people):
    wanted = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": RECORD[0]}]}
    answer = people["front_desk"].send("POST", "/Patient/$match", wanted)
    assert resources_in(answer)
    assert SECRET not in answer.text


def test_an_application_that_a_clerk_lets_in_reads_no_more_than_the_clerk(api):
    from dataclasses import replace

    from ehr_core.access.actor import Actor, ApplicationGrant

    clerk = Actor("clerk", "user", "Clerk", ("front_desk",), permissions_by_role()["front_desk"])
    app = replace(clerk, application=ApplicationGrant("app", ("user/*.rs",)))
    with api.work() as work:
        found = Store(work).read("Encounter", "met")
    assert SECRET.encode() not in visibility.cut(app, found).body


def test_without_the_cut_and_the_search_guard_a_clerk_would_read_on(people):
    clerk = people["front_desk"]
    assert_guarded(
        lambda: SECRET in clerk.get("/Encounter/met").text,
        lambda patch: patch.setattr(visibility, "cut", lambda actor, resource: resource),
    )
    assert_guarded(
        lambda: clerk.get("/Patient?_security=HIV").status_code == 200,
        lambda patch: patch.setattr(Sight, "require_search", lambda *given: None),
    )
