"""The day's schedule and orders: site days, who comes with which gaps, what is counted and audited."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from data_contracts.api.orders import PlaceOrder
from ehr_core.access.actor import Actor
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, NotFound
from ehr_core.orders.resources import GAP_IDENTIFIER
from ehr_core.orders.service import prepare_order
from ehr_core.scheduling.queries import next_appointments
from ehr_core.store.repository import Store
from ehr_core.workflows.sign_orders import sign_orders
from tests.integration.chart_records import (
    body_of,
    put_appointment,
    put_observation,
    put_patient,
    put_site,
)
from tests.lib.api import running_api
from tests.lib.statements import counted_statements

TODAY = date(2026, 11, 20)
LOINC = "http://loinc.org"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "anna", "Reyes", "Anna")
        put_patient(running, "ben", "Young", "Ben", "1990-01-01")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def put_day(api):
    put_appointment(api, "late", "ben", "2026-11-20T23:30:00-05:00", who="chen")
    put_appointment(api, "first", "ana", "2026-11-20T08:00:00-05:00", end="2026-11-20T08:20:00-05:00")
    put_appointment(api, "missed", "anna", "2026-11-20T09:00:00-05:00", status="noshow", minutesDuration=15)
    put_appointment(api, "gone", "ben", "2026-11-20T10:00:00-05:00", status="cancelled")
    put_appointment(api, "tomorrow", "ben", "2026-11-21T00:00:00-05:00")
    put_appointment(api, "yesterday", "ben", "2026-11-19T23:59:59-05:00", status="fulfilled")


def test_the_day_is_the_sites_day_in_order_of_time_without_what_was_cancelled(api, clinician):
    put_day(api)
    schedule = clinician.scheduling.today()
    assert (schedule.on, schedule.time_zone) == (TODAY, "America/New_York")
    assert [visit.appointment_id for visit in schedule.visits] == ["first", "missed", "late"]
    assert [visit.minutes for visit in schedule.visits] == [20, 15, None]
    assert [visit.age_years for visit in schedule.visits] == [54, 54, 36]
    assert schedule.practitioners == [("chen", "Dr Ada Chen"), ("okafor", "Dr Ada Okafor")]


def test_a_day_can_be_asked_for_and_a_clinicians_own_visits(api, clinician):
    put_day(api)
    assert [visit.appointment_id for visit in clinician.scheduling.today(date(2026, 11, 21)).visits] == [
        "tomorrow"
    ]
    mine = clinician.scheduling.today(practitioner_id="chen")
    assert [visit.appointment_id for visit in mine.visits] == ["late"]
    assert len(mine.practitioners) == 2


def test_names_alike_on_one_day_warn_of_each_other(api, clinician):
    put_day(api)
    alike = {visit.patient_id: visit.same_name_today for visit in clinician.scheduling.today().visits}
    assert alike == {"ana": True, "anna": True, "ben": False}


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_the_day_that_the_clocks_change_has_all_its_visits(api, clinician, day):
    put_appointment(api, "early", "ana", f"{day}T00:30:00{'-05:00' if day < '2026-04' else '-04:00'}")
    put_appointment(api, "late", "ben", f"{day}T23:30:00{'-04:00' if day < '2026-04' else '-05:00'}")
    shown = clinician.scheduling.today(date.fromisoformat(day)).visits
    assert [visit.appointment_id for visit in shown] == ["early", "late"]


def test_results_that_nobody_has_reviewed_are_counted_for_the_clinician_who_is_shown(api, clinician):
    put_observation(api, "new", "ana", valueString="x")
    put_observation(api, "old", "ana", at="2026-01-01", valueString="x")
    put_observation(api, "waiting", "ana", status="preliminary", valueString="x")
    put_observation(api, "pulse", "ana", "8867-4", category="vital-signs", valueString="x")
    assert clinician.scheduling.today().unreviewed_results == 1
    assert clinician.scheduling.today(practitioner_id="okafor").unreviewed_results == 1
    assert clinician.scheduling.today(practitioner_id="chen").unreviewed_results == 0


def test_the_front_desk_sees_who_comes_and_nothing_clinical(api):
    put_day(api)
    put_observation(api, "new", "ana", valueString="x")
    schedule = api.signed_in("desk", "front_desk").scheduling.today()
    assert len(schedule.visits) == 3
    assert schedule.unreviewed_results is None
    assert not schedule.gaps_shown
    assert not any(visit.gaps for visit in schedule.visits)


def test_the_schedule_is_closed_to_others_and_each_look_is_one_audit_row(api, clinician):
    put_day(api)
    for name, roles, more in (("lee", "analyst", {}), ("pat", "patient", {"patient_id": "ana"})):
        with pytest.raises(Forbidden):
            api.signed_in(name, roles, **more).scheduling.today()
    clinician.scheduling.today()
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT patient_ids FROM audit.event WHERE act = 'schedule_read'"
        ).all()
    assert [row[0] for row in rows] == [["ana", "anna", "ben"]]


def test_a_full_day_costs_no_statement_more_than_a_quiet_one(api, clinician):
    put_appointment(api, "only", "ana", "2026-11-19T08:00:00-05:00")
    put_day(api)
    clinician.account.me()
    counts = []
    for day in (date(2026, 11, 19), TODAY):
        with counted_statements(api.parts.database.engine) as sent:
            clinician.scheduling.today(day)
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_the_next_booking_of_many_people_is_the_first_that_is_still_to_come(api):
    put_day(api)
    put_appointment(api, "soon", "ana", "2026-12-01T22:30:00-05:00", description="HbA1c")
    put_appointment(api, "later", "ana", "2026-12-09T08:00:00-05:00")
    put_appointment(api, "off", "anna", "2026-12-01T08:00:00-05:00", status="cancelled")
    api.clock.instant = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    with api.work() as work, counted_statements(api.parts.database.engine) as sent:
        found = next_appointments(work, ["ana", "anna", "ben", "nobody"])
        assert next_appointments(work, []) == {}
    assert len(sent) == 1
    assert {patient: (booking.appointment_id, booking.on) for patient, booking in found.items()} == {
        "ana": ("soon", date(2026, 12, 1)),
        "ben": ("late", date(2026, 11, 20)),
    }
    assert (found["ana"].with_whom, found["ana"].reason) == ("Dr Ada Okafor", "HbA1c")


def order(**given):
    return PlaceOrder(**{"code_system": LOINC, "code": "4548-4", "display": "Hemoglobin A1c"} | given)


def test_an_order_is_an_active_service_request_of_who_ordered(api, clinician):
    placed = clinician.orders.place("ana", order(reason="HbA1c above goal"))
    stored = body_of(api, "ServiceRequest", placed.service_request_id)
    assert (stored["status"], stored["intent"]) == ("active", "order")
    assert stored["subject"] == {"reference": "Patient/ana"}
    assert stored["requester"]["reference"] == "Practitioner/okafor"
    assert stored["reasonCode"] == [{"text": "HbA1c above goal"}]


def test_an_order_for_a_gap_says_which_and_is_signed_by_a_clinician(api):
    def prepared(actor, gap_id):
        with api.work(actor) as work:
            return prepare_order(work, "ana", LOINC, "4548-4", "Hemoglobin A1c", None, gap_id=gap_id)

    ordering = frozenset({"gap.act", "order.write", "chart.read"})
    orderer = Actor("okafor", "user", "Okafor", ("clinician",), ordering | {"order.sign"})
    act = prepared(orderer, "0b8f3c52-6a51-4f0e-9c39-8f7a8a1f0001")
    with api.work(orderer) as work:
        (placed,) = sign_orders(work, "ana", act).orders
    stored = body_of(api, "ServiceRequest", placed.order_id)
    assert stored["identifier"] == [
        {"system": GAP_IDENTIFIER, "value": "0b8f3c52-6a51-4f0e-9c39-8f7a8a1f0001"}
    ]
    nurse = Actor("joy", "user", "Joy", ("nurse",), ordering)
    waiting = prepared(nurse, None)
    with api.work(nurse) as work, pytest.raises(Forbidden):
        sign_orders(work, "ana", waiting)
    manager = Actor("casey", "user", "Casey", ("care_manager",), frozenset({"gap.act"}))
    for gap_id in (None, "gap-1"):
        with pytest.raises(Forbidden):
            prepared(manager, gap_id)


def test_what_cannot_be_ordered_is_refused(api, clinician):
    put_patient(api, "late", deceasedBoolean=True)
    put_patient(api, "old", link=[{"other": {"reference": "Patient/ana"}, "type": "replaced-by"}])
    for patient, error in (("late", Conflict), ("old", Conflict), ("nobody", NotFound)):
        with pytest.raises(error):
            clinician.orders.place(patient, order())
    for wrong in (order(code_system="LOINC"), order(code=" ")):
        with pytest.raises(InvalidResource):
            clinician.orders.place("ana", wrong)
    with pytest.raises(Forbidden):
        api.signed_in("desk", "front_desk").orders.place("ana", order())
    with api.work() as work:
        assert Store(work).search("ServiceRequest", {"patient": "ana"}).total == 0
