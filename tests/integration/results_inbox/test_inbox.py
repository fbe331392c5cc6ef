"""The inbox over a real database: what arrives, in which order, what is done with it, and that nothing is dropped."""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.chart import CorrectResult, MarkInError, RecordResult, RecordVitals, ReviewResult
from data_contracts.api.orders import AddDrafts
from data_contracts.api.results_inbox import (
    Acknowledge,
    ActOnResults,
    AddCoverage,
    Delegate,
    SetPoolMembers,
)
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, StaleVersion
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from ehr_core.workflows import take_results
from tests.integration.chart_records import put, put_observation, put_patient
from tests.integration.orders.acts import add, sign_all
from tests.integration.results_inbox.acts import (
    A1C,
    POTASSIUM,
    SODIUM,
    cards,
    flagged,
    inbox,
    routed,
    seen,
    sends,
)
from tests.lib.api import MORNING, SEEDER


def test_critical_comes_first_then_what_could_not_be_checked_then_abnormal_then_the_rest(api, okafor):
    sends(
        api, "normal", "5.0", code=A1C, unit="%", interpretation=flagged("N"), issued="2026-11-20T10:00:00Z"
    )
    sends(api, "high", "8.1", code=A1C, unit="%", patient="ben", interpretation=flagged("H"))
    sends(api, "no-unit", "4.1", unit="", patient="ben", issued="2026-11-20T11:00:00Z")
    sends(api, "critical", "6.9", issued="2026-11-20T12:00:00Z")
    shown = cards(okafor)
    assert [(card.results[0].resource_id, card.grade) for card in shown] == [
        ("critical", "critical"),
        ("no-unit", "not_checked"),
        ("high", "abnormal"),
        ("normal", "normal"),
    ]
    worst, unchecked = shown[0].results[0], shown[1].results[0]
    assert worst.grade_reason == "At or above the critical limit of 6.2 mmol/L."
    assert "could not be checked: it came without a unit" in unchecked.grade_reason
    assert worst.points[0][1].text == "6.9 mmol/L"
    counts = inbox(okafor).counts
    assert (counts.critical, counts.not_checked, counts.abnormal, counts.other) == (1, 1, 1, 1)
    assert shown[0].suggested.language == "Spanish"
    assert shown[1].suggested.language_known is False


def test_whatever_way_a_result_comes_it_reaches_the_inbox_and_history_does_not(api, okafor):
    """By hand, over FHIR, by import; not vital signs, not preliminary, not what is years old or reviewed before."""
    okafor.charting.record_result("ana", RecordResult(code=A1C, at=MORNING, value="9.1", unit="%"))
    put_observation(api, "over-fhir", "ana", POTASSIUM, at="2026-11-19", valueQuantity={"value": 4})
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": SODIUM}]},
        "subject": {"reference": "Patient/ana"},
        "valueQuantity": {"value": 140, "code": "mmol/L"},
    }
    fresh = {**body, "id": "imported", "effectiveDateTime": "2026-11-18"}
    old = {**body, "id": "history", "effectiveDateTime": "2019-01-01", "issued": "2019-01-02T10:00:00Z"}
    late = {
        **body,
        "id": "reported-late",
        "effectiveDateTime": "2026-08-01",
        "issued": "2026-11-19T10:00:00Z",
    }
    load_resources(
        api.parts.database,
        SEEDER,
        [("Observation", json.dumps(one).encode()) for one in (fresh, old, late)],
        processes=1,
        site_time_zone=api.parts.settings.site_time_zone,
    )
    put_observation(api, "early", "ana", status="preliminary", at="2026-11-20")
    okafor.charting.record_vitals("ana", RecordVitals(at=MORNING, weight_kg="70"))
    assert inbox(okafor).cards == []
    assert inbox(okafor).on_their_way == 4
    routed(api)
    names = {result.resource_id for card in cards(okafor) for result in card.results}
    assert {"over-fhir", "imported", "reported-late"} <= names
    assert len(names) == 4
    assert not names & {"history", "early"}


def test_acknowledged_and_told_in_one_act_and_chart_portal_and_inbox_agree(api, okafor, portal):
    sends(api, "k", "6.9")
    assert portal.portal.results().results[0].awaits_review
    (card,) = cards(okafor)
    okafor.results_inbox.acknowledge(Acknowledge(items=seen(card), message="Le llamamos hoy."))
    own = portal.portal.results().results[0]
    assert (own.awaits_review, own.reviewed, own.comment) == (False, True, "Le llamamos hoy.")
    assert okafor.charting.results("ana").series[0].points[0].reviewed_by.startswith("Okafor")
    assert cards(okafor) == []
    (closed,) = cards(okafor, view="closed")
    assert [event.act for event in closed.events] == ["told_patient", "acknowledged", "arrived"]
    routed(api)
    assert cards(okafor) == []


