"""The basket over a real database: prepared by a nurse, signed by a clinician, once or not at all."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from data_contracts.api.orders import (
    AddDrafts,
    ChangeDraft,
    DiscardDraft,
    OrderDetails,
    PlaceOrder,
)
from data_contracts.code_systems import LOINC
from ehr_core.access.actor import Actor
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from ehr_core.kernel.fhir_json import decode
from ehr_core.orders import signing
from ehr_core.store.repository import Store
from ehr_core.workflows.sign_orders import sign_orders
from tests.integration.chart_records import body_of, put_patient
from tests.integration.orders.acts import act_for, add, orders_in_store, sign_all

SIGNER = Actor(
    "okafor", "user", "Okafor", ("clinician",), frozenset({"order.write", "order.sign", "chart.read"})
)


def test_a_nurse_prepares_and_a_clinician_signs_many_at_once(api, clinician, nurse):
    add(nurse, "hba1c")
    add(nurse, "lipid-panel", priority="urgent", indication="Diabetes")
    basket = nurse.orders.basket("ana")
    assert [(draft.name, draft.prepared_by, draft.missing) for draft in basket.drafts] == [
        ("Hemoglobin A1c", "Joy", []),
        ("Lipid panel", "Joy", []),
    ]
    assert not basket.may_sign
    with pytest.raises(Forbidden):
        sign_all(nurse)
    assert orders_in_store(api) == []

    signed = sign_all(clinician)
    assert [order.name for order in signed.orders] == ["Hemoglobin A1c", "Lipid panel"]
    assert clinician.orders.basket("ana").drafts == []
    stored = body_of(api, "ServiceRequest", signed.orders[1].order_id)
    assert (stored["status"], stored["priority"], stored["intent"]) == ("active", "urgent", "order")
    assert stored["requester"]["reference"] == "Practitioner/okafor"
    assert stored["occurrencePeriod"] == {"start": "2026-11-20", "end": "2026-11-22"}
    with api.work() as work:
        (task,) = (
            Store(work).search("Task", {"focus": f"ServiceRequest/{signed.orders[1].order_id}"}).resources
        )
    assert (decode(task.body)["status"], decode(task.body)["restriction"]["period"]["end"]) == (
        "requested",
        "2026-11-22",
    )
    lines = clinician.orders.of_patient("ana").orders
    assert {(line.name, line.status, str(line.due_on), line.overdue) for line in lines} == {
        ("Hemoglobin A1c", "active", "2026-11-27", False),
        ("Lipid panel", "active", "2026-11-22", False),
    }


def test_an_order_set_goes_into_the_basket_line_by_line_and_can_be_thinned(clinician):
    basket = clinician.orders.add("ana", AddDrafts(set_key="diabetes-visit"))
    assert len(basket.drafts) == 5
    first = basket.drafts[0]
    basket = clinician.orders.discard(first.draft_id, DiscardDraft(version=first.version))
    assert first.draft_id not in {draft.draft_id for draft in basket.drafts}
    with pytest.raises(Conflict, match="Okafor has taken"):
        clinician.orders.discard(first.draft_id, DiscardDraft(version=first.version))


@pytest.mark.parametrize(
    ("item", "details", "fields"),
    [
        ("xr-knee", {}, ["indication", "laterality", "pregnancy"]),
        (
            "xr-knee",
            {"indication": "Fall", "laterality": "left", "pregnancy": "unknown"},
            ["pregnancy_reason"],
        ),
        ("ct-head", {"indication": "Fall", "pregnancy": "not_pregnant"}, ["contrast"]),
        ("referral-cardiology", {"indication": "Murmur"}, ["question"]),
        ("hba1c", {"start_on": "2026-11-19"}, ["start_on"]),
        ("inr", {"repeat": {"every": 1, "unit": "week"}}, ["repeat"]),
    ],
)
def test_what_is_incomplete_stays_in_the_basket_and_says_what_it_needs(api, clinician, item, details, fields):
    basket = clinician.orders.add("ana", AddDrafts(item_key=item, details=OrderDetails(**details)))
    assert [field for field, _ in basket.drafts[0].missing] == fields
    with pytest.raises(InvalidResource) as refused:
        sign_all(clinician)
    assert [issue.expression for issue in refused.value.issues] == fields
    assert orders_in_store(api) == []
    assert len(clinician.orders.basket("ana").drafts) == 1


def test_who_cannot_be_pregnant_is_not_asked_and_an_unknown_sex_is(api, clinician):
    put_patient(api, "girl", "Small", "Eva", "2020-01-01")
    put_patient(api, "unknown", "Doe", "Sam", None, gender="unknown")
    asked = {
        patient: "pregnancy"
        in {field for field, _ in add(clinician, "xr-chest", patient, indication="Cough").drafts[0].missing}
        for patient in ("ana", "ben", "girl", "unknown")
    }
    assert asked == {"ana": True, "ben": False, "girl": False, "unknown": True}


def test_the_same_key_twice_signs_once_and_answers_the_same(api, clinician):
    basket = add(clinician, "hba1c")
    act = act_for(basket)
    first, second = clinician.orders.sign("ana", act), clinician.orders.sign("ana", act)
    assert (first.signed_before, second.signed_before) == (False, True)
    assert first.orders == second.orders
    assert len(orders_in_store(api)) == 1
    other = add(clinician, "tsh")
    with pytest.raises(Conflict):
        clinician.orders.sign("ana", act_for(other, key=act.sign_key))


def test_two_who_sign_the_same_basket_at_once_sign_it_once(api, clinician, colleague):
    basket = add(clinician, "hba1c")
    told: list[object] = []
    gate = threading.Barrier(2)

    def signs(client):
        gate.wait()
        try:
            told.append(client.orders.sign("ana", act_for(basket)))
        except Conflict as error:
            told.append(error.message)

    threads = [threading.Thread(target=signs, args=(one,)) for one in (clinician, colleague)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusals = [one for one in told if isinstance(one, str)]
    assert len(refusals) == 1
    assert "has signed 'Hemoglobin A1c' already" in refusals[0]
    assert len(orders_in_store(api)) == 1


def test_an_order_that_changed_since_it_was_seen_is_not_signed(api, clinician, nurse):
    basket = add(nurse, "xr-chest", indication="Cough", pregnancy="not_pregnant")
    draft = basket.drafts[0]
    nurse.orders.change(
        draft.draft_id,
        ChangeDraft(version=draft.version, details=draft.details.model_copy(update={"note": "Sitting"})),
    )
    with pytest.raises(StaleVersion, match="X-ray chest"):
        clinician.orders.sign("ana", act_for(basket))
    assert orders_in_store(api) == []
    with pytest.raises(StaleVersion):
        nurse.orders.change(draft.draft_id, ChangeDraft(version=draft.version, details=draft.details))


def test_a_sign_that_dies_in_the_middle_signs_nothing_and_can_be_sent_again(api, clinician, monkeypatch):
    basket = clinician.orders.add("ana", AddDrafts(set_key="anemia"))
    act = act_for(basket)
    written, real = [], signing.store_order

    def dies_at_the_third(work, order_id, order, due):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(order_id)
        return real(work, order_id, order, due)

    monkeypatch.setattr(signing, "store_order", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt), api.work(SIGNER) as work:
        sign_orders(work, "ana", act)
    assert orders_in_store(api) == []
    assert len(clinician.orders.basket("ana").drafts) == 4

    monkeypatch.setattr(signing, "store_order", real)
    assert len(clinician.orders.sign("ana", act).orders) == 4
    assert len(orders_in_store(api)) == 4


def test_a_basket_belongs_to_one_patient_and_nobody_signs_across(api, clinician):
    basket = add(clinician, "hba1c")
    add(clinician, "tsh", "ben")
    with pytest.raises(NotFound):
        clinician.orders.sign("ben", act_for(basket))
    waiting = clinician.orders.baskets().baskets
    assert [(one.patient_id, one.names) for one in waiting] == [
        ("ana", ["Hemoglobin A1c"]),
        ("ben", ["Thyroid stimulating hormone"]),
    ]


def test_an_order_of_any_code_is_placed_at_once_through_the_same_code(api, clinician, nurse):
    placed = clinician.orders.place(
        "ana", PlaceOrder(code_system=LOINC.uri, code="4548-4", display="HbA1c", reason="Above goal")
    )
    stored = body_of(api, "ServiceRequest", placed.service_request_id)
    assert stored["reasonCode"] == [{"text": "Above goal"}]
    with api.work() as work:
        drafts = work.connection.execute(
            text("SELECT state, draft_id::text FROM orders.draft WHERE patient_id = 'ana'")
        ).all()
    assert [tuple(row) for row in drafts] == [("signed", placed.service_request_id)]
    with pytest.raises(Forbidden):
        nurse.orders.place("ana", PlaceOrder(code_system=LOINC.uri, code="4548-4", display="HbA1c"))


def test_every_act_is_audited_with_its_patient(api, clinician):
    add(clinician, "hba1c")
    sign_all(clinician)
    with api.work() as work:
        acts = set(
            work.connection.execute(
                text("SELECT act FROM audit.event WHERE patient_id = 'ana' AND act LIKE 'orders.%'")
            ).scalars()
        )
    assert acts >= {"orders.prepared", "orders.basket.read", "orders.signed"}
