"""Patient/$member-match: one certain member or nothing, and nothing always sounds the same."""

from __future__ import annotations

import pytest

from data_contracts.api.access import NewChartRule
from data_contracts.api.demographics import SaveConsent
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import patient
from tests.integration.outside.test_provenance import Device

PHONE = [{"system": "phone", "value": "212-555-0101"}]
MEMBER = patient("ana", telecom=PHONE, gender="female")
PLAN = {"system": "https://payer.example/members", "value": "M-17"}


def coverage(patient_id: str | None = "ana", **more) -> dict:
    beneficiary = {"reference": f"Patient/{patient_id}"} if patient_id else {"display": "The member"}
    return {
        "resourceType": "Coverage",
        "status": "active",
        "identifier": [PLAN],
        "subscriberId": "S-17",
        "beneficiary": beneficiary,
        "payor": [{"display": "Blue Example"}],
        **more,
    }


def asked(person: dict | None = None, plan: dict | None = None, **more) -> dict:
    person = {name: value for name, value in (person or MEMBER).items() if name != "id"}
    parameters = [
        {"name": "MemberPatient", "resource": person},
        {"name": "CoverageToMatch", "resource": plan or coverage(None)},
    ]
    parameters += [{"name": name, "resource": resource} for name, resource in more.items()]
    return {"resourceType": "Parameters", "parameter": parameters}


@pytest.fixture
def payer(api) -> Device:
    with api.work() as work:
        Store(work).create("Patient", MEMBER, id="ana")
        Store(work).create("Coverage", coverage() | {"id": "c1"}, id="c1")
        Store(work).create("Patient", patient("zoe", "Zimmer", birthDate="1990-01-01"), id="zoe")
    return Device(api, "system/Patient.rs", "system/Coverage.rs")


def match(payer: Device, body: dict):
    return payer.send("POST", "/Patient/$member-match", body)


def test_a_certain_member_is_told_as_an_identifier(api, payer):
    answer = match(payer, asked())
    assert answer.status_code == 200, answer.text
    told = {one["name"]: one for one in answer.json()["parameter"]}
    assert told["MemberIdentifier"]["valueIdentifier"]["value"] == "ana"
    assert told["MemberId"]["valueReference"]["reference"].endswith("/fhir/Patient/ana")
    assert "Rivera" not in answer.text
    by_number = coverage(None, identifier=[{"value": "x"}], payor=[{"display": "BLUE example"}])
    assert match(payer, asked(plan=by_number)).status_code == 200
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT patient_id FROM audit.event WHERE act = 'member_matched'"
        ).scalars()
        assert set(rows) == {"ana"}


def test_every_other_answer_is_the_same_one(api, payer):
    """Whoever guesses cannot tell a stranger from a member with another plan, a closed chart or a refusal."""
    nobody = match(payer, asked(patient("x", "Nobody", birthDate="1950-05-05")))
    other_plan = match(
        payer, asked(plan=coverage(None, identifier=[PLAN | {"value": "M-18"}], subscriberId="S-18"))
    )
    possible = match(payer, asked(patient("x", birthDate="1961-04-03", telecom=PHONE)))
    denies = {
        "resourceType": "Consent",
        "status": "inactive",
        "scope": {"text": "x"},
        "category": [{"text": "x"}],
    }
    refused = match(payer, asked(Consent=denies | {"policyRule": {"text": "x"}}))
    with api.work() as work:
        Store(work).create("Patient", MEMBER | {"id": "twin"}, id="twin")
        Store(work).create("Coverage", coverage("twin"))
    several = match(payer, asked())
    told = {(one.status_code, one.text) for one in (nobody, other_plan, possible, refused, several)}
    assert len(told) == 1
    assert next(iter(told))[0] == 422
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT outcome, patient_id FROM audit.event WHERE act = 'member_match'"
        ).all()
    assert [tuple(row) for row in rows] == [("refused", None)] * 5


def test_a_patient_who_refused_sharing_is_nobody_s_member(api, payer):
    desk = api.signed_in("dana", "front_desk")
    desk.profile.save_consent("ana", SaveConsent(kind="sharing", said="refused", expected="not_recorded"))
    assert match(payer, asked()).status_code == 422


def test_a_closed_chart_is_nobody_s_member(api, payer):
    admin = api.signed_in("robin", "admin", "clinician")
    rule = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="everyone", asked_by="patient", reason="Asked for it"
    )
    admin.access.make_rule(rule)
    assert match(payer, asked()).status_code == 422


def test_who_may_not_ask(api, payer, as_):
    assert as_("patient", patient_id="ana").send("POST", "/Patient/$member-match", asked()).status_code == 403
    half = Device(api, "system/Patient.rs")
    assert match(half, asked()).status_code == 403
    assert as_("front_desk").send("POST", "/Patient/$member-match", asked()).status_code in (200, 403)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda body: body["parameter"].pop(0), "MemberPatient"),
        (lambda body: body["parameter"].pop(1), "CoverageToMatch"),
        (lambda body: body["parameter"][0]["resource"].update(resourceType="Person"), "MemberPatient"),
        (lambda body: body["parameter"][0]["resource"].update(gender="other word"), "Patient.gender"),
        (lambda body: body["parameter"].append({"name": "Nonsense", "valueString": "x"}), "nothing else"),
    ],
)
def test_what_is_missing_or_wrong_is_named(payer, change, word):
    body = asked()
    change(body)
    answer = match(payer, body)
    assert answer.status_code in (400, 422)
    assert word in answer.text