def test_a_critical_result_that_was_only_acknowledged_stays_until_something_was_done(api, okafor):
    sends(api, "k", "6.9")
    sends(api, "a1c", "8.8", code=A1C, unit="%", interpretation=flagged("H"), issued="2026-11-20T09:00:00Z")
    for card in cards(okafor):
        okafor.results_inbox.acknowledge(Acknowledge(items=seen(card)))
    assert cards(okafor) == []
    (waiting,) = cards(okafor, view="acknowledged")
    assert (waiting.results[0].resource_id, inbox(okafor).counts.acknowledged) == ("k", 1)
    done = okafor.results_inbox.act(
        ActOnResults(items=seen(waiting), act="noted", note="Sent to the emergency room.")
    )
    assert [state for _, _, state in done.items] == ["closed"]
    assert cards(okafor, view="acknowledged") == []


def test_the_review_of_the_chart_is_the_same_act(api, okafor):
    sends(api, "k", "6.9")
    sends(api, "a1c", "5.2", code=A1C, unit="%", interpretation=flagged("N"), issued="2026-11-20T09:00:00Z")
    okafor.charting.review_result("k", ReviewResult(version_id=1))
    okafor.charting.review_result("a1c", ReviewResult(version_id=1))
    assert cards(okafor) == []
    (waiting,) = cards(okafor, view="acknowledged")
    assert waiting.results[0].acknowledged_by == "Okafor"
    okafor.charting.review_result("k", ReviewResult(version_id=2, comment_to_patient="We call you today."))
    assert cards(okafor, view="acknowledged") == []


