"""How signed orders go on: held, revoked, repeated, released, overdue; a referral until its report has come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.chart import RecordOutsideResult, RecordVitals
from data_contracts.api.orders import OrderAct, OrderActWithReason, ReportReceived
from ehr_core.kernel.errors import Conflict, Forbidden, StaleVersion
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.repository import Store
from tests.integration.chart_records import put, put_patient
from tests.integration.orders.acts import add, orders_in_store, sign_all


def turn(api):
    api.app.state.clinic_clock.run_once()


def on_day(api, client, days: int):
    """The same person, signed in again so many days later, after the clinic's clock has turned."""
    account_id = client.account.me().account_id
    api.clock.instant += timedelta(days=days)
    turn(api)
    return api.client_of(api.session(account_id))


def line(client, name, patient="ana"):
    return next(one for one in client.orders.of_patient(patient).orders if one.name == name)


def tasks(api) -> dict[str, str]:
    with api.work() as work:
        found = [decode(one.body) for one in Store(work).search("Task", {"patient": "ana"}).resources]
    return {task["focus"]["reference"]: task["status"] for task in found}


def test_an_order_is_held_resumed_and_revoked_with_its_reason_and_its_task_follows(api, clinician, nurse):
    add(clinician, "hba1c")
    sign_all(clinician)
    order = line(clinician, "Hemoglobin A1c")
    key = f"ServiceRequest/{order.order_id}"
    with pytest.raises(Forbidden):
        nurse.orders.revoke(order.order_id, OrderActWithReason(version_id=1, reason="Not needed"))
    held = clinician.orders.hold(order.order_id, OrderActWithReason(version_id=1, reason="Waits for a visit"))
    assert (held.status, held.last_note, tasks(api)[key]) == ("on-hold", "Waits for a visit", "on-hold")
    with pytest.raises(StaleVersion):
        clinician.orders.resume(order.order_id, OrderAct(version_id=1))
    resumed = clinician.orders.resume(order.order_id, OrderAct(version_id=2))
    assert (resumed.status, tasks(api)[key]) == ("active", "requested")
    act = OrderActWithReason(version_id=3, reason="Done elsewhere")
    assert clinician.orders.revoke(order.order_id, act).last_note == "Done elsewhere"
    assert tasks(api)[key] == "cancelled"
    with pytest.raises(Conflict, match="revoked"):
        clinician.orders.resume(order.order_id, OrderAct(version_id=4))


def test_a_repeating_order_makes_the_next_when_due_once_and_ends(api, clinician):
    add(clinician, "inr", repeat={"every": 1, "unit": "week", "times": 3})
    sign_all(clinician)
    instances = [one for one in orders_in_store(api) if one["intent"] == "instance-order"]
    assert len(instances) == 1
    assert instances[0]["requester"]["reference"] == "Practitioner/okafor"
    turn(api)
    clinician = on_day(api, clinician, 6)
    assert len(orders_in_store(api)) == 2
    clinician = on_day(api, clinician, 1)
    turn(api)
    assert len(orders_in_store(api)) == 3
    clinician = on_day(api, clinician, 30)
    parents = [one for one in orders_in_store(api) if "basedOn" not in one]
    assert (len(orders_in_store(api)), parents[0]["status"]) == (4, "completed")
    on_day(api, clinician, 30)
    assert len(orders_in_store(api)) == 4


def test_what_was_missed_is_not_caught_up_one_by_one(api, clinician):
    add(clinician, "inr", repeat={"every": 1, "unit": "week", "times": 10})
    sign_all(clinician)
    clinician = on_day(api, clinician, 30)
    assert len(orders_in_store(api)) == 3
    parent = next(one for one in clinician.orders.of_patient("ana").orders if one.repeat)
    assert (parent.repeat, str(parent.next_due_on)) == ("Every week, 10 times in all; 2 made", "2026-12-25")


def test_a_repeating_order_pauses_on_hold_and_stops_when_revoked_or_when_the_patient_has_died(api, clinician):
    add(clinician, "inr", repeat={"every": 1, "unit": "week", "times": 20})
    add(clinician, "inr", "ben", repeat={"every": 1, "unit": "week", "times": 20})
    sign_all(clinician)
    sign_all(clinician, "ben")
    parent = next(one for one in clinician.orders.of_patient("ana").orders if one.repeat)
    clinician.orders.hold(parent.order_id, OrderActWithReason(version_id=1, reason="In hospital"))
    put_patient(api, "ben", "Young", "Ben", "1990-01-01", gender="male", deceasedBoolean=True)
    clinician = on_day(api, clinician, 8)
    assert len(orders_in_store(api)) == 2
    assert len(orders_in_store(api, "ben")) == 2
    clinician.orders.resume(parent.order_id, OrderAct(version_id=2))
    clinician = on_day(api, clinician, 1)
    assert len(orders_in_store(api)) == 3
    clinician.orders.revoke(parent.order_id, OrderActWithReason(version_id=3, reason="Warfarin stopped"))
    assert {one["status"] for one in orders_in_store(api)} == {"revoked"}
    on_day(api, clinician, 30)
    assert len(orders_in_store(api)) == 3


