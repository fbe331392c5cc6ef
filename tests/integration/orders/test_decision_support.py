"""Orders over a real database: cards stand in the basket, interrupt with a reason at signing, and are recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.access import RolePolicyInfo
from data_contracts.api.decision_support import Acknowledged
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource
from tests.integration.chart_records import LOINC, SENSITIVITY, of, put
from tests.integration.orders.acts import act_for, add, orders_in_store, sign_all

CT = {"indication": "Mass", "contrast": "with", "pregnancy": "not_pregnant"}
KIDNEYS = "imaging_contrast.weak_kidneys"


def weak_kidneys(api, **more):
    put(
        api,
        "Observation",
        "egfr",
        status="final",
        subject=of("ana"),
        code={"coding": [{"system": LOINC, "code": "98979-8"}]},
        effectiveDateTime="2026-11-10T08:00:00Z",
        valueQuantity={"value": 22, "unit": "mL/min/1.73m2", "code": "mL/min/{1.73_m2}"},
        **more,
    )


def cards(client, patient="ana"):
    return {card.rule_id: card for one in client.orders.check(patient).drafts for card in one.checked.cards}


def acknowledged(basket, card, code="benefit"):
    answer = Acknowledged(card_key=card.key, reason_code=code)
    return act_for(basket).model_copy(update={"acknowledged": {basket.drafts[0].draft_id: [answer]}})


def recorded(api, rule_id):
    with api.work() as work:
        return work.connection.execute(
            text(
                "SELECT s.tier, s.answer, s.reason_code, c.signed_at IS NOT NULL AS signed, c.proposal "
                "FROM decision_support.shown s JOIN decision_support.checked c USING (check_id) "
                "WHERE s.rule_id = :rule ORDER BY c.at, s.answer NULLS FIRST"
            ),
            {"rule": rule_id},
        ).all()


def test_contrast_with_weak_kidneys_is_signed_only_with_a_reason_that_is_kept(api, clinician):
    weak_kidneys(api)
    basket = add(clinician, "ct-chest", **CT)
    card = cards(clinician)[KIDNEYS]
    assert (card.tier, card.outcome) == (1, "fires")
    with pytest.raises(Conflict, match="Iodinated contrast with weak kidneys"):
        clinician.orders.sign("ana", act_for(basket))
    with pytest.raises(InvalidResource, match="not a reason"):
        clinician.orders.sign("ana", acknowledged(basket, card, "because"))
    assert orders_in_store(api) == []
    assert len(clinician.orders.sign("ana", acknowledged(basket, card)).orders) == 1
    last = recorded(api, KIDNEYS)[-1]
    assert (last.answer, last.reason_code, last.signed) == ("overridden", "benefit", True)


def test_a_line_that_is_looked_at_again_counts_once(api, clinician):
    weak_kidneys(api)
    add(clinician, "ct-chest", **CT)
    for _ in range(3):
        cards(clinician)
    assert len({row.proposal for row in recorded(api, KIDNEYS)}) == 1


def test_a_pregnancy_on_record_interrupts_though_the_order_says_otherwise(api, clinician):
    put(
        api,
        "Condition",
        "pregnant",
        subject=of("ana"),
        clinicalStatus={"coding": [{"code": "active"}]},
        code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z34.90"}]},
    )
    add(clinician, "ct-chest", **CT)
    assert cards(clinician)["imaging_pregnancy.radiation"].tier == 1


def test_the_same_order_within_its_days_is_said_at_the_line(api, clinician):
    add(clinician, "hba1c")
    sign_all(clinician)
    add(clinician, "hba1c")
    again = cards(clinician)["duplicate_order.again"]
    assert "20-Nov-2026 by Okafor (active)" in again.sentence
    both = add(clinician, "hba1c")
    assert len(both.drafts) == 2
    told = [one.checked.cards for one in clinician.orders.check("ana").drafts]
    assert all(
        any("more than once" in reason.words for card in one for reason in card.because) for one in told
    )


@pytest.fixture
def labelled_items_are_kept_from_staff(api):
    """As at a site whose policy does so."""
    kept = RolePolicyInfo(role="clinician", reach="all", labels=[])
    api.signed_in("robin", "admin").access.set_role(kept)


def test_the_days_of_an_item_end(api, clinician):
    add(clinician, "hba1c")
    sign_all(clinician)
    api.clock.instant += timedelta(days=61)
    later = api.signed_in("okafor.later", "clinician", practitioner_id="okafor")
    add(later, "hba1c")
    assert "duplicate_order.again" not in cards(later)


@pytest.mark.usefixtures("labelled_items_are_kept_from_staff")
def test_a_restricted_value_still_interrupts_and_is_not_told(api, clinician):
    """The clinician may not see the value: one masked card stands for what it says."""
    weak_kidneys(api, meta={"security": [{"system": SENSITIVITY, "code": "PSY"}]})
    basket = add(clinician, "ct-chest", **CT)
    found = cards(clinician)
    masked = found["restricted_record.bears_on_order"]
    assert (masked.tier, KIDNEYS in found and found[KIDNEYS].outcome == "fires") == (1, False)
    assert "kidney" not in f"{masked.sentence} {masked.detail} {masked.because}".lower()
    with pytest.raises(Conflict, match="restricted part"):
        clinician.orders.sign("ana", act_for(basket))
    assert len(clinician.orders.sign("ana", acknowledged(basket, masked, "specialist")).orders) == 1


def test_a_nurse_who_prepares_sees_the_cards_and_who_only_reads_the_chart_does_not(api, nurse):
    weak_kidneys(api)
    add(nurse, "ct-chest", **CT)
    assert KIDNEYS in cards(nurse)
    desk = api.signed_in("dana", "front_desk")
    with pytest.raises(Forbidden):
        desk.orders.check("ana")
