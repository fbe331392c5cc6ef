"""Prescribing over a real database: checked against the whole record, signed once, refused in words, and recorded."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from sqlalchemy.event import listen, remove

from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.medications import (
    AnswerRefill,
    AskRefill,
    ChangePrescription,
    PreparePrescription,
    PrescriptionDraft,
    RecordDispense,
    Replaced,
    SendPrescription,
    Sig,
    SignPrepared,
    SignPrescription,
)
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.lib.api import running_api

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
METFORMIN, WARFARIN, ASPIRIN, OXYCODONE, AMOXICILLIN = "861007", "855332", "243670", "1049621", "308191"
NO_KNOWN_ALLERGY = {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}}


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        put(running, "AllergyIntolerance", "none", patient=of("ana"), **NO_KNOWN_ALLERGY)
        yield running


@pytest.fixture
def okafor(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def draft(rxcui=METFORMIN, name="metformin hydrochloride 500 MG Oral Tablet", **more):
    sig = Sig(dose_amount=1, dose_unit="tablet", route="oral", frequency="twice_daily")
    return PrescriptionDraft(
        **{"rxcui": rxcui, "name": name, "sig": sig, "quantity": 60, "days_supply": 30} | more
    )


def order(number=1, **more):
    return SignPrescription(request_id=f"request-{number}", draft=more.pop("draft", None) or draft(), **more)


def taken(api, name, rxcui, patient="ana", **more):
    put(
        api,
        "MedicationRequest",
        name,
        status="active",
        intent="order",
        subject=of(patient),
        medicationCodeableConcept={"coding": [{"system": RXNORM, "code": rxcui}], "text": name},
        **more,
    )


def test_a_prescription_is_stored_as_it_was_written(api, okafor):
    written = okafor.medications.sign("ana", order(draft=draft(pharmacy="Corner Pharmacy", refills=3)))
    assert written.state == "sent"
    stored = body_of(api, "MedicationRequest", written.prescription_id)
    assert stored["medicationCodeableConcept"]["coding"][0]["code"] == METFORMIN
    assert stored["dosageInstruction"][0]["text"] == "Take 1 tablet by mouth 2 times a day."
    assert stored["dispenseRequest"]["numberOfRepeatsAllowed"] == 3
    assert stored["dispenseRequest"]["quantity"] == {"value": Decimal(60), "unit": "tablet"}
    (entry,) = okafor.medications.of_patient("ana").current
    assert (entry.name, entry.state, entry.refills_left) == (
        "metFORMIN hydrochloride 500 MG Oral Tablet",
        "sent",
        3,
    )


def test_the_same_request_sent_twice_makes_one_prescription(api, okafor):
    first, second = (okafor.medications.sign("ana", order()) for _ in range(2))
    assert first.prescription_id == second.prescription_id
    assert len(okafor.medications.of_patient("ana").current) == 1


def test_a_quantity_that_was_not_typed_is_worked_out(api, okafor):
    written = okafor.medications.sign("ana", order(draft=draft(quantity=None)))
    stored = body_of(api, "MedicationRequest", written.prescription_id)
    assert stored["dispenseRequest"]["quantity"] == {"value": Decimal(60), "unit": "tablet"}


def test_two_senders_of_one_request_at_once_make_one_prescription(api, okafor):
    done, together = [], threading.Barrier(4)

    def send():
        together.wait()
        done.append(okafor.medications.sign("ana", order()).prescription_id)

    threads = [threading.Thread(target=send) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(done) == 4
    assert len(set(done)) == 1


def test_warfarin_with_aspirin_is_caught_and_needs_a_reason(api, okafor):
    taken(api, "warfarin", WARFARIN)
    aspirin = draft(ASPIRIN, "aspirin 81 MG Oral Tablet", quantity=60)
    checked = okafor.medications.check("ana", aspirin)
    cards = [
        card
        for card in checked.cards.cards
        if card.outcome == "fires" and card.rule_id.startswith("drug_interactions")
    ]
    assert cards
    assert any("warfarin" in (card.sentence + card.title).lower() for card in cards)


def test_an_interrupting_warning_without_a_reason_stops_the_signature(api, okafor):
    put(
        api,
        "AllergyIntolerance",
        "penicillin",
        patient=of("ana"),
        criticality="high",
        category=["medication"],
        verificationStatus={"coding": [{"code": "confirmed"}]},
        code={"coding": [{"system": RXNORM, "code": "723"}], "text": "amoxicillin"},
        reaction=[{"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}],
    )
    wanted = draft(
        AMOXICILLIN,
        "amoxicillin 500 MG Oral Capsule",
        sig=Sig(dose_amount=1, dose_unit="capsule", route="oral", frequency="three_times_daily"),
        quantity=21,
        days_supply=7,
    )
    cards = okafor.medications.check("ana", wanted).cards.interrupting
    assert cards
    with pytest.raises(Conflict, match="a reason first"):
        okafor.medications.sign("ana", order(draft=wanted))
    assert okafor.medications.of_patient("ana").current == []
    with pytest.raises(InvalidResource, match="not a reason"):
        okafor.medications.sign(
            "ana",
            order(
                draft=wanted,
                acknowledged=[Acknowledged(card_key=card.key, reason_code="because") for card in cards],
            ),
        )
    answers = [Acknowledged(card_key=card.key, reason_code=card.override_reasons[0].code) for card in cards]
    written = okafor.medications.sign("ana", order(draft=wanted, acknowledged=answers))
    with api.work() as work:
        overridden = work.connection.exec_driver_sql(
            "SELECT count(*) FROM decision_support.shown WHERE answer = 'overridden' AND reason_code IS NOT NULL"
        ).scalar_one()
    assert overridden == len(cards)
    assert written.state == "signed"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"rxcui": OXYCODONE, "name": "oxycodone"}, Conflict, "Schedule II"),
        ({"quantity": None, "sig": Sig(free_text="as told")}, InvalidResource, "quantity"),
        ({"quantity": 30}, InvalidResource, "60 would be needed"),
        ({"sig": Sig()}, InvalidResource, "sig.frequency"),
        ({"rxcui": "1"}, InvalidResource, "not a product on the list"),
    ],
)
def test_what_cannot_be_signed_says_why(okafor, change, error, words):
    with pytest.raises(error, match=words):
        okafor.medications.sign("ana", order(draft=draft(**change)))


def test_nobody_prescribes_while_allergies_were_not_asked_unless_it_cannot_wait(okafor):
    assert "allergies" in okafor.medications.check("ben", draft()).blocked
    with pytest.raises(Conflict, match="allergies"):
        okafor.medications.sign("ben", order())
    assert okafor.medications.sign("ben", order(allergy_override="emergency")).state == "signed"


def test_a_drug_in_words_says_that_it_was_not_checked(okafor):
    cards = okafor.medications.check("ana", draft(None, "grandmother's drops")).cards.cards
    assert any(
        card.outcome == "could_not_check" and card.rule_id == "unidentified_drug.proposed" for card in cards
    )


def test_stopping_needs_a_reason_and_the_version_on_the_screen(api, okafor):
    written = okafor.medications.sign("ana", order())
    with pytest.raises(InvalidResource, match="Choose why"):
        okafor.medications.stop(written.prescription_id, ChangePrescription(version_id=1))
    okafor.medications.stop(
        written.prescription_id, ChangePrescription(version_id=1, reason="sintol", words="nausea")
    )
    with pytest.raises(StaleVersion):
        okafor.medications.stop(written.prescription_id, ChangePrescription(version_id=1, reason="sintol"))
    shown = okafor.medications.of_patient("ana")
    assert shown.current == []
    assert [(entry.state, entry.stop_reason) for entry in shown.past] == [
        ("stopped", "Not tolerated: nausea")
    ]


def test_a_prescription_that_replaces_another_ends_it(okafor):
    old = okafor.medications.sign("ana", order())
    new = okafor.medications.sign(
        "ana", order(2, draft=draft(replaces=[Replaced(prescription_id=old.prescription_id, version_id=1)]))
    )
    shown = okafor.medications.of_patient("ana")
    assert [entry.prescription_id for entry in shown.current] == [new.prescription_id]
    assert [entry.state for entry in shown.past] == ["completed"]


def test_a_prescription_of_somebody_else_is_not_replaced(api, okafor):
    taken(api, "of-ben", METFORMIN, patient="ben")
    with pytest.raises(Conflict, match="another record"):
        okafor.medications.sign(
            "ana", order(draft=draft(replaces=[Replaced(prescription_id="of-ben", version_id=1)]))
        )
    assert okafor.medications.of_patient("ana").current == []


@pytest.mark.parametrize("role", ["nurse", "pharmacist", "front_desk", "care_manager"])
def test_only_prescribers_sign(api, role):
    with pytest.raises(Forbidden):
        api.signed_in(role, role).medications.sign("ana", order())


def test_nothing_is_prescribed_for_the_dead_or_for_nobody(api, okafor):
    put_patient(api, "late", deceasedBoolean=True)
    with pytest.raises(Conflict, match="has died"):
        okafor.medications.sign("late", order())
    with pytest.raises(NotFound):
        okafor.medications.sign("nobody", order())


def test_a_refill_is_asked_for_once_and_approved_in_one_act(api, okafor):
    nurse = api.signed_in("joy", "nurse")
    written = okafor.medications.sign("ana", order(draft=draft(refills=1)))
    asked = nurse.medications.ask_refill("ana", AskRefill(prescription_id=written.prescription_id))
    with pytest.raises(Conflict, match="already"):
        nurse.medications.ask_refill("ana", AskRefill(prescription_id=written.prescription_id))
    assert okafor.medications.refills_waiting() == 1
    with pytest.raises(Forbidden):
        nurse.medications.refills_waiting()
    (waiting,) = okafor.medications.refills().items
    assert (waiting.request_id, waiting.medication) == (
        asked.request_id,
        "metFORMIN hydrochloride 500 MG Oral Tablet",
    )
    said = AnswerRefill(
        version_id=waiting.version_id,
        prescription_version_id=waiting.prescription_version_id,
        approve=True,
        refills=2,
        acknowledged=[
            Acknowledged(card_key=card.key, reason_code=card.override_reasons[0].code)
            for card in waiting.cards.interrupting
        ],
    )
    renewed = okafor.medications.answer_refill(waiting.request_id, said)
    assert okafor.medications.refills().items == []
    assert okafor.medications.refills_waiting() == 0
    with pytest.raises(StaleVersion):
        okafor.medications.answer_refill(waiting.request_id, said)
    (entry,) = okafor.medications.of_patient("ana").current
    assert (entry.prescription_id, entry.refills_left) == (renewed.prescription_id, 2)


def test_one_click_is_off_where_a_check_could_not_be_done(api, okafor):
    taken(api, "by-words", "1")
    nurse = api.signed_in("joy", "nurse")
    asked = nurse.medications.ask_refill("ana", AskRefill(prescription_id="by-words"))
    assert not asked.one_click
    assert "could not be done" in asked.why_not


def test_every_check_is_recorded_as_shown_to_somebody(api, okafor):
    okafor.medications.check("ana", draft(None, "grandmother's drops"))
    with api.work() as work:
        row = work.connection.exec_driver_sql(
            "SELECT c.actor_id IS NOT NULL, c.patient_id, s.outcome FROM decision_support.checked c "
            "JOIN decision_support.shown s USING (check_id) WHERE s.rule_id = 'unidentified_drug.proposed'"
        ).one()
    assert tuple(row) == (True, "ana", "could_not_check")


def test_a_nurse_prepares_and_a_clinician_signs_what_stood_there(api, okafor):
    nurse = api.signed_in("joy", "nurse")
    order_of_nurse = PreparePrescription(request_id="prepared-1", draft=draft(pharmacy="Corner Pharmacy"))
    waiting = nurse.medications.prepare("ana", order_of_nurse)
    assert waiting.state == "draft"
    assert nurse.medications.prepare("ana", order_of_nurse).prescription_id == waiting.prescription_id
    shown = okafor.medications.of_patient("ana")
    assert shown.current == []
    (prepared,) = shown.prepared
    assert (prepared.prepared_by, prepared.entry.state) == ("Joy", "draft")
    with pytest.raises(Forbidden):
        nurse.medications.sign_prepared(waiting.prescription_id, SignPrepared(version_id=1))
    act = SignPrepared(version_id=prepared.entry.version_id)
    assert okafor.medications.sign_prepared(waiting.prescription_id, act).state == "sent"
    with pytest.raises(StaleVersion):
        okafor.medications.sign_prepared(waiting.prescription_id, act)
    stored = body_of(api, "MedicationRequest", waiting.prescription_id)
    assert (stored["recorder"]["display"], stored["requester"]["display"]) == ("Joy", "Okafor")


def test_a_draft_is_discarded_by_who_may_prepare_and_leaves_a_trace(api, okafor):
    nurse = api.signed_in("joy", "nurse")
    waiting = nurse.medications.prepare("ana", PreparePrescription(request_id="prepared-1", draft=draft()))
    nurse.medications.stop(waiting.prescription_id, ChangePrescription(version_id=1, reason="clarif"))
    (past,) = okafor.medications.of_patient("ana").past
    assert past.state == "cancelled"


def test_from_signed_to_sent_to_dispensed_held_and_resumed(api, okafor):
    nurse = api.signed_in("joy", "nurse")
    made = okafor.medications.sign("ana", order(draft=draft(refills=2)))
    assert made.state == "signed"
    identity = made.prescription_id
    sent = okafor.medications.send(identity, SendPrescription(version_id=1, pharmacy="Corner Pharmacy"))
    assert (sent.state, sent.version_id) == ("sent", 2)
    with pytest.raises(InvalidResource, match="future"):
        nurse.medications.record_dispense(identity, RecordDispense(version_id=2, on="2027-01-01"))
    with pytest.raises(InvalidResource, match="before the prescription"):
        nurse.medications.record_dispense(identity, RecordDispense(version_id=2, on="2026-01-01"))
    given = RecordDispense(version_id=2, on="2026-11-20", quantity=60)
    assert nurse.medications.record_dispense(identity, given).state == "dispensed"
    (entry,) = okafor.medications.of_patient("ana").current
    assert (entry.state, entry.refills_left, entry.last_dispensed_on.isoformat()) == (
        "dispensed",
        2,
        "2026-11-20",
    )
    with pytest.raises(InvalidResource, match="Choose why"):
        okafor.medications.hold(identity, ChangePrescription(version_id=2))
    okafor.medications.hold(identity, ChangePrescription(version_id=2, reason="surg"))
    assert okafor.medications.of_patient("ana").current[0].state == "on_hold"
    with pytest.raises(Conflict, match="in force"):
        okafor.medications.hold(identity, ChangePrescription(version_id=3, reason="surg"))
    with pytest.raises(StaleVersion):
        okafor.medications.resume(identity, ChangePrescription(version_id=2))
    okafor.medications.resume(identity, ChangePrescription(version_id=3))
    assert okafor.medications.of_patient("ana").current[0].state == "dispensed"
    with pytest.raises(Conflict, match="on hold"):
        okafor.medications.resume(identity, ChangePrescription(version_id=4))


def test_two_clinicians_replace_one_prescription_and_the_second_is_told(api, okafor):
    chen = api.signed_in("chen", "clinician", practitioner_id="chen")
    old = okafor.medications.sign("ana", order())
    replaced = Replaced(prescription_id=old.prescription_id, version_id=1)
    okafor.medications.sign("ana", order(2, draft=draft(replaces=[replaced])))
    with pytest.raises(StaleVersion):
        chen.medications.sign("ana", order(3, draft=draft(replaces=[replaced])))
    assert len(chen.medications.of_patient("ana").current) == 1


def test_the_refill_queue_asks_the_database_the_same_number_of_times_for_one_and_for_many(api, okafor):
    nurse = api.signed_in("joy", "nurse")
    asked = []

    def queue_statements():
        seen = []
        engine = api.parts.database.engine
        listen(engine, "before_cursor_execute", count := lambda *_: seen.append(1))
        okafor.medications.refills()
        remove(engine, "before_cursor_execute", count)
        return len(seen)

    for number in range(4):
        put_patient(api, f"p{number}")
        taken(api, f"rx{number}", METFORMIN, patient=f"p{number}")
        nurse.medications.ask_refill(f"p{number}", AskRefill(prescription_id=f"rx{number}"))
        asked.append(queue_statements())
    assert asked[1] == asked[3]


def test_a_prescription_that_is_checked_while_it_is_written_counts_once(api, okafor):
    for _ in range(3):
        okafor.medications.check("ana", draft(None, "drops"), request_id="request-9")
    theo = api.signed_in("theo", "pharmacist")
    figures = theo.decision_support.figures()
    assert figures.checks == 1
    assert {one.shown for one in figures.rules} == {1}
