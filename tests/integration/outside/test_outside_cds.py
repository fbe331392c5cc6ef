"""Outside CDS Hooks services: asked within a budget, as the reader may read; what they say is text."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from data_contracts.api.medications import (
    AnswerRefill,
    AskRefill,
    PreparePrescription,
    PrescriptionDraft,
    RefillRequest,
    Sig,
)
from data_contracts.api.outside import (
    AnswerCard,
    AskOutside,
    NewCdsService,
    OutsideReason,
    RenewedPrescription,
    WrittenPrescription,
)
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.repository import Store
from ehr_core.store.validation import validate
from tests.integration.fhir.conftest import observation, patient
from tests.integration.orders.acts import add
from tests.lib.api import running_api
from tests.lib.receiver import DEVELOPMENT, receiver
from tests.lib.served_api import served_api
from tests.lib.smart_app import SmartApp

PATIENT = 20.0
"""Seconds: these tests are about something else than the budget."""
CARD = {
    "uuid": "their-1",
    "summary": "Consider a kidney specialist",
    "detail": "eGFR fell by 30 % within a year.",
    "indicator": "warning",
    "source": {"label": "Kidney Watch", "url": "https://kidney.example/about"},
    "links": [{"label": "Guideline", "url": "https://kidney.example/guideline", "type": "absolute"}],
    "suggestions": [{"label": "Refer to nephrology", "actions": [{"type": "create"}]}],
    "overrideReasons": [
        {"system": "https://kidney.example/reasons", "code": "seen", "display": "Seen already"}
    ],
}
PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "results": "Observation?patient={{context.patientId}}",
}


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path, **DEVELOPMENT) as running:
        with running.work() as work:
            for name in ("ana", "ben"):
                Store(work).create("Patient", patient(name), id=name)
            Store(work).create("Observation", observation("a1c"), id="a1c")
            Store(work).create("Observation", observation("hiv", code="56888-1"), id="hiv")
            Store(work).create("Observation", observation("of-ben", "ben"), id="of-ben")
        running.app.state.outside_support.budget_seconds = PATIENT
        yield running


@pytest.fixture
def admin(api):
    return api.signed_in("robin", "admin")


@pytest.fixture
def chen(api):
    return api.signed_in("chen", "clinician", practitioner_id="doc")


@pytest.fixture
def here():
    with receiver(answer=lambda taken: (200, {"cards": [CARD]})) as listening:
        yield listening


def service(url: str, name: str = "kidney-watch", hook: str = "patient-view", **more) -> NewCdsService:
    return NewCdsService(
        service_id=name, hook=hook, title=name.title(), url=f"{url}/{name}", **{"prefetch": PREFETCH} | more
    )


VIEW = AskOutside(patient_id="ana")


def test_a_card_from_outside_comes_to_the_chart_as_text(admin, chen, here):
    admin.outside.add_service(service(here.url))
    found = chen.outside.cards(VIEW)
    assert (found.asked, found.could_not) == (1, [])
    (card,) = found.cards
    assert (card.summary, card.service, card.source) == (CARD["summary"], "Kidney-Watch", "Kidney Watch")
    assert card.links[0].url == "https://kidney.example/guideline"
    assert card.suggestions == ["Refer to nephrology"]


def test_the_call_is_what_cds_hooks_asks_for(api, admin, chen, here):
    admin.outside.add_service(service(here.url))
    chen.outside.cards(VIEW)
    (taken,) = here.taken
    sent = taken.json
    assert (sent["hook"], taken.path) == ("patient-view", "/kidney-watch")
    assert sent["context"] == {"userId": "Practitioner/doc", "patientId": "ana"}
    assert sent["prefetch"]["patient"]["id"] == "ana"
    results = {entry["resource"]["id"] for entry in sent["prefetch"]["results"]["entry"]}
    assert results == {"a1c", "hiv"}
    token = taken.headers["Authorization"].removeprefix("Bearer ")
    keys = KeySet.import_key_set(api.http().get("/auth/outside-keys").json())
    read = jwt.decode(token, keys, algorithms=["ES384"])
    assert read.claims["aud"] == f"{here.url}/kidney-watch"
    assert read.claims["iss"] == api.base_url
    assert 0 < read.claims["exp"] - read.claims["iat"] <= 300
    assert read.header["jku"] == f"{api.base_url}/auth/outside-keys"
    chen.outside.cards(VIEW)
    again = jwt.decode(
        here.taken[1].headers["Authorization"].removeprefix("Bearer "), keys, algorithms=["ES384"]
    )
    assert again.claims["jti"] != read.claims["jti"]


def test_what_is_held_back_from_the_reader_is_sent_to_nobody(api, admin, here):
    with api.work() as work:
        work.connection.exec_driver_sql(
            "INSERT INTO access.role_policy (role, reach, labels, changed_at, changed_by) "
            "VALUES ('nurse', 'all', '{}', now(), 'test')"
        )
    joy = api.signed_in("joy", "nurse")
    admin.outside.add_service(service(here.url))
    joy.outside.cards(VIEW)
    results = {entry["resource"]["id"] for entry in here.taken[0].json["prefetch"]["results"]["entry"]}
    assert results == {"a1c"}


def test_orders_that_wait_are_told_as_drafts_and_signed_by_nobody(api, admin, chen, here):
    admin.outside.add_service(service(here.url, "orders", "order-sign"))
    drafts = add(chen, "hba1c").drafts
    with pytest.raises(Forbidden):
        api.signed_in("sam", "care_manager").outside.cards(AskOutside(patient_id="ana", hook="order-sign"))
    chen.outside.cards(AskOutside(patient_id="ana", hook="order-sign"))
    (entry,) = here.taken[0].json["context"]["draftOrders"]["entry"]
    assert (entry["resource"]["id"], entry["resource"]["status"]) == (drafts[0].draft_id, "draft")
    with api.work() as work:
        count = work.connection.exec_driver_sql("SELECT count(*) FROM fhir.service_request").scalar_one()
    assert count == 0


METFORMIN = PrescriptionDraft(
    rxcui="861007",
    name="metformin 500 MG Oral Tablet",
    sig=Sig(dose_amount=1, dose_unit="tablet", route="oral", frequency="twice_daily"),
    days_supply=30,
)
WRITTEN = WrittenPrescription(draft_id="form-0001", draft=METFORMIN)


def told_orders(taken) -> dict[str, dict]:
    """The drafts that a call tells of, by reference."""
    entries = taken.json["context"]["draftOrders"]["entry"]
    return {f"{one['resource']['resourceType']}/{one['resource']['id']}": one["resource"] for one in entries}


def test_a_prescription_that_is_written_is_told_while_it_is_chosen_and_before_it_is_signed(
    api, admin, chen, here
):
    admin.outside.add_service(service(here.url, "choose", "order-select"))
    admin.outside.add_service(service(here.url, "sign", "order-sign"))
    (order,) = add(chen, "hba1c").drafts
    for hook in ("order-select", "order-sign"):
        asked = AskOutside(patient_id="ana", hook=hook, prescription=WRITTEN, chosen=[order.draft_id])
        assert chen.outside.cards(asked).could_not == []
    chosen, signed = here.taken
    assert chosen.json["context"]["selections"] == ["MedicationRequest/form-0001"]
    assert "selections" not in signed.json["context"]
    for taken in (chosen, signed):
        told = told_orders(taken)
        assert set(told) == {f"ServiceRequest/{order.draft_id}", "MedicationRequest/form-0001"}
        written = told["MedicationRequest/form-0001"]
        assert (written["status"], written["intent"], written["subject"]) == (
            "draft", "order", {"reference": "Patient/ana"},
        )  # fmt: skip
        assert written["medicationCodeableConcept"]["coding"][0]["code"] == "861007"
        assert validate("MedicationRequest", encode(written))
    with api.work() as work:
        count = work.connection.exec_driver_sql("SELECT count(*) FROM fhir.medication_request").scalar_one()
    assert count == 0, "nothing of it is kept"


def test_a_prescription_that_waits_for_a_prescriber_is_told_and_may_be_chosen(api, admin, chen, here):
    admin.outside.add_service(service(here.url, "sign", "order-sign"))
    admin.outside.add_service(service(here.url, "choose", "order-select"))
    nurse = api.signed_in("kim", "nurse")
    prepared = nurse.medications.prepare("ana", PreparePrescription(request_id="form-0002", draft=METFORMIN))
    reference = f"MedicationRequest/{prepared.prescription_id}"
    chen.outside.cards(AskOutside(patient_id="ana", hook="order-sign"))
    assert set(told_orders(here.taken[0])) == {reference}
    chen.outside.cards(AskOutside(patient_id="ana", hook="order-select", chosen=[prepared.prescription_id]))
    assert here.taken[1].json["context"]["selections"] == [reference]
    nurse.outside.cards(AskOutside(patient_id="ana", hook="order-select", prescription=WRITTEN))
    assert set(told_orders(here.taken[2])) == {reference, "MedicationRequest/form-0001"}
    asked, manager = VIEW.model_copy(update={"hook": "order-sign", "prescription": WRITTEN}), "care_manager"
    with pytest.raises(Forbidden):
        api.signed_in("sam", manager).outside.cards(asked)


@pytest.fixture
def refill(api, chen) -> RefillRequest:
    """A request of the pharmacy for what Ana takes."""
    request = {"status": "active", "intent": "order", "subject": {"reference": "Patient/ana"}} | {
        "medicationCodeableConcept": {"text": "metformin 500 MG Oral Tablet"},
        "dispenseRequest": {"numberOfRepeatsAllowed": 0, "expectedSupplyDuration": {"value": 30}},
    }
    with api.work() as work:
        taken = encode({"resourceType": "MedicationRequest"} | request)
        Store(work).create("MedicationRequest", taken, id="taken")
    return api.signed_in("joy", "nurse").medications.ask_refill("ana", AskRefill(prescription_id="taken"))


def test_a_refill_is_told_as_the_prescription_that_approving_it_would_sign(api, admin, chen, here, refill):
    admin.outside.add_service(service(here.url, "choose", "order-select"))
    admin.outside.add_service(service(here.url, "sign", "order-sign"))
    renewal = RenewedPrescription(request_id=refill.request_id, refills=5)
    for hook in ("order-select", "order-sign"):
        found = chen.outside.cards(AskOutside(patient_id="ana", hook=hook, renewal=renewal))
        assert [one.code for one in found.cards[0].reasons] == ["seen"]
    chosen, signed = here.taken
    reference = f"MedicationRequest/{refill.request_id}"
    assert chosen.json["context"]["selections"] == [reference]
    for taken in (chosen, signed):
        told = told_orders(taken)[reference]
        assert (told["status"], told["priorPrescription"]) == (
            "draft",
            {"reference": "MedicationRequest/taken"},
        )
        supply = {"numberOfRepeatsAllowed": 5, "expectedSupplyDuration": {"value": 30}}
        assert told["dispenseRequest"] == supply
        assert validate("MedicationRequest", encode(told))


def test_a_refill_of_another_patient_or_one_that_is_answered_is_told_to_nobody(
    api, admin, chen, here, refill
):
    admin.outside.add_service(service(here.url, "sign", "order-sign"))
    asked = AskOutside(
        patient_id="ana",
        hook="order-sign",
        renewal=RenewedPrescription(request_id=refill.request_id, refills=1),
    )
    with pytest.raises(NotFound):
        chen.outside.cards(asked.model_copy(update={"patient_id": "ben"}))
    with pytest.raises(Forbidden):
        api.signed_in("kim", "nurse").outside.cards(asked)
    refused = AnswerRefill(
        version_id=refill.version_id,
        prescription_version_id=refill.prescription_version_id,
        approve=False,
        reason="See me first",
    )
    chen.medications.answer_refill(refill.request_id, refused)
    with pytest.raises(NotFound):
        chen.outside.cards(asked)
    assert not here.taken


def test_a_slow_service_does_not_hold_up_the_others_and_is_told_as_not_checked(api, admin, chen, here):
    api.app.state.outside_support.budget_seconds = 3.0

    def slow(taken):
        time.sleep(8)
        return 200, {"cards": [CARD]}

    with receiver(answer=slow) as there:
        admin.outside.add_service(service(here.url))
        admin.outside.add_service(service(there.url, "slow-one"))
        started = time.monotonic()
        found = chen.outside.cards(VIEW)
        assert time.monotonic() - started < 7
    assert [card.service for card in found.cards] == ["Kidney-Watch"]
    assert [one.service for one in found.could_not] == ["Slow-One"]
    assert "3 seconds" in found.could_not[0].why


def test_a_service_that_keeps_failing_rests_and_is_asked_again_later(api, admin, chen, here):
    admin.outside.add_service(service(here.url))
    here.answer = lambda taken: (500, b"")
    for _ in range(3):
        assert "answered 500" in chen.outside.cards(VIEW).could_not[0].why
    resting = chen.outside.cards(VIEW)
    assert "not asked before" in resting.could_not[0].why
    assert len(here.taken) == 3
    info = admin.outside.services()[0]
    assert (info.failures, info.last_failure) == (3, "It answered 500.")
    api.clock.instant += timedelta(minutes=2)
    here.answer = lambda taken: (200, {"cards": []})
    assert chen.outside.cards(VIEW).could_not == []
    assert admin.outside.services()[0].failures == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"no json",
        b"[]",
        {"cards": "none"},
        {"cards": [{"summary": "x"}]},
        {"cards": [CARD | {"indicator": "hard-stop"}]},
        {"cards": [CARD | {"source": "me"}]},
        {"cards": [None]},
        b"[" * 100_000,
        b"x" * 400_000,
    ],
)
def test_an_answer_that_is_none_is_not_checked_and_no_silence(admin, chen, here, answer):
    admin.outside.add_service(service(here.url))
    here.answer = lambda taken: (200, answer)
    found = chen.outside.cards(VIEW)
    assert (found.cards, len(found.could_not)) == ([], 1)


def test_nothing_in_a_card_becomes_more_than_text(admin, chen, here):
    admin.outside.add_service(service(here.url))
    evil = CARD | {
        "summary": "<script>alert(1)</script>\u202e" + "x" * 500,
        "detail": "![x](https://evil.example/x.png)\x00",
        "source": {"label": "<b>x</b>", "url": "javascript:alert(1)"},
        "links": [
            {"label": "a", "url": "javascript:alert(1)", "type": "absolute"},
            {"label": "b", "url": "http://plain.example/", "type": "absolute"},
            {"label": "c", "url": "https://me@evil.example/", "type": "absolute"},
            {"label": "d", "url": "https://app.example/launch", "type": "smart"},
            {"label": "e", "url": "https://fine.example/", "type": "absolute"},
            {"label": "f", "url": "data:text/html,x", "type": "absolute"},
        ],
    }
    here.answer = lambda taken: (200, {"cards": [evil], "systemActions": [{"type": "delete"}]})
    (card,) = chen.outside.cards(VIEW).cards
    assert len(card.summary) <= 140
    assert "\u202e" not in card.summary
    assert "\x00" not in card.detail
    assert card.source_url is None
    assert [one.url for one in card.links] == ["https://fine.example/"]


def test_an_id_that_cannot_be_kept_costs_its_card_the_feedback_and_nobody_a_card(admin, chen, here):
    admin.outside.add_service(service(here.url))
    here.answer = lambda taken: (200, {"cards": [CARD | {"uuid": "a\x00b"}, CARD]})
    first, second = chen.outside.cards(VIEW).cards
    chen.outside.answer(second.card_id, AnswerCard(outcome="accepted"))
    with pytest.raises(NotFound):
        chen.outside.answer(first.card_id, AnswerCard(outcome="accepted"))


def test_what_was_done_about_a_card_is_told_to_its_service_and_a_few_times(api, admin, chen, here):
    admin.outside.add_service(service(here.url))
    (card,) = chen.outside.cards(VIEW).cards
    other = api.signed_in("joy", "nurse")
    with pytest.raises(NotFound):
        other.outside.answer(card.card_id, AnswerCard(outcome="accepted"))
    reason = OutsideReason(system="https://kidney.example/reasons", code="seen", display="Seen already")
    chen.outside.answer(card.card_id, AnswerCard(outcome="overridden", reason=reason))
    with pytest.raises(NotFound):
        chen.outside.answer(card.card_id, AnswerCard(outcome="accepted"))
    here.answer = lambda taken: (503, b"")
    carrier = api.app.state.feedback_carrier
    assert carrier.carry_one()
    assert not carrier.carry_one()
    here.answer = lambda taken: (200, b"{}")
    api.clock.instant += timedelta(minutes=3)
    assert carrier.carry_one()
    assert not carrier.carry_one()
    told = here.taken[-1]
    assert told.path == "/kidney-watch/feedback"
    assert told.json["feedback"][0]["card"] == "their-1"
    assert told.json["feedback"][0]["overrideReason"]["reason"]["code"] == "seen"


def test_nothing_of_a_patient_is_kept_of_the_cards(api, admin, chen, here):
    admin.outside.add_service(service(here.url))
    chen.outside.cards(VIEW)
    with api.work() as work:
        kept = work.connection.exec_driver_sql("SELECT c::text FROM outside.cds_card c").scalar_one()
        row = work.connection.exec_driver_sql(
            "SELECT patient_id, detail FROM audit.event WHERE act = 'outside_cds_asked'"
        ).one()
    assert "ana" not in kept.split(",")
    assert CARD["summary"] not in kept
    assert (row.patient_id, row.detail["services"]) == ("ana", ["kidney-watch"])


def test_a_chart_that_is_not_open_asks_nobody(admin, chen, here):
    admin.outside.add_service(service(here.url))
    with pytest.raises(NotFound):
        chen.outside.cards(AskOutside(patient_id="nobody"))
    assert not here.taken


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"url": "ftp://example.org/x"}, "url"),
        ({"url": "https://a:b@example.org/x"}, "url"),
        ({"prefetch": {"x": "Patient/{{context.nonsense}}"}}, "prefetch.x"),
        ({"prefetch": {"x": "https://evil.example/Patient"}}, "prefetch.x"),
        ({"prefetch": {"x": "Nonsense?patient={{context.patientId}}"}}, "prefetch.x"),
    ],
)
def test_a_service_that_cannot_be_asked_is_refused_naming_the_field(admin, change, word):
    wanted = service("https://cds.example").model_copy(update=change)
    with pytest.raises(BadRequest, match=word):
        admin.outside.add_service(wanted)


def test_who_may_configure(chen):
    with pytest.raises(Forbidden):
        chen.outside.add_service(service("https://cds.example"))
    with pytest.raises(Forbidden):
        chen.outside.services()


def test_a_private_address_is_called_by_nobody(database, tmp_path, here):
    with running_api(database, tmp_path) as api:
        with api.work() as work:
            Store(work).create("Patient", patient("ana"), id="ana")
        admin = api.signed_in("robin", "admin")
        with pytest.raises(BadRequest, match="private network"):
            admin.outside.add_service(service("https://127.0.0.1:9"))
        admin.outside.add_service(service("https://cds.example"))
        api.app.state.outside_support.look = lambda host, port: ["127.0.0.1"]
        found = api.signed_in("chen", "clinician").outside.cards(VIEW)
    assert "private network" in found.could_not[0].why


def test_our_own_cds_hooks_service_answers_our_own_client(database, tmp_path):
    """Over a socket, by its discovery document, with the prefetch that it asks for, signed by our published keys."""
    with served_api(database, tmp_path, **DEVELOPMENT) as api:
        with api.work() as work:
            Store(work).create("Patient", patient("ana", birthDate="1956-02-01", gender="female"), id="ana")
        address = f"{api.base_url}/auth/outside-keys"
        app = SmartApp(api, kind="backend", scopes=("system/Patient.r",), jwks_uri=address)
        told = api.http().get("/cds-services").json()["services"]
        ours = next(one for one in told if one["hook"] == "patient-view")
        admin = api.signed_in("robin", "admin")
        admin.outside.add_service(
            NewCdsService(
                service_id=ours["id"],
                hook=ours["hook"],
                title=ours["title"],
                url=f"{api.base_url}/cds-services/{ours['id']}",
                prefetch=ours["prefetch"],
                known_as=app.client_id,
            )
        )
        api.app.state.outside_support.budget_seconds = PATIENT
        found = api.signed_in("chen", "clinician").outside.cards(VIEW)
        assert found.could_not == []
        assert found.cards
        assert all(card.source for card in found.cards)
