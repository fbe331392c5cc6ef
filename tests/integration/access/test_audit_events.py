"""The audit log over FHIR, and the accounting of disclosures: who sees which row, and what a search may ask."""

from __future__ import annotations

from datetime import date, timedelta

import httpx
import pytest

from data_contracts.api.disclosures import NewDisclosure
from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.access.disclosures import accounting
from ehr_core.api.fhir import audit_events
from ehr_core.kernel.errors import BadRequest, Forbidden
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.weakened import assert_guarded


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            for name in ("ana", "ben"):
                Store(work).create(
                    "Patient", {"resourceType": "Patient", "name": [{"family": name}]}, id=name
                )
        yield running


def http_of(api, client) -> httpx.Client:
    return api.http(headers={"Authorization": f"Bearer {client.transport._token_source()}"})


@pytest.fixture
def admin(api):
    return http_of(api, api.signed_in("root", "admin"))


@pytest.fixture
def ana(api):
    return http_of(api, api.signed_in("ana", "patient", patient_id="ana"))


def events(http: httpx.Client, query: str = "") -> list[dict]:
    answer = http.get(f"/fhir/AuditEvent?{query}", headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


def acts(found: list[dict]) -> set[str]:
    return {event["subtype"][0]["code"] for event in found}


def test_a_read_a_refusal_and_a_broken_glass_are_audit_events(api, admin):
    nurse = api.signed_in("kim", "nurse")
    nurse.fhir.read("Patient", "ana")
    with pytest.raises(Forbidden):
        nurse.audit.page()
    read = events(admin, "patient=Patient/ana&action=R&subtype=read")[0]
    assert (read["action"], read["outcome"], read["type"]["code"]) == ("R", "0", "rest")
    assert read["agent"][0]["name"] == "Kim"
    assert read["agent"][0]["requestor"] is True
    assert {"reference": "Patient/ana"} in [one.get("what") for one in read["entity"]]
    refused = events(admin, "outcome=4")[0]
    assert (refused["outcome"], refused["outcomeDesc"]) == ("4", "Forbidden")
    assert admin.get(f"/fhir/AuditEvent/{read['id']}").json() == read


def test_the_resources_are_sound_by_the_models_of_r4(api, admin):
    from fhir.resources.R4B.auditevent import AuditEvent

    api.signed_in("kim", "nurse").fhir.search("Patient", {"name": "ana"})
    for event in events(admin, "_count=100"):
        AuditEvent.model_validate(event)


NARROWED = [
    ("patient=ana&subtype=create", 1),
    ("patient=ana,ben&subtype=create", 2),
    ("patient=ana&subtype=create,delete", 1),
    ("subtype=create&action=C", 2),
    ("subtype=create&action=R", 0),
    ("subtype=create&action=E", 0),
    ("subtype=create&outcome=0", 2),
    ("subtype=create&outcome=4,8", 0),
    ("subtype=create&date=2026-11-20", 2),
    ("subtype=create&date=ge2026-11-21", 0),
    ("subtype=create&date=lt2026-11-20", 0),
    ("subtype=create&date=ge2026-11-20&date=lt2026-11-21", 2),
    ("subtype=create&entity=Patient/ben", 1),
    ("subtype=create&altid=service:test-seeder", 2),
    ("subtype=create&altid=somebody", 0),
    ("subtype=create&agent=Practitioner/x", 0),
]


def test_a_search_narrows_by_each_parameter(admin):
    assert {query: len(events(admin, query)) for query, _ in NARROWED} == dict(NARROWED)


def test_one_patients_events_are_found_in_the_compartment_and_by_form(admin, ana):
    def found(answer: httpx.Response) -> list[str]:
        assert answer.status_code == 200, answer.text
        return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]

    wanted = [event["id"] for event in events(admin, "patient=ben&subtype=create")]
    form = {"subtype": "create"}
    assert len(wanted) == 1
    assert found(admin.get("/fhir/Patient/ben/AuditEvent", params=form)) == wanted
    assert found(admin.post("/fhir/Patient/ben/AuditEvent/_search", data=form)) == wanted
    assert found(admin.post("/fhir/AuditEvent/_search", data=form | {"patient": "ben"})) == wanted
    assert found(admin.get("/fhir/Patient/ben/AuditEvent", params={"patient": "ana"})) == []
    assert found(ana.get("/fhir/Patient/ana/AuditEvent", params=form)) != wanted
    assert ana.get("/fhir/Patient/ben/AuditEvent").status_code == 404


def test_a_search_that_cannot_be_understood_is_refused(admin):
    for query in ("name=x", "action=X", "outcome=9", "date=2026-13-40", "_count=0", "_page=forged"):
        answer = admin.get(f"/fhir/AuditEvent?{query}", headers={"Prefer": "handling=strict"})
        assert answer.status_code == 400, query


def test_a_value_is_a_value_and_no_sql(admin):
    for value in ("'", "x' OR '1'='1", "{ids}", "%", "a;DROP TABLE audit.event"):
        for name in ("patient", "altid", "subtype", "entity", "agent", "_id"):
            found = admin.get("/fhir/AuditEvent", params={name: value}).json()
            assert found.get("entry") is None, (name, value)


def test_pages_hold_together_while_the_log_grows(api, admin):
    with api.work() as work:
        for number in range(7):
            work.audit("read", resource_type="Observation", resource_id=f"o{number}", patient_id="ana")
    address, seen = "/fhir/AuditEvent?subtype=read&_count=3", []
    while address:
        bundle = admin.get(address).json()
        seen += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
        address = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), None)
        with api.work() as work:
            work.audit("read", resource_type="Observation", resource_id="new", patient_id="ana")
    assert len(seen) == len(set(seen)) == 7


