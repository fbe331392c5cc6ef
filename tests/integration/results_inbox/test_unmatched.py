"""Results that say imperfectly whom they are about: filed when certain, otherwise queued, attached with a look."""

from __future__ import annotations

import pytest

from data_contracts.api.results_inbox import AttachResult, IncomingResults, SentPatient, SetAside
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, InvalidResource
from tests.integration.chart_records import CATEGORY, body_of, put, put_patient
from tests.integration.orders.acts import add, sign_all
from tests.integration.results_inbox.acts import POTASSIUM, cards, routed

ANA = SentPatient(family="Reyes", given="Ana", birth_date="1972-03-14", sex="female", mrn="M-ANA")


def potassium(value: float = 6.9, **more):
    return {
        "resourceType": "Observation",
        "id": "k",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": POTASSIUM}], "text": "Potassium"},
        "effectiveDateTime": "2026-11-20T09:00:00-05:00",
        "valueQuantity": {"value": value, "unit": "mmol/L", "code": "mmol/L"},
        **more,
    }


def message(patient: SentPatient = ANA, *results, number: str = "msg-1", **more) -> IncomingResults:
    return IncomingResults(
        source="Regional Laboratory",
        message_id=number,
        patient=patient,
        results=list(results) or [potassium()],
        **more,
    )


def test_a_certain_match_is_filed_with_its_order_and_the_same_message_again_changes_nothing(api, okafor):
    add(okafor, "potassium")
    (order,) = sign_all(okafor).orders
    first = okafor.results_inbox.receive(message(order_number=order.order_id))
    assert (first.state, first.patient_id) == ("stored", "ana")
    assert okafor.results_inbox.receive(message(order_number=order.order_id)) == first
    routed(api)
    (card,) = cards(okafor)
    result = card.results[0]
    assert (result.points[0][1].text, result.grade, card.order_name) == (
        "6.9 mmol/L",
        "critical",
        "Potassium",
    )
    stored = body_of(api, "Observation", result.resource_id)
    assert stored["basedOn"] == [{"reference": f"ServiceRequest/{order.order_id}"}]
    assert okafor.orders.of_patient("ana").orders[0].status == "completed"


def test_a_report_and_its_results_keep_together(api, okafor):
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "Electrolytes"},
        "result": [{"reference": "Observation/k"}],
    }
    okafor.results_inbox.receive(message(ANA, potassium(), report))
    routed(api)
    (card,) = cards(okafor)
    assert card.title == "Electrolytes"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"mrn": None}, "possible"),
        ({"birth_date": "1972-04-13"}, "possible"),
        ({"mrn": "M-OTHER", "birth_date": "1980-01-01"}, "certainly_not"),
    ],
)
def test_what_is_not_certain_waits_with_graded_candidates(api, okafor, changes, match):
    sent = ANA.model_copy(update=SentPatient(**(ANA.model_dump() | changes)).model_dump())
    received = okafor.results_inbox.receive(message(sent))
    assert received.state == "waiting"
    (waiting,) = okafor.results_inbox.unmatched().waiting
    assert (waiting.grade, waiting.results) == ("critical", ["Potassium 6.9 mmol/L, 20-Nov-2026"])
    (candidate,) = [one for one in waiting.candidates if one.patient_id == "ana"]
    assert candidate.match == match
    assert okafor.results_inbox.counts().unmatched == 1
    with pytest.raises(InvalidResource, match="reason"):
        okafor.results_inbox.attach(
            received.received_id, AttachResult(version=1, patient_id="ana", match=match)
        )
    act = AttachResult(version=1, patient_id="ana", match=match, reason="Called the laboratory: it is hers.")
    assert okafor.results_inbox.attach(received.received_id, act).state == "stored"
    with pytest.raises(Conflict, match="Okafor has put it into a chart"):
        okafor.results_inbox.attach(received.received_id, act)
    routed(api)
    assert cards(okafor)[0].patient_id == "ana"
    assert okafor.results_inbox.counts().unmatched == 0


def test_two_records_that_both_fit_for_certain_are_not_guessed_between(api, okafor):
    put_patient(
        api, "double", identifier=[{"system": "https://almoner.dev/fhir/NamingSystem/mrn", "value": "M-ANA"}]
    )
    received = okafor.results_inbox.receive(message())
    assert (received.state, "double records" in received.why) == ("waiting", True)


def test_a_fit_that_has_changed_since_it_was_seen_is_refused(api, okafor):
    received = okafor.results_inbox.receive(message(ANA.model_copy(update={"mrn": None})))
    put_patient(api, "ana", family="Other", given="Person", birth="1950-01-01")
    act = AttachResult(version=1, patient_id="ana", match="possible", reason="It is hers.")
    with pytest.raises(Conflict, match="fits differently"):
        okafor.results_inbox.attach(received.received_id, act)


def test_what_the_store_refuses_is_kept_with_the_reason_and_not_dropped(api, okafor, nurse):
    broken = potassium(status="done")
    received = okafor.results_inbox.receive(message(ANA, broken))
    assert received.state == "waiting"
    assert "breaks the form" in received.why
    with pytest.raises(BadRequest):
        okafor.results_inbox.receive(message(ANA, {"resourceType": "Patient"}, number="msg-2"))
    with pytest.raises(Forbidden):
        nurse.results_inbox.set_aside(received.received_id, SetAside(version=1, reason="Sent back"))
    done = okafor.results_inbox.set_aside(
        received.received_id, SetAside(version=1, reason="Sent back to them")
    )
    assert done.state == "set_aside"
    assert okafor.results_inbox.unmatched().total == 0


def test_a_result_stored_without_a_patient_waits_and_gets_one(api, okafor):
    resource = {key: value for key, value in potassium().items() if key not in ("id", "resourceType")}
    put(api, "Observation", "orphan", **resource)
    routed(api)
    (waiting,) = okafor.results_inbox.unmatched().waiting
    assert (waiting.source, waiting.candidates) == ("Stored in this record", [])
    act = AttachResult(version=1, patient_id="ben", match="possible", reason="The requisition says so.")
    okafor.results_inbox.attach(waiting.received_id, act)
    routed(api)
    assert [card.patient_id for card in cards(okafor)] == ["ben"]