def test_two_who_acknowledge_at_once_the_second_is_told_who_did(api, okafor, chen):
    sends(api, "k", "6.9")
    (card,) = cards(okafor)
    told: list[str] = []
    gate = threading.Barrier(2)

    def acknowledges(client):
        gate.wait()
        try:
            client.results_inbox.acknowledge(Acknowledge(items=seen(card)))
        except Conflict as error:
            told.append(error.message)

    threads = [threading.Thread(target=acknowledges, args=(one,)) for one in (okafor, chen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 1
    assert "acknowledged this at 09:00" in told[0]
    with api.work() as work:
        version = work.connection.execute(
            text("SELECT version_id FROM fhir.observation WHERE id = 'k'")
        ).scalar_one()
    assert version == 2


def test_a_correction_notifies_again_and_shows_what_it_was(api, okafor):
    sends(api, "k", "5.1", interpretation=flagged("H"))
    okafor.results_inbox.acknowledge(Acknowledge(items=seen(cards(okafor)[0])))
    assert cards(okafor) == []
    okafor.charting.correct_result(
        "k", CorrectResult(version_id=2, value="7.1", unit="mmol/L", reason="Wrong tube")
    )
    routed(api)
    (card,) = cards(okafor)
    result = card.results[0]
    assert (result.notice, result.grade, result.was) == ("corrected", "critical", "5.1 mmol/L")
    assert result.points[0][1].text == "7.1 mmol/L"


def test_what_changed_since_it_was_seen_cannot_be_acknowledged(api, okafor):
    sends(api, "k", "5.1")
    (card,) = cards(okafor)
    okafor.charting.correct_result(
        "k", CorrectResult(version_id=1, value="7.1", unit="mmol/L", reason="Wrong tube")
    )
    with pytest.raises(StaleVersion):
        okafor.results_inbox.acknowledge(Acknowledge(items=seen(card)))
    routed(api)
    with pytest.raises(StaleVersion):
        okafor.results_inbox.acknowledge(Acknowledge(items=seen(card)))
    assert cards(okafor)[0].results[0].notice == "corrected"


def test_a_cancelled_result_is_news_and_a_retracted_one_only_to_who_had_seen_it(api, okafor):
    for identity in ("seen", "unseen"):
        sends(api, identity, "6.9", issued=f"2026-11-20T0{len(identity)}:00:00Z")
    card = next(card for card in cards(okafor) if card.results[0].resource_id == "seen")
    okafor.results_inbox.acknowledge(Acknowledge(items=seen(card), message="Please call us."))
    okafor.charting.mark_in_error("seen", MarkInError(version_id=2, reason="Another patient's tube"))
    okafor.charting.mark_in_error("unseen", MarkInError(version_id=1, reason="Another patient's tube"))
    sends(api, "cancelled", "0", status="cancelled", issued="2026-11-20T05:00:00Z")
    shown = {card.results[0].resource_id: card.results[0] for card in cards(okafor)}
    assert shown.keys() == {"seen", "cancelled"}
    assert (shown["seen"].notice, shown["seen"].was) == ("withdrawn", "6.9 mmol/L")
    assert shown["cancelled"].notice == "cancelled"
    for card in cards(okafor):
        with pytest.raises(InvalidResource):
            okafor.results_inbox.acknowledge(Acknowledge(items=seen(card), message="Your result …"))
        okafor.results_inbox.acknowledge(Acknowledge(items=seen(card)))
    assert cards(okafor) == []


def test_an_unacknowledged_critical_result_goes_to_who_covers_and_then_to_who_is_on_call(api, okafor, chen):
    third = api.signed_in("third", "clinician", practitioner_id="third")
    chen.results_inbox.set_pool_members("on_call", SetPoolMembers(members=["third"]))
    okafor.results_inbox.add_coverage(
        AddCoverage(
            away_practitioner="okafor",
            covering_practitioner="chen",
            starts_on=date(2026, 11, 20),
            ends_on=date(2026, 11, 21),
        )
    )
    sends(api, "k", "6.9")
    assert [card.why_here for card in cards(chen)] == ["Covering for Okafor"]
    assert inbox(okafor).covered_by == ["Chen"]
    people = {name: one.account.me().account_id for name, one in (("okafor", okafor), ("third", third))}

    def cards_after(minutes: int, who: str, view: str = "open"):
        api.clock.instant += timedelta(minutes=minutes)
        routed(api)
        return cards(api.client_of(api.session(people[who])), view=view)

    assert cards_after(59, "okafor")[0].escalated_at is None
    assert cards_after(1, "okafor")[0].escalated_to == "Chen"
    assert cards_after(0, "third") == []
    (passed_on,) = cards_after(60, "third")
    assert passed_on.why_here == "Passed on from Okafor, who has not acknowledged it"
    assert cards_after(0, "okafor")[0].escalated_to == "On call"
    now_third = api.client_of(api.session(people["third"]))
    now_third.results_inbox.acknowledge(Acknowledge(items=seen(passed_on)))
    (still_open,) = cards_after(300, "okafor", view="acknowledged")
    assert [event.act for event in still_open.events].count("escalated") == 2


def test_coverage_ends_with_its_days_and_pools_and_delegation_say_whose_it_is(api, okafor, chen, nurse):
    put_patient(api, "none", "Lost", "Lou", generalPractitioner=[{"display": "Somebody elsewhere"}])
    sends(api, "nobody", "4.0", patient="none")
    (pooled,) = cards(chen)
    assert (pooled.owner, pooled.why_here) == (
        "Results without a clinician",
        "Pool: Results without a clinician",
    )
    sends(api, "k", "6.9")
    (card,) = [card for card in cards(okafor) if card.patient_id == "ana"]
    okafor.results_inbox.delegate(Delegate(items=seen(card), to_practitioner="chen", note="You know her."))
    (delegated,) = [card for card in cards(chen) if card.patient_id == "ana"]
    assert (delegated.owner, delegated.events[0].note) == ("Chen", "to Chen: You know her.")
    assert [card.patient_id for card in cards(okafor)] == ["none"]
    with pytest.raises(Forbidden):
        nurse.results_inbox.acknowledge(Acknowledge(items=seen(delegated)))
    with pytest.raises(InvalidResource):
        okafor.results_inbox.delegate(Delegate(items=seen(delegated), to_practitioner="joy"))
    assert {card.patient_id for card in cards(nurse, of="all")} == {"ana", "none"}
    with pytest.raises(Forbidden):
        cards(api.signed_in("desk", "front_desk"))


def test_a_panel_stands_on_one_card_and_is_acknowledged_as_one(api, okafor):
    for code, value in ((POTASSIUM, "4.1"), (SODIUM, "139"), ("2160-0", "0.9")):
        sends(api, f"r-{code}", value, code=code, unit="mg/dL" if code == "2160-0" else "mmol/L")
    put(
        api,
        "DiagnosticReport",
        "panel",
        status="final",
        category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        code={"text": "Basic metabolic panel"},
        subject={"reference": "Patient/ana"},
        effectiveDateTime="2026-11-20T07:00:00-05:00",
        result=[{"reference": f"Observation/r-{code}"} for code in (POTASSIUM, SODIUM, "2160-0")],
    )
    routed(api)
    (card,) = cards(okafor)
    assert (card.title, len(card.results)) == ("Basic metabolic panel", 3)
    okafor.results_inbox.acknowledge(Acknowledge(items=seen(card)))
    assert cards(okafor) == []


def test_the_trend_has_earlier_numbers_of_the_same_unit(api, okafor):
    for number, (value, unit) in enumerate([("8.0", "%"), ("64", "mmol/mol"), ("7.4", "%")]):
        at = f"2026-0{number + 1}-10T07:00:00-05:00"
        put_observation(
            api, f"old-{number}", "ana", A1C, at=at, valueQuantity={"value": float(value), "code": unit}
        )
    sends(api, "new", "7.1", code=A1C, unit="%")
    result = next(one for card in cards(okafor) for one in card.results if one.resource_id == "new")
    assert [str(number) for number in result.trend] == ["8.0", "7.4", "7.1"]


def test_a_result_closes_its_order_a_panel_when_all_of_it_has_come_and_a_retraction_opens_it(api, okafor):
    add(okafor, "potassium")
    add(okafor, "basic-metabolic-panel")
    sign_all(okafor)
    sends(api, "k", "4.1", at="2026-11-20T14:30:00Z")
    orders = {line.name: line for line in okafor.orders.of_patient("ana").orders}
    assert orders["Potassium"].status == "completed"
    assert orders["Potassium"].results == ["Observation/k"]
    panel = orders["Basic metabolic panel"]
    assert (panel.status, "Sodium" in panel.waits_for, "Potassium" in panel.waits_for) == (
        "active",
        True,
        False,
    )
    card = cards(okafor)[0]
    assert card.order_name in ("Potassium", "Basic metabolic panel")
    okafor.charting.mark_in_error("k", MarkInError(version_id=1, reason="Another patient's tube"))
    routed(api)
    orders = {line.name: line for line in okafor.orders.of_patient("ana").orders}
    assert orders["Potassium"].status == "active"


def test_an_order_from_the_inbox_closes_what_was_acknowledged(api, okafor):
    sends(api, "k", "6.9")
    (card,) = cards(okafor)
    okafor.results_inbox.acknowledge(Acknowledge(items=seen(card)))
    item_id = card.results[0].item_id
    okafor.orders.add("ana", AddDrafts(item_key="potassium", result_item_id=item_id))
    sign_all(okafor)
    assert cards(okafor, view="acknowledged") == []
    (closed,) = cards(okafor, view="closed")
    assert closed.events[0].act == "ordered"


def test_a_recall_is_an_order_that_is_overdue_when_it_has_not_happened(api, okafor):
    sends(api, "a1c", "8.8", code=A1C, unit="%", interpretation=flagged("H"))
    (card,) = cards(okafor)
    with pytest.raises(InvalidResource, match="recall_on"):
        okafor.results_inbox.act(ActOnResults(items=seen(card), act="recalled", note="Talk about it"))
    act = ActOnResults(items=seen(card), act="recalled", note="Talk about it", recall_on=date(2026, 12, 4))
    okafor.results_inbox.act(act)
    assert cards(okafor) == []
    (line,) = okafor.orders.of_patient("ana").orders
    assert (line.name, line.reason) == ("Recall the patient", "Talk about it")


def test_one_result_that_cannot_be_routed_stops_no_other_and_ends_up_before_a_person(
    api, okafor, monkeypatch
):
    real = take_results.grade_result

    def fails_for_one(resource, birth_date, time_zone):
        if resource["id"] == "bad":
            raise ZeroDivisionError
        return real(resource, birth_date, time_zone)

    monkeypatch.setattr(take_results, "grade_result", fails_for_one)
    put_observation(api, "bad", "ana", POTASSIUM, at="2026-11-20", valueQuantity={"value": 7})
    sends(api, "good", "4.1", patient="ben")
    assert [card.results[0].resource_id for card in cards(okafor)] == ["good"]
    assert inbox(okafor).on_their_way == 1
    for _ in range(3):
        api.clock.instant += timedelta(seconds=30)
        routed(api)
    unreadable = next(card for card in cards(okafor) if card.patient_id == "ana").results[0]
    assert (unreadable.notice, unreadable.grade) == ("unreadable", "not_checked")
    assert inbox(okafor).on_their_way == 0
    okafor.results_inbox.acknowledge(
        Acknowledge(items=seen(next(c for c in cards(okafor) if c.patient_id == "ana")))
    )
    for _ in range(4):
        api.clock.instant += timedelta(seconds=30)
        routed(api)
    assert [card.patient_id for card in cards(okafor)] == ["ben"]


def test_of_several_open_orders_of_one_code_none_is_guessed_and_a_deleted_record_hides_no_result(api, okafor):
    add(okafor, "potassium")
    sign_all(okafor)
    add(okafor, "potassium")
    sign_all(okafor)
    sends(api, "k", "6.9", at="2026-11-20T14:30:00Z")
    assert [line.status for line in okafor.orders.of_patient("ana").orders] == ["active", "active"]
    (card,) = cards(okafor)
    assert "order_unclear" in {event.act for event in card.events}
    with api.work() as work:
        Store(work).delete("Patient", "ana")
    (card,) = cards(okafor)
    assert (card.name.family, card.mrn, card.results[0].points[0][1].text) == (None, None, "6.9 mmol/L")
