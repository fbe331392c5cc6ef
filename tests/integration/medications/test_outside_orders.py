"""Orders written over FHIR go through the same checks, and stay open in the chart until somebody here has looked."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.outside_orders import ReviewOutsideOrder
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.integration.fhir.conftest import client_of
from tests.lib.api import running_api

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NO_KNOWN = {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}}
SIMVASTATIN, CLARITHROMYCIN, LORATADINE = "312961", "197517", "311372"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        put(running, "AllergyIntolerance", "none", patient=of("ana"), **NO_KNOWN)
        put(running, "MedicationRequest", **request("simvastatin", SIMVASTATIN))
        yield running


@pytest.fixture
def okafor(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def outside(api):
    """FHIR with the token of somebody who may write it, as an application in their name has."""
    return client_of(api, "clinician")


def request(name, rxcui, **more):
    coded = {"coding": [{"system": RXNORM, "code": rxcui}], "text": name}
    said = {"status": "active", "intent": "order", "subject": of("ana")} | more
    return {"identity": name, "medicationCodeableConcept": coded, **said}


def order(name, rxcui, **more):
    sent = request(name, rxcui, **more)
    return {"resourceType": "MedicationRequest", "id": sent.pop("identity"), **sent}


def waiting(client, patient="ana"):
    return {one.reference: one for one in client.decision_support.outside_orders(patient).orders}


def reviewed(client, reference, *answers, patient="ana", version=1):
    act = ReviewOutsideOrder(reference=reference, version_id=version, acknowledged=list(answers))
    return client.decision_support.review_outside_order(patient, act)


def checks(api):
    with api.work() as work:
        return work.connection.execute(
            text(
                "SELECT proposal, interrupted, signed_at FROM decision_support.checked WHERE moment = 'outside_order'"
            )
        ).all()


OUTSIDE_REQUEST = "MedicationRequest/clarithromycin"


def test_an_order_written_over_fhir_is_kept_checked_and_open_until_somebody_answers(api, okafor, outside):
    sent = order("clarithromycin", CLARITHROMYCIN, requester={"display": "Dr Elsewhere"})
    assert outside.put(sent).status_code == 201
    found = waiting(okafor)[OUTSIDE_REQUEST]
    (card,) = found.checked.interrupting
    assert (found.name, found.requester, found.may_review) == ("clarithromycin", "Dr Elsewhere", True)
    (patient,) = okafor.decision_support.waiting_outside_orders().patients
    assert (patient.patient_id, patient.orders) == ("ana", 1)
    with pytest.raises(Conflict, match="needs a reason"):
        reviewed(okafor, OUTSIDE_REQUEST)
    with pytest.raises(InvalidResource, match="not a reason"):
        reviewed(okafor, OUTSIDE_REQUEST, Acknowledged(card_key=card.key, reason_code="because"))
    assert OUTSIDE_REQUEST in waiting(okafor)
    reviewed(okafor, OUTSIDE_REQUEST, Acknowledged(card_key=card.key, reason_code="specialist"))
    assert waiting(okafor) == {}
    assert okafor.decision_support.waiting_outside_orders().patients == []
    assert body_of(api, "MedicationRequest", "clarithromycin")["status"] == "active"
    with pytest.raises(NotFound, match="not waiting"):
        reviewed(okafor, OUTSIDE_REQUEST)


def test_written_again_it_is_open_again_and_the_same_content_again_changes_nothing(okafor, outside):
    outside.put(order("clarithromycin", CLARITHROMYCIN))
    (card,) = waiting(okafor)[OUTSIDE_REQUEST].checked.interrupting
    answer = Acknowledged(card_key=card.key, reason_code="specialist")
    reviewed(okafor, OUTSIDE_REQUEST, answer)
    outside.put(order("clarithromycin", CLARITHROMYCIN))
    assert waiting(okafor) == {}
    outside.put(order("clarithromycin", CLARITHROMYCIN, note=[{"text": "one more"}]))
    assert set(waiting(okafor)) == {OUTSIDE_REQUEST}
    with pytest.raises(StaleVersion):
        reviewed(okafor, OUTSIDE_REQUEST, answer)
    reviewed(okafor, OUTSIDE_REQUEST, answer, version=2)
    assert waiting(okafor) == {}


def test_one_that_ended_waits_for_nobody_and_neither_does_a_harmless_one(api, okafor, outside):
    outside.put(order("clarithromycin", CLARITHROMYCIN))
    outside.put(order("clarithromycin", CLARITHROMYCIN, status="stopped"))
    outside.put(order("loratadine", LORATADINE))
    assert [one for one in waiting(okafor).values() if one.checked.interrupting] == []
    assert {row.proposal for row in checks(api)} == {
        "outside:MedicationRequest/clarithromycin",
        "outside:MedicationRequest/loratadine",
    }


@pytest.mark.parametrize("how", ["create", "patch", "transaction", "batch"])
def test_no_way_of_writing_passes_by_the_checks(okafor, outside, how):
    draft = order("clarithromycin", CLARITHROMYCIN, status="draft")
    if how == "create":
        outside.post(
            {key: value for key, value in order("clarithromycin", CLARITHROMYCIN).items() if key != "id"}
        )
    elif how == "patch":
        outside.put(draft)
        assert waiting(okafor) == {}
        answer = outside.send("PATCH", "/MedicationRequest/clarithromycin", {"status": "active"},
                              Content_Type="application/merge-patch+json")  # fmt: skip
        assert answer.status_code == 200, answer.text
    else:
        put_it = {"method": "PUT", "url": "MedicationRequest/clarithromycin"}
        entry = [{"resource": order("clarithromycin", CLARITHROMYCIN), "request": put_it}]
        answer = outside.send("POST", "", {"resourceType": "Bundle", "type": how, "entry": entry})
        assert answer.status_code == 200, answer.text
    assert [bool(one.checked.interrupting) for one in waiting(okafor).values()] == [True]


@pytest.mark.parametrize("changes", [{"status": "draft"}, {"intent": "proposal"}, {"doNotPerform": True}])
def test_what_is_no_running_order_is_not_checked(api, outside, changes):
    assert outside.put(order("clarithromycin", CLARITHROMYCIN, **changes)).status_code == 201
    assert checks(api) == []


def test_an_entry_that_fails_leaves_no_check(api, outside):
    """The batch's second entry is refused after the first was written: only the first was checked."""
    first, second = (
        {"method": "PUT", "url": f"MedicationRequest/{name}"} for name in ("clarithromycin", "wrong")
    )
    entries = [
        {"resource": order("clarithromycin", CLARITHROMYCIN), "request": first},
        {"resource": order("other", CLARITHROMYCIN), "request": second},
    ]
    outside.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [row.proposal for row in checks(api)] == ["outside:MedicationRequest/clarithromycin"]