def test_who_may_not_read_the_log_reads_none_of_it(api, ana):
    for role in ("clinician", "nurse", "front_desk", "biller", "analyst", "care_manager"):
        http = http_of(api, api.signed_in(f"one-{role}", role))
        assert http.get("/fhir/AuditEvent").status_code == 403, role


def test_nobody_writes_the_log(api, ana, admin):
    for address, method in (("AuditEvent", "POST"), ("AuditEvent/1", "PUT"), ("AuditEvent/1", "DELETE")):
        answer = admin.request(method, f"/fhir/{address}", json={"resourceType": "AuditEvent"})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert "never written" in answer.json()["issue"][0]["diagnostics"]


def test_a_patient_sees_the_events_of_the_own_record_and_no_other_name_in_them(api, ana, admin):
    nurse = api.signed_in("kim", "nurse")
    nurse.fhir.read("Patient", "ana")
    nurse.fhir.read("Patient", "ben")
    nurse.fhir.search("Patient", {})
    found = events(ana)
    assert "read" in acts(found)
    assert "Patient/ben" not in str(found)
    others = events(admin, "patient=ben&subtype=read")[0]
    assert ana.get(f"/fhir/AuditEvent/{others['id']}").status_code == 404
    assert not events(ana, "patient=ben&subtype=read")


def test_without_the_own_record_condition_the_database_still_keeps_others_out(api, ana):
    """Row-level security is the second wall: with the first one gone nothing more comes."""
    api.signed_in("kim", "nurse").fhir.read("Patient", "ben")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_events, "_own_or_all", lambda work: audit_events.Criteria())
        assert "Patient/ben" not in str(events(ana))


def test_an_application_without_the_scope_reads_no_audit_event(api):
    asked = Actor(
        "a", "patient", "Ana", ("patient",), frozenset({"own.read"}), patient_id="ana",
        application=ApplicationGrant("app", ("patient/Observation.rs",), "ana", "ana"),
    )  # fmt: skip

    def attack() -> bool:
        with api.work(asked) as work:
            try:
                audit_events._require(work, "s")
            except Forbidden:
                return False
            return True

    assert_guarded(attack, lambda patch: patch.setattr(audit_events, "require_scope", lambda *given: None))


def test_the_capability_statement_tells_of_it(api):
    statement = api.http().get("/fhir/metadata").json()
    told = next(one for one in statement["rest"][0]["resource"] if one["type"] == "AuditEvent")
    assert {one["code"] for one in told["interaction"]} == {"read", "search-type"}
    assert {"patient", "date", "entity"} <= {one["name"] for one in told["searchParam"]}


def new_disclosure(**more) -> NewDisclosure:
    values = {
        "patient_id": "ana", "disclosed_on": date(2026, 11, 1), "recipient": "County Health", "what": "A culture",
        "purpose": "public_health", "basis": "State reporting law",
    }  # fmt: skip
    return NewDisclosure(**values | more)


def test_a_disclosure_that_is_recorded_stands_in_the_accounting_and_in_the_portal(api, admin):
    root = api.signed_in("officer", "admin")
    root.disclosures.record(new_disclosure())
    root.disclosures.record(new_disclosure(patient_id="ben", recipient="Another court", purpose="court"))
    listed = root.disclosures.of("ana")
    assert [(one.recipient, one.purpose, one.by_hand) for one in listed] == [
        ("County Health", "public_health", True)
    ]
    own = api.signed_in("anas", "patient", patient_id="ana").disclosures.own()
    assert [one.recipient for one in own] == ["County Health"]
    assert acts(events(admin, "patient=ana&subtype=disclosed")) == {"disclosed"}
    assert "County" not in str(events(admin, "patient=ana"))


def test_what_an_application_fetched_is_in_the_accounting(api):
    app = Actor(
        "app:growth", "service", "Growth", ("application",), frozenset({"fhir.read"}),
        application=ApplicationGrant("growth", ("system/*.rs",)),
    )  # fmt: skip
    with api.work(app) as work:
        Store(work).read("Patient", "ana")
    with api.work(app) as work:
        Store(work).search("Patient", {})
    found = api.signed_in("root", "admin").disclosures.of("ana")
    assert [(one.recipient, one.purpose, one.by_hand, one.times) for one in found] == [
        ("growth", "application", False, 2)
    ]
    with api.work(Actor("x", "service", "X", (), frozenset({"audit.read"}))) as work:
        assert not accounting(work, "nobody")


def test_who_may_not_keep_the_accounting_is_refused(api):
    for role in ("clinician", "front_desk", "analyst"):
        client = api.signed_in(f"one-{role}", role)
        with pytest.raises(Forbidden):
            client.disclosures.record(new_disclosure())
        with pytest.raises(Forbidden):
            client.disclosures.of("ana")
        with pytest.raises(Forbidden):
            client.disclosures.own()


def test_a_disclosure_to_come_or_without_words_is_refused(api):
    root = api.signed_in("root", "admin")
    with pytest.raises(BadRequest, match="earlier day"):
        root.disclosures.record(new_disclosure(disclosed_on=api.clock.now().date() + timedelta(days=2)))
    with pytest.raises(BadRequest, match="basis"):
        root.disclosures.record(new_disclosure(basis="   "))


def test_a_search_and_an_export_seal_their_lists_of_patients(api, admin):
    api.signed_in("kim", "nurse").fhir.search("Patient", {})
    searched = events(admin, "subtype=search")[0]
    detail = {one["type"]: one["valueString"] for one in searched["entity"][-1]["detail"]}
    assert detail["patients"] == "2"
    assert len(detail["sha256"]) == 64
