"""Bookings that come by the FHIR API or an import, find-a-slot over sites and clocks, and blocked time."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta

import pytest

from data_contracts.api.calendars import CalendarException, Holiday
from data_contracts.api.scheduling import BookVisit, FindSlots, NewBlock
from data_contracts.api.visit_flow import MoveOnBoard
from ehr_core.kernel.errors import BadRequest, Conflict, TimeTaken
from ehr_core.kernel.fhir_json import encode
from ehr_core.scheduling import opening_hours
from ehr_core.store.importer import load_resources
from tests.integration.chart_records import put, put_appointment
from tests.integration.scheduling.conftest import CHEN, DIAZ, MANAGER, NORTH, OKAFOR, WEST, hours
from tests.lib.api import SEEDER

MONDAY = date(2026, 11, 23)


def appointment(identity: str, patient: str, start: str, *, minutes: int = 20, who: str = "okafor", **more):
    begins = datetime.fromisoformat(start)
    return {
        "resourceType": "Appointment",
        "id": identity,
        "status": more.pop("status", "booked"),
        "start": begins.isoformat(),
        "end": (begins + timedelta(minutes=minutes)).isoformat(),
        "participant": [
            {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"},
            {"actor": {"reference": f"Practitioner/{who}"}, "status": more.pop("answer", "accepted")},
        ],
        **more,
    }


def bookings(api) -> list[tuple[str, str, bool]]:
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT source_id, actor, double_booked FROM scheduling.booking WHERE actor LIKE 'Practitioner/%%' "
            "ORDER BY source_id, actor"
        )
        return [tuple(row) for row in rows]


def test_an_appointment_over_fhir_meets_the_same_refusal_with_the_nearest_times(api, desk):
    clinician = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    clinician.fhir.update(
        "Appointment",
        "first",
        encode(appointment("first", "ana", "2026-11-23T09:00:00-05:00")),
        if_match=None,
    )
    over = encode(appointment("second", "ben", "2026-11-23T09:10:00-05:00"))
    with pytest.raises(Conflict) as refusal:
        clinician.fhir.update("Appointment", "second", over, if_match=None)
    assert "The nearest free times: 23-Nov-2026 09:20 EST with Dr Ada Okafor" in refusal.value.message
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"request": {"method": "PUT", "url": f"Appointment/{body['id']}"}, "resource": body}
            for body in (
                appointment("third", "ben", "2026-11-23T11:00:00-05:00"),
                appointment("fourth", "cem", "2026-11-23T11:10:00-05:00"),
            )
        ],
    }
    with pytest.raises(Conflict, match=r"Bundle.entry\[[01]\]"):
        clinician.fhir.transaction(encode(bundle))
    declined = appointment("fifth", "ben", "2026-11-23T09:10:00-05:00", answer="declined")
    clinician.fhir.update("Appointment", "fifth", encode(declined), if_match=None)
    assert bookings(api) == [("first", OKAFOR, False)]


def test_imported_overlaps_are_kept_and_marked_and_nothing_new_goes_over_either(api, desk):
    lines = [
        ("Appointment", json.dumps(appointment(*facts)).encode())
        for facts in (
            ("a", "ana", "2026-11-23T09:00:00-05:00"),
            ("b", "ben", "2026-11-23T09:10:00-05:00"),
            ("c", "cem", "2026-11-23T10:00:00-05:00"),
        )
    ]
    summary = load_resources(api.parts.database, SEEDER, lines, processes=1)
    assert (summary.stored, summary.problem_count) == (3, 0)
    marks = {source: double for source, _, double in bookings(api)}
    assert sorted(marks) == ["a", "b", "c"]
    assert sum(marks.values()) == 1
    shown = {visit.appointment_id: visit for visit in desk.scheduling.calendar(MONDAY, 1).visits}
    assert sorted(visit.double_booked for visit in shown.values()) == [False, False, True]
    for clock in ("09:00", "09:20"):
        with pytest.raises(TimeTaken):
            desk.scheduling.book(
                BookVisit(
                    patient_id="cem",
                    type_code="office_visit",
                    provider=OKAFOR,
                    starts_at=datetime.fromisoformat(f"2026-11-23T{clock}:00-05:00"),
                )
            )
    double = next(visit for visit in shown.values() if visit.double_booked)
    drawn = next(one for one in desk.visits.board(MONDAY).visits if one.visit == double)
    moved = desk.visits.move(double.appointment_id, MoveOnBoard(version=drawn.version, to="arrived"))
    assert moved.stage == "arrived"


def test_slots_over_several_providers_and_sites_are_ranked_and_stand_in_each_sites_clock(desk):
    everywhere = FindSlots(type_code="video_visit", first_day=MONDAY, days=1, limit=100)
    found = desk.scheduling.find(everywhere).slots
    assert {slot.provider for slot in found} == {OKAFOR, CHEN, DIAZ}
    west = [slot for slot in found if slot.site_id == WEST]
    assert west[0].starts_at == datetime.fromisoformat("2026-11-23T09:00:00-08:00")
    assert west[0].time_zone == "America/Los_Angeles"
    mine = desk.scheduling.find(everywhere.model_copy(update={"patient_id": "ana"})).slots
    assert mine[0].own_clinician
    assert mine[0].provider == OKAFOR
    north = desk.scheduling.find(everywhere.model_copy(update={"site_ids": [NORTH]})).slots
    assert {slot.site_id for slot in north} == {NORTH}
    assert desk.scheduling.find(everywhere.model_copy(update={"part_of_day": "afternoon"})).slots == []


@pytest.mark.parametrize(
    ("day", "opens", "closes", "slots", "first"),
    [
        ("2026-11-22", "01:00", "04:00", 9, "2026-11-22T01:00:00-05:00"),
        ("2027-03-14", "01:00", "04:00", 6, "2027-03-14T01:00:00-05:00"),
        ("2027-11-07", "00:00", "04:00", 15, "2027-11-07T00:00:00-04:00"),
        ("2027-03-14", "02:30", "04:00", 1, "2027-03-14T03:30:00-04:00"),
        ("2027-03-14", "02:30", "03:15", 0, None),
    ],
)
def test_hours_are_wall_clock_hours_when_the_clocks_change(api, desk, day, opens, closes, slots, first):
    with api.work(MANAGER) as work:
        opening_hours.add_rule(work, hours(OKAFOR, NORTH, 7, opens, closes))
    wish = FindSlots(
        type_code="video_visit", providers=[OKAFOR], first_day=date.fromisoformat(day), days=1, limit=50
    )
    found = desk.scheduling.find(wish).slots
    begins = [slot.starts_at for slot in found]
    assert (len(begins), begins[:1]) == (slots, [datetime.fromisoformat(first)] if first else [])


def test_exceptions_holidays_and_blocks_close_and_open_days(api, desk):
    wish = FindSlots(type_code="video_visit", providers=[OKAFOR], first_day=MONDAY, days=1, limit=50)

    def free() -> int:
        return len(desk.scheduling.find(wish).slots)

    days = {"actor": OKAFOR, "site_id": NORTH, "first_day": MONDAY, "last_day": MONDAY}
    closed = desk.scheduling.add_exception(
        CalendarException(kind="closed", opens=time(9), closes=time(10), **days)
    )
    assert free() == 6
    desk.scheduling.remove_exception(closed.exception_id)
    desk.scheduling.add_exception(CalendarException(kind="open", opens=time(13), closes=time(14), **days))
    assert free() == 12
    holiday = desk.scheduling.add_holiday(Holiday(site_id=NORTH, on_day=MONDAY, name="Inventory"))
    assert free() == 3
    with pytest.raises(Conflict):
        desk.scheduling.add_holiday(Holiday(site_id=NORTH, on_day=MONDAY, name="Again"))
    with pytest.raises(BadRequest, match="site_id"):
        desk.scheduling.add_holiday(Holiday(site_id="nowhere", on_day=MONDAY, name="Inventory"))
    desk.scheduling.remove_holiday(holiday.holiday_id)
    begins = datetime.fromisoformat("2026-11-23T09:00:00-05:00")
    block = NewBlock(actor=OKAFOR, starts_at=begins, ends_at=begins + timedelta(hours=2), words="Meeting")
    put_appointment(api, "stands", "ana", "2026-11-23T09:00:00-05:00", end="2026-11-23T09:20:00-05:00")
    with pytest.raises(TimeTaken, match="Move those visits"):
        desk.scheduling.block(block)
    put_appointment(api, "stands", "ana", "2026-11-23T09:00:00-05:00", status="cancelled")
    made = desk.scheduling.block(block)
    assert free() == 6
    assert desk.scheduling.calendar(MONDAY, 1).blocks == [made]
    desk.scheduling.unblock(made.block_id, made.version)
    assert free() == 12


def test_a_place_is_taken_by_one_only_when_it_is_a_room(api):
    put(api, "Location", "hall", name="Hall", status="active")
    for identity, patient, who in (("one", "ana", "okafor"), ("two", "ben", "chen")):
        body = appointment(identity, patient, "2026-11-23T09:00:00-05:00", who=who)
        body["participant"].append({"actor": {"reference": "Location/hall"}, "status": "accepted"})
        put(
            api,
            "Appointment",
            identity,
            **{key: value for key, value in body.items() if key not in ("id", "resourceType")},
        )
    assert [source for source, _, _ in bookings(api)] == ["one", "two"]
