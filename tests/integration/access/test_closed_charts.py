"""Closed charts over the API: rules, roles' reach, broken glass and its review, and what attacks on them get."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from data_contracts.api.access import NewChartRule, NewProxy, RolePolicyInfo
from data_contracts.api.account import ChangeAccount
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.store.repository import Store
from tests.lib.api import running_api

HIV_TEST = {"coding": [{"system": "http://loinc.org", "code": "56888-1"}]}
GLUCOSE = {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}
SENSITIVITY = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
HL7 = "http://terminology.hl7.org/CodeSystem"
WORDS = "Found unresponsive in the waiting room"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            store = Store(work)
            for name in ("ana", "ben"):
                store.create(
                    "Patient", {"resourceType": "Patient", "name": [{"family": name.title()}]}, id=name
                )
            for made, code in (("hiv", HIV_TEST), ("glucose", GLUCOSE)):
                observation = {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": code,
                    "subject": {"reference": "Patient/ana"},
                }
                store.create("Observation", observation, id=made)
        yield running


@pytest.fixture
def admin(api):
    return api.signed_in("root", "admin")


def deny(patient_id: str = "ana", **more) -> NewChartRule:
    values = {"effect": "deny", "subject_kind": "everyone", "asked_by": "patient", "reason": "Asked for it"}
    return NewChartRule(patient_id=patient_id, **(values | more))


def found(client, type_name: str = "Observation") -> set[str]:
    bundle = json.loads(client.fhir.search(type_name, {}))
    return {entry["resource"]["id"] for entry in bundle.get("entry", [])}


def test_a_rule_shuts_the_chart_in_a_session_that_is_open_already(api, admin):
    nurse = api.signed_in("kim", "nurse")
    assert nurse.charting.summary("ana").banner.patient_id == "ana"
    rule = admin.access.make_rule(deny())
    with pytest.raises(NotFound):
        nurse.charting.summary("ana")
    assert found(nurse) == set()
    assert found(nurse, "Patient") == {"ben"}
    with pytest.raises(NotFound):
        nurse.fhir.read("Observation", "glucose")
    assert nurse.charting.summary("ben").banner.patient_id == "ben"
    admin.access.end_rule(rule)
    assert found(nurse) == {"hiv", "glucose"}


def test_an_explicit_denial_beats_every_allowance(api, admin):
    nurse = api.signed_in("kim", "nurse")
    account = nurse.account.me().account_id
    admin.access.make_rule(deny(effect="allow", subject_kind="account", subject=account))
    admin.access.make_rule(deny(subject_kind="role", subject="nurse"))
    assert found(nurse) == set()


def test_a_shut_chart_takes_no_writes(api, admin):
    nurse = api.signed_in("kim", "nurse")
    admin.access.make_rule(deny())
    new = {
        "resourceType": "Observation",
        "status": "final",
        "code": GLUCOSE,
        "subject": {"reference": "Patient/ana"},
    }
    with pytest.raises(Forbidden):
        nurse.fhir.create("Observation", json.dumps(new).encode())


def test_a_role_that_sees_no_label_finds_no_labelled_item_and_a_rule_may_let_it(api, admin):
    nurse = api.signed_in("kim", "nurse")
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=["SUD"]))
    assert found(nurse) == {"glucose"}
    with pytest.raises(NotFound):
        nurse.fhir.read("Observation", "hiv")
    admin.access.make_rule(
        deny(effect="allow", subject_kind="role", subject="nurse", label="HIV", asked_by="patient")
    )
    assert found(nurse) == {"glucose", "hiv"}


def test_a_label_is_no_oracle_for_whoever_does_not_see_it(api, admin):
    """Searching by its code, counting, sorting and the history tell as little as reading."""
    nurse = api.signed_in("kim", "nurse")
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=[]))
    by_code = json.loads(nurse.fhir.search("Observation", {"code": "56888-1"}))
    assert by_code.get("total") == 0
    assert not by_code.get("entry")
    assert json.loads(nurse.fhir.search("Observation", {}))["total"] == 1
    for read in (nurse.fhir.history, nurse.fhir.read):
        with pytest.raises(NotFound) as hidden:
            read("Observation", "hiv")
        with pytest.raises(NotFound) as absent:
            read("Observation", "never-was")
        assert str(hidden.value) == str(absent.value)


def test_a_panel_role_opens_its_panel_and_breaks_the_glass_for_the_rest(api, admin):
    admin.access.set_role(RolePolicyInfo(role="clinician", reach="panel", labels=["*"]))
    with api.work() as work:
        body = {"resourceType": "Patient", "name": [{"family": "Ben"}]}
        Store(work).put("Patient", "ben", body | {"generalPractitioner": [{"reference": "Practitioner/doc"}]})
    doctor = api.signed_in("chen", "clinician", practitioner_id="doc")
    assert found(doctor, "Patient") == {"ben"}
    assert doctor.access.chart("ana").may_break_glass
    with pytest.raises(BadRequest):
        doctor.access.break_glass("ana", "emergency", " " * 20)
    doctor.access.break_glass("ana", "emergency", WORDS)
    assert doctor.charting.summary("ana").banner.patient_id == "ana"
    assert doctor.access.chart("ana").broken_until == api.clock.now() + timedelta(hours=4)
    account = doctor.account.me().account_id
    api.clock.instant += timedelta(hours=4)
    fresh = api.client_of(api.session(account))
    assert found(fresh, "Patient") == {"ben"}


def doctor_id(admin, username: str) -> str:
    return next(one.account_id for one in admin.account.accounts() if one.username == username)


def test_a_site_role_opens_the_patients_of_the_accounts_sites(api, admin):
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="site", labels=["*"]))
    with api.work() as work:
        body = {"resourceType": "Patient", "name": [{"family": "Ben"}]}
        Store(work).put(
            "Patient", "ben", body | {"managingOrganization": {"reference": "Organization/north"}}
        )
    nurse = api.signed_in("kim", "nurse")
    account = nurse.account.me().account_id
    assert found(nurse, "Patient") == set()
    with pytest.raises(BadRequest):
        admin.account.change(account, ChangeAccount(sites=["north"]))
    admin.account.change(account, ChangeAccount(sites=["Organization/north"]))
    assert found(nurse, "Patient") == {"ben"}
    assert not nurse.access.chart("ana").open


def test_the_glass_opens_what_a_patient_restricted_but_nothing_that_the_law_shuts(api, admin):
    doctor = api.signed_in("chen", "clinician")
    admin.access.make_rule(deny())
    doctor.access.break_glass("ana", "emergency", WORDS)
    assert found(doctor) == {"hiv", "glucose"}
    admin.access.make_rule(deny(even_in_emergency=True, asked_by="law"))
    assert found(doctor) == set()
    with pytest.raises(Forbidden):
        doctor.access.break_glass("ana", "emergency", WORDS)


def test_the_glass_is_broken_for_one_account_and_given_back(api, admin):
    doctor, colleague = api.signed_in("chen", "clinician"), api.signed_in("lee", "clinician")
    admin.access.make_rule(deny())
    doctor.access.break_glass("ana", "emergency", WORDS)
    assert found(colleague) == set()
    doctor.access.close_glass("ana")
    assert found(doctor) == set()


def test_who_may_not_break_the_glass_cannot(api, admin):
    admin.access.make_rule(deny())
    for role in ("front_desk", "biller", "analyst", "admin"):
        with pytest.raises(Forbidden):
            api.signed_in(f"a-{role}", role).access.break_glass("ana", "emergency", WORDS)


def test_every_broken_glass_is_reviewed_by_somebody_else(api, admin):
    doctor = api.signed_in("chen", "clinician")
    admin.access.make_rule(deny())
    doctor.access.break_glass("ana", "covering", WORDS)
    doctor.fhir.read("Observation", "glucose")
    (waiting,) = admin.access.reviews()
    assert (waiting.account_name, waiting.patient_id, waiting.words) == ("Chen", "ana", WORDS)
    assert waiting.acts >= 2
    admin.account.change(doctor_id(admin, "chen"), ChangeAccount(roles=["clinician", "admin"]))
    with pytest.raises(Forbidden, match="their own"):
        doctor.access.review(waiting.review_id, "justified")
    admin.access.review(waiting.review_id, "justified", "Talked to her")
    assert admin.access.reviews() == []
    with pytest.raises(NotFound):
        admin.access.review(waiting.review_id, "not_justified")


def test_rules_and_reviews_are_for_those_who_manage_access(api, admin):
    nurse = api.signed_in("kim", "nurse")
    for attempt in (
        lambda: nurse.access.make_rule(deny()),
        lambda: nurse.access.rules("ana"),
        nurse.access.reviews,
        nurse.access.roles,
        lambda: nurse.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=["*"])),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_every_step_is_in_the_audit_log(api, admin):
    doctor = api.signed_in("chen", "clinician")
    rule = admin.access.make_rule(deny())
    doctor.access.break_glass("ana", "emergency", WORDS)
    admin.access.review(admin.access.reviews()[0].review_id, "follow_up")
    admin.access.end_rule(rule)
    acts = [event.act for event in admin.audit.events(patient_id="ana")]
    for act in ("chart_rule_made", "glass_broken", "glass_reviewed", "chart_rule_ended"):
        assert act in acts
    assert WORDS not in str(admin.audit.events(patient_id="ana"))


def test_what_a_reader_may_not_see_is_counted_and_never_read_as_none(api, admin):
    """A hidden allergy must not make the chart say that there is none."""
    with api.work() as work:
        allergy = {
            "resourceType": "AllergyIntolerance",
            "meta": {"security": [{"system": SENSITIVITY, "code": "PSY"}]},
            "clinicalStatus": {
                "coding": [{"system": f"{HL7}/allergyintolerance-clinical", "code": "active"}]
            },
            "code": {"text": "Clozapine"},
            "patient": {"reference": "Patient/ana"},
        }
        Store(work).create("AllergyIntolerance", allergy)
    nurse = api.signed_in("kim", "nurse")
    assert [one.substance for one in nurse.charting.summary("ana").allergies] == ["Clozapine"]
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=["HIV"]))
    summary = nurse.charting.summary("ana")
    assert (summary.allergies, summary.allergy_state, summary.hidden_items) == ([], "unavailable", 1)
    assert nurse.fhir.search("AllergyIntolerance", {}).count(b"Clozapine") == 0


def test_a_rule_a_proxy_and_a_disclosure_are_about_somebody_who_is_there(api):
    """A mistyped id, role or account would protect nobody, and nobody would notice."""
    root = api.signed_in("root-of-typos", "admin")
    mother = api.account("mother-of-typos", "proxy")
    typed = {"effect": "deny", "subject_kind": "everyone", "asked_by": "patient", "reason": "Asked"}
    for act in (
        lambda: root.access.make_rule(NewChartRule(patient_id="anna", **typed)),
        lambda: root.access.rules("anna"),
        lambda: root.access.give_proxy(
            NewProxy(account_id=mother, patient_id="anna", relationship="parent", scope=["record"])
        ),
        lambda: root.disclosures.of("anna"),
    ):
        with pytest.raises(NotFound, match="no patient of this id"):
            act()
    with pytest.raises(BadRequest, match="role"):
        root.access.make_rule(
            NewChartRule(patient_id="ana", **typed | {"subject_kind": "role", "subject": "nurze"})
        )
    with pytest.raises(NotFound):
        root.access.make_rule(
            NewChartRule(patient_id="ana", **typed | {"subject_kind": "account", "subject": "nobody"})
        )
    with pytest.raises(Forbidden):
        api.signed_in("nurse-of-typos", "nurse").access.rules("anna")


def test_somebody_may_write_what_a_label_then_keeps_from_them(api, admin):
    """A patient's own answers to a questionnaire on mood are theirs to give, and shown by policy alone."""
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=[]))
    nurse = api.signed_in("kim", "nurse")
    phq = {"coding": [{"system": "http://loinc.org", "code": "44261-6"}]}
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": phq,
        "subject": {"reference": "Patient/ana"},
    }
    nurse.fhir.create("Observation", json.dumps(made).encode())
    assert found(nurse) == {"glucose"}
    assert len(found(api.signed_in("chen", "clinician"))) == 3


def test_a_label_put_on_later_keeps_back_what_was_written_before(api, admin):
    """By version, by each history, and after a deletion."""
    nurse, doctor = api.signed_in("kim", "nurse"), api.signed_in("chen", "clinician")
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=[]))
    body = raw(api, doctor, "Observation/glucose").json()
    labelled = body | {"meta": {"security": [{"system": SENSITIVITY, "code": "PSY"}]}}
    doctor.fhir.update("Observation", "glucose", json.dumps(labelled).encode(), if_match=None)
    for deleted in (False, True):
        if deleted:
            doctor.fhir.delete("Observation", "glucose")
        for path in ("Observation/glucose/_history/1", "Observation/glucose/_history"):
            assert raw(api, nurse, path).status_code == 404
            assert raw(api, doctor, path).status_code == 200
        for path in ("Observation/_history", "_history"):
            assert "2345-7" not in raw(api, nurse, path).text
            assert "2345-7" in raw(api, doctor, path).text


def raw(api, client, path: str):
    token = client.transport._token_source()
    return api.http(headers={"Authorization": f"Bearer {token}"}).get(f"/fhir/{path}")