def test_a_vaccine_and_an_image_ordered_elsewhere_are_checked_like_ours(api, okafor, outside):
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z34.90"}]}
    active = {"coding": [{"code": "active"}]}
    put(api, "Condition", "pregnant", subject=of("ana"), clinicalStatus=active, code=coded)
    mmr = {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "03"}], "text": "MMR"}
    sent = {"resourceType": "ServiceRequest", "id": "mmr", "status": "active", "intent": "order",
            "subject": of("ana"), "code": mmr}  # fmt: skip
    assert outside.put(sent).status_code == 201
    (card,) = waiting(okafor)["ServiceRequest/mmr"].checked.interrupting
    assert card.rule_id == "vaccine.live_in_pregnancy"


def test_only_who_signs_such_orders_closes_one_and_never_in_another_chart(api, okafor, outside):
    outside.put(order("clarithromycin", CLARITHROMYCIN))
    nurse = api.signed_in("joy", "nurse")
    assert waiting(nurse)[OUTSIDE_REQUEST].may_review is False
    with pytest.raises(Forbidden):
        reviewed(nurse, OUTSIDE_REQUEST)
    with pytest.raises(Forbidden):
        waiting(api.signed_in("dana", "front_desk"))
    with pytest.raises(NotFound):
        reviewed(okafor, OUTSIDE_REQUEST, patient="ben")
    assert waiting(okafor, "ben") == {}


def test_an_order_from_outside_is_no_interruption_of_the_budget(okafor, outside, api):
    before = api.signed_in("theo", "pharmacist").decision_support.figures()
    outside.put(order("clarithromycin", CLARITHROMYCIN))
    waiting(okafor)
    after = api.signed_in("theo2", "pharmacist").decision_support.figures()
    assert after.interruptions == before.interruptions
