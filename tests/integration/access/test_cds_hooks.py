"""CDS Hooks: cards over our own record and over what is sent, who may ask, and what is kept of it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from data_contracts.api.access import RolePolicyInfo
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.smart_app import SmartApp

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HL7 = "http://terminology.hl7.org/CodeSystem"
WARFARIN, IBUPROFEN = "855332", "310965"
"""Warfarin sodium 5 MG Oral Tablet; ibuprofen 200 MG Oral Tablet."""


def medicine(code: str, patient: str = "ana", **more) -> dict:
    return {
        "resourceType": "MedicationRequest",
        "id": f"rx-{code}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "Reyes"}],
    "birthDate": "1956-02-01",
    "gender": "female",
}
NO_ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "clinicalStatus": {"coding": [{"system": f"{HL7}/allergyintolerance-clinical", "code": "active"}]},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]},
    "patient": {"reference": "Patient/ana"},
}


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            store = Store(work)
            for name in ("ana", "ben"):
                store.create("Patient", PATIENT, id=name)
            store.create("MedicationRequest", medicine(WARFARIN), id="warfarin")
        yield running


def bundle(*resources: dict) -> dict:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def asked(hook: str = "order-sign", patient: str = "ana", *drafts: dict, **more) -> dict:
    context = {"userId": "Practitioner/doc", "patientId": patient}
    if hook != "patient-view":
        context["draftOrders"] = bundle(*drafts)
    return {"hook": hook, "hookInstance": str(uuid4()), "context": context} | more


def prefetch(*medications: dict, patient: str = "ana") -> dict:
    empty = dict.fromkeys(
        ("conditions", "statements", "allergies", "observations", "immunizations", "procedures"), bundle()
    )
    return {"patient": PATIENT | {"id": patient}, "medications": bundle(*medications)} | empty


def post(api, token: str | None, body: dict, service: str = "almoner-order-sign", path: str = ""):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return api.http().post(f"/cds-services/{service}{path}", json=body, headers=headers)


def token_of(api, *roles: str, username: str = "chen") -> str:
    sid = api.session(api.account(username, *roles, practitioner_id="doc"))
    identity = api.parts.identity
    return identity.session_token(identity.clients["staff"], sid).access_token


@pytest.fixture
def doctor(api) -> str:
    return token_of(api, "clinician")


def about(answer, word: str) -> list[dict]:
    assert answer.status_code == 200, answer.text
    return [card for card in answer.json()["cards"] if word in json.dumps(card).lower()]


def test_the_services_are_told_with_what_they_need_sent(api):
    told = api.http().get("/cds-services").json()["services"]
    assert {one["hook"] for one in told} == {"patient-view", "order-select", "order-sign"}
    assert told[0]["prefetch"]["patient"] == "Patient/{{context.patientId}}"


def test_a_draft_is_checked_against_the_record_here(api, doctor):
    cards = about(post(api, doctor, asked("order-sign", "ana", medicine(IBUPROFEN))), "warfarin")
    assert cards
    loudest = cards[0]
    assert loudest["indicator"] in ("critical", "warning")
    assert len(loudest["summary"]) <= 140
    assert loudest["source"]["label"]
    assert not about(post(api, doctor, asked("order-sign", "ben", medicine(IBUPROFEN, "ben"))), "warfarin")


def test_two_drafts_are_checked_against_each_other(api, doctor):
    drafts = (medicine(WARFARIN, "ben"), medicine(IBUPROFEN, "ben"))
    assert about(post(api, doctor, asked("order-sign", "ben", *drafts)), "warfarin")


def test_of_a_selection_the_selected_alone_are_checked(api, doctor):
    body = asked("order-select", "ana", medicine(IBUPROFEN), medicine("617314"))
    body["context"]["selections"] = ["MedicationRequest/rx-617314"]
    answer = post(api, doctor, body, "almoner-order-select")
    assert not about(answer, "ibuprofen")


def test_what_is_selected_is_checked_against_the_drafts_that_wait_beside_it(api, doctor):
    body = asked("order-select", "ben", medicine(WARFARIN, "ben"), medicine(IBUPROFEN, "ben"))
    body["context"]["selections"] = [f"MedicationRequest/rx-{IBUPROFEN}"]
    assert about(post(api, doctor, body, "almoner-order-select"), "warfarin")


def test_a_selection_hides_no_order_that_is_signed_and_names_those_that_are_there(api, doctor):
    body = asked("order-sign", "ana", medicine(IBUPROFEN), medicine("617314"))
    body["context"]["selections"] = ["MedicationRequest/rx-617314"]
    assert about(post(api, doctor, body), "warfarin")
    for selections in (["MedicationRequest/elsewhere"], "MedicationRequest/rx-617314", [5]):
        body = asked("order-select", "ana", medicine("617314"))
        body["context"]["selections"] = selections
        answer = post(api, doctor, body, "almoner-order-select")
        assert answer.status_code == 400
        assert "context.selections" in answer.text


def test_another_system_is_answered_from_what_it_sends_alone(api):
    ehr = SmartApp(api, kind="backend", scopes=("system/Patient.r",))
    address = f"{api.base_url}/cds-services/almoner-order-sign"
    sent = asked("order-sign", "p-9", medicine(IBUPROFEN, "p-9"))
    sent["prefetch"] = prefetch(medicine(WARFARIN, "p-9"), patient="p-9")
    assert about(post(api, ehr.assertion(aud=address), sent), "warfarin")
    without = asked("order-sign", "ana", medicine(IBUPROFEN))
    assert post(api, ehr.assertion(aud=address), without).status_code == 403


def test_what_was_not_sent_is_not_known_and_never_empty(api):
    ehr = SmartApp(api, kind="backend", scopes=("system/Patient.r",))
    address = f"{api.base_url}/cds-services/almoner-order-sign"
    sent = asked("order-sign", "p-9", medicine(IBUPROFEN, "p-9"))
    sent["prefetch"] = {"patient": PATIENT | {"id": "p-9"}}
    answer = post(api, ehr.assertion(aud=address), sent)
    assert any(
        "not known" in card["detail"].lower() or card["indicator"] == "info"
        for card in answer.json()["cards"]
    )


def test_another_patients_resources_in_what_is_sent_do_not_speak(api):
    ehr = SmartApp(api, kind="backend", scopes=("system/Patient.r",))
    address = f"{api.base_url}/cds-services/almoner-order-sign"
    sent = asked("order-sign", "p-9", medicine(IBUPROFEN, "p-9"))
    sent["prefetch"] = prefetch(medicine(WARFARIN, "somebody-else"), patient="p-9")
    assert not about(post(api, ehr.assertion(aud=address), sent), "warfarin")
    sent["prefetch"] = prefetch(patient="somebody-else")
    assert post(api, ehr.assertion(aud=address), sent).status_code == 400


def test_who_may_not_ask_is_refused(api, doctor):
    body = asked("order-sign", "ana", medicine(IBUPROFEN))
    assert post(api, None, body).status_code == 401
    assert post(api, token_of(api, "front_desk", username="desk"), body).status_code == 403
    narrow = SmartApp(api, scopes=("launch/patient", "patient/Observation.rs"))
    with api.work() as work:
        mrn = PATIENT | {"identifier": [{"value": "MRN-7"}]}
        Store(work).put("Patient", "ana", mrn)
    assert post(api, narrow.tokens_for("chen", "MRN-7")["access_token"], body).status_code == 403
    wide = SmartApp(api, scopes=("launch/patient", "patient/*.rs"))
    token = wide.tokens_for("chen", "MRN-7")["access_token"]
    assert about(post(api, token, body), "warfarin")
    assert post(api, token, asked("order-sign", "ben", medicine(IBUPROFEN, "ben"))).status_code == 404
    api.account("ana", "patient", patient_id="ana")
    own = SmartApp(api, scopes=("launch/patient", "patient/*.rs")).tokens_for("ana")["access_token"]
    assert post(api, own, body).status_code == 403


def test_a_signed_call_is_good_once_and_for_its_own_address(api):
    ehr = SmartApp(api, kind="backend", scopes=("system/Patient.r",))
    address = f"{api.base_url}/cds-services/almoner-order-sign"
    body = asked("order-sign", "p-9") | {"prefetch": prefetch(patient="p-9")}
    signed = ehr.assertion(aud=address)
    assert post(api, signed, body).status_code == 200
    assert post(api, signed, body).status_code == 401
    for wrong in (
        ehr.assertion(),
        ehr.assertion(aud=address, iss="nobody"),
        ehr.assertion(aud=address, exp=1),
    ):
        assert post(api, wrong, body).status_code == 401


def test_a_restricted_part_still_speaks_and_is_masked(api, doctor):
    with api.work() as work:
        label = {"security": [{"system": f"{HL7}/v3-ActCode", "code": "PSY"}]}
        Store(work).put(
            "MedicationRequest", "warfarin", medicine(WARFARIN) | {"id": "warfarin", "meta": label}
        )
    root = api.signed_in("root", "admin")
    root.access.set_role(RolePolicyInfo(role="clinician", reach="all", labels=[]))
    answer = post(api, doctor, asked("order-sign", "ana", medicine(IBUPROFEN)))
    assert not about(answer, "warfarin")
    assert about(answer, "restricted")


def test_feedback_is_kept_with_its_code_and_taken_from_who_got_the_card(api, doctor):
    card = about(post(api, doctor, asked("order-sign", "ana", medicine(IBUPROFEN))), "warfarin")[0]
    stranger = token_of(api, "clinician", username="lee")

    def say(token: str, outcome: str) -> int:
        reason = {"reason": {"code": "will-monitor"}, "userComment": "Ana knows"}
        told = {"card": card["uuid"], "outcome": outcome, "overrideReason": reason}
        return post(api, token, {"feedback": [told]}, path="/feedback").status_code

    assert say(stranger, "accepted") == 200
    assert say(doctor, "overridden") == 200
    with api.work() as work:
        kept = work.connection.exec_driver_sql(
            "SELECT outcome, reason_code, hook_card::text AS everything FROM decision_support.hook_card "
            "WHERE outcome IS NOT NULL"
        ).all()
    assert [(row.outcome, row.reason_code) for row in kept] == [("overridden", "will-monitor")]
    assert "ana" not in kept[0].everything.lower()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hook": "patient-view"}, "hook"),
        ({"context": {}}, "context.patientId"),
        ({"context": {"patientId": "ana", "draftOrders": []}}, "context.draftOrders"),
        ({"hookInstance": "no uuid"}, "hookInstance"),
        ({"prefetch": {"patient": {"resourceType": "Group", "id": "ana"}}}, "prefetch.patient"),
    ],
)
def test_what_is_wrong_with_a_call_is_told_by_its_place(api, doctor, change, place):
    answer = post(api, doctor, asked() | change)
    assert answer.status_code in (400, 422)
    assert place in answer.text


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"medicationCodeableConcept": "warfarin"}, "medicationCodeableConcept"),
        ({"medicationCodeableConcept": {"coding": [None]}}, "coding[0]"),
        (
            {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": "two"}}]}]},
            "doseQuantity.value",
        ),
    ],
)
def test_what_is_not_built_as_r4_has_it_is_refused_by_its_place(api, doctor, wrong, place):
    told = "entry[1].resource: MedicationRequest."
    sent = post(api, doctor, asked("order-sign", "ana", medicine(IBUPROFEN), medicine(WARFARIN) | wrong))
    assert sent.status_code == 400
    assert told in sent.text
    assert place in sent.text
    fetched = prefetch(medicine(IBUPROFEN), medicine(WARFARIN) | wrong)
    sent = post(api, doctor, asked("order-sign", "ana", medicine(IBUPROFEN), prefetch=fetched))
    assert sent.status_code == 400
    assert f"prefetch.medications.{told}" in sent.text


def test_a_patient_whose_birth_date_is_none_is_refused(api, doctor):
    fetched = prefetch()
    fetched["patient"] |= {"birthDate": "in spring"}
    sent = post(api, doctor, asked("patient-view", prefetch=fetched), "almoner-patient-view")
    assert sent.status_code == 400
    assert "prefetch.patient: Patient.birthDate" in sent.text


def test_a_draft_that_is_not_whole_is_checked_all_the_same(api, doctor):
    draft = {name: value for name, value in medicine(IBUPROFEN).items() if name not in ("status", "subject")}
    assert about(post(api, doctor, asked("order-sign", "ana", draft)), "warfarin")


def test_no_address_that_is_sent_is_called(api, doctor):
    """The network of the tests is shut: a call would fail the answer."""
    body = asked("order-sign", "ana", medicine(IBUPROFEN))
    body |= {"fhirServer": "http://169.254.169.254/latest", "fhirAuthorization": {"access_token": "x"}}
    assert post(api, doctor, body).status_code == 200


def test_looking_at_the_chart_tells_what_is_due_and_interrupts_nobody(api, doctor):
    answer = post(api, doctor, asked("patient-view"), "almoner-patient-view")
    assert answer.status_code == 200
    assert not [card for card in answer.json()["cards"] if card["indicator"] == "critical"]