def test_staff_release_one_of_a_standing_order_as_needed_until_it_ends(api, clinician, nurse):
    add(clinician, "urinalysis", standing_until="2027-05-20", indication="Recurrent infections")
    sign_all(clinician)
    standing = line(clinician, "Urinalysis, complete")
    assert (standing.may_release, len(orders_in_store(api))) == (True, 1)
    nurse.orders.release(standing.order_id, OrderAct(version_id=1))
    with pytest.raises(Conflict, match="released today already"):
        nurse.orders.release(standing.order_id, OrderAct(version_id=1))
    released = [one for one in orders_in_store(api) if "basedOn" in one]
    assert (len(released), released[0]["requester"]["display"]) == (1, "Okafor")
    later = on_day(api, nurse, 200)
    with pytest.raises(Conflict, match="20-May-2027"):
        later.orders.release(standing.order_id, OrderAct(version_id=1))


def test_an_order_without_a_result_is_overdue_from_the_day_after(api, clinician, nurse):
    add(clinician, "hba1c")
    add(clinician, "potassium", priority="stat")
    sign_all(clinician)
    clinician = on_day(api, clinician, 7)
    overdue = clinician.orders.overdue()
    assert [(one.order.name, one.days_late, one.mrn) for one in overdue.orders] == [("Potassium", 6, "M-ANA")]
    clinician = on_day(api, clinician, 1)
    assert [one.order.name for one in clinician.orders.overdue().orders] == ["Potassium", "Hemoglobin A1c"]
    assert clinician.orders.overdue(practitioner_id="chen").orders == []
    assert clinician.orders.overdue(kind="imaging").page.total == 0
    assert clinician.orders.overdue().kinds == {"laboratory": 2}


def test_an_imported_order_of_years_ago_is_history_and_not_overdue(api, clinician):
    with api.work() as work:
        for identity, authored in (("old", "2019-01-01"), ("recent", "2026-09-20")):
            body = {
                "resourceType": "ServiceRequest",
                "id": identity,
                "status": "active",
                "intent": "order",
                "code": {"text": "Something"},
                "subject": {"reference": "Patient/ana"},
                "authoredOn": authored,
            }
            Store(work).update("ServiceRequest", identity, body)
        work.connection.execute(text("UPDATE fhir.service_request SET imported = true"))
    assert [one.order.order_id for one in clinician.orders.overdue().orders] == ["recent"]


def test_a_referral_stays_open_until_its_report_has_come(api, clinician, nurse):
    add(clinician, "referral-cardiology", question="Is the murmur innocent?", priority="urgent")
    sign_all(clinician)
    referral = line(clinician, "Referral to cardiology")
    assert referral.details == ["Urgent", "Question: Is the murmur innocent?"]
    clinician = on_day(api, clinician, 15)
    assert [one.order.name for one in clinician.orders.overdue(kind="referral").orders] == [
        "Referral to cardiology"
    ]
    put(
        api,
        "DocumentReference",
        "letter",
        status="current",
        subject={"reference": "Patient/ana"},
        content=[{"attachment": {"title": "Letter"}}],
    )
    nurse = api.signed_in("joy.later", "nurse")
    act = ReportReceived(version_id=referral.version_id, summary="Innocent murmur.", document_id="letter")
    closed = nurse.orders.report(referral.order_id, act)
    assert (closed.status, closed.last_note) == ("completed", "Report received: Innocent murmur.")
    assert closed.results == ["DocumentReference/letter"]
    assert clinician.orders.overdue(kind="referral").orders == []


def test_a_letter_that_names_its_referral_closes_it_by_itself(api, clinician):
    add(clinician, "referral-cardiology", question="Is the murmur innocent?")
    sign_all(clinician)
    referral = line(clinician, "Referral to cardiology")
    put(
        api,
        "DocumentReference",
        "letter",
        status="current",
        subject={"reference": "Patient/ana"},
        content=[{"attachment": {"title": "Letter"}}],
        context={"related": [{"reference": f"ServiceRequest/{referral.order_id}"}]},
    )
    turn(api)
    closed = line(clinician, "Referral to cardiology")
    assert (closed.status, closed.results) == ("completed", ["DocumentReference/letter"])


def test_what_was_ordered_closes_whatever_kind_of_record_answers_it(api, clinician):
    add(clinician, "blood-pressure")
    add(clinician, "vaccine-pcv20")
    sign_all(clinician)
    clinician.charting.record_vitals(
        "ana", RecordVitals(at=api.clock.now(), systolic_mmhg="128", diastolic_mmhg="76")
    )
    record = RecordOutsideResult(
        code_system="http://hl7.org/fhir/sid/cvx",
        code="216",
        kind="immunization",
        on="2026-11-20",
        source="Pharmacy",
    )
    clinician.charting.record_outside_result("ana", record)
    turn(api)
    assert {one.name: one.status for one in clinician.orders.of_patient("ana").orders} == {
        "Blood pressure measurement": "completed",
        "Pneumococcal vaccine PCV20": "completed",
    }
