"""Booking through the API: find, hold, book, move, cancel, miss; what is taken is refused with the nearest times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from data_contracts.api.scheduling import BookVisit, CancelVisit, FindSlots, HoldSlot, MoveVisit, Repeat, Slot
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, StaleVersion, TimeTaken
from tests.integration.chart_records import body_of, put_patient
from tests.integration.scheduling.conftest import CHEN, NORTH, OKAFOR

MONDAY = date(2026, 11, 23)


def at(clock: str, day: date = MONDAY, offset: str = "-05:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00{offset}")


def wanted(patient: str = "ana", clock: str = "09:00", **more) -> BookVisit:
    given = {"patient_id": patient, "type_code": "office_visit", "provider": OKAFOR, "starts_at": at(clock)}
    return BookVisit(**given | more)


def test_a_free_time_is_found_held_and_booked_as_an_appointment_of_the_record(api, desk):
    found = desk.scheduling.find(
        FindSlots(type_code="office_visit", patient_id="ana", providers=[OKAFOR], first_day=MONDAY, days=1)
    )
    assert [slot.starts_at for slot in found.slots[:2]] == [at("09:00"), at("09:20")]
    assert len(found.slots) == 9
    slot = found.slots[0]
    held = desk.scheduling.hold(
        HoldSlot(
            type_code="office_visit",
            provider=OKAFOR,
            site_id=NORTH,
            starts_at=slot.starts_at,
            patient_id="ana",
        )
    )
    booked = desk.scheduling.book(
        BookVisit(patient_id="ana", type_code="office_visit", hold_id=held.hold_id, reason="Cough")
    )
    visit = booked.visits[0]
    assert (visit.patient_name, visit.mrn, visit.provider_name) == ("REYES, Ana", "M-ANA", "Dr Ada Okafor")
    assert visit.resources[0].actor.startswith("Location/room-")
    stored = body_of(api, "Appointment", visit.appointment_id)
    assert (stored["status"], stored["start"], stored["minutesDuration"]) == (
        "booked",
        "2026-11-23T09:00:00-05:00",
        20,
    )
    again = desk.scheduling.book(BookVisit(patient_id="ana", type_code="office_visit", hold_id=held.hold_id))
    assert again.visits[0].appointment_id == visit.appointment_id


def test_a_taken_time_is_refused_with_the_nearest_free_ones(desk):
    desk.scheduling.book(wanted())
    with pytest.raises(TimeTaken) as refusal:
        desk.scheduling.book(wanted("ben"))
    nearest = [Slot(**one) for one in refusal.value.alternatives]
    assert [slot.starts_at for slot in nearest] == [at("09:20"), at("09:40"), at("10:00")]
    assert "23-Nov-2026 09:20 EST with Dr Ada Okafor" in refusal.value.message
    with pytest.raises(TimeTaken, match=r"another visit|taken"):
        desk.scheduling.book(wanted("ana", provider=CHEN))


def test_the_last_room_is_a_limit_too(desk):
    desk.scheduling.book(wanted("ana"))
    desk.scheduling.book(wanted("ben", provider=CHEN))
    desk.scheduling.cancel(
        desk.scheduling.book(wanted("cem", "09:20")).visits[0].appointment_id,
        CancelVisit(version=1, reason="patient_request"),
    )
    rooms = {visit.resources[0].actor for visit in desk.scheduling.calendar(MONDAY, 1).visits}
    assert rooms == {"Location/room-1", "Location/room-2"}


def test_a_hold_keeps_others_away_until_it_ends_by_itself(api, desk):
    other = api.signed_in("other", "front_desk")
    slot = HoldSlot(type_code="office_visit", provider=OKAFOR, site_id=NORTH, starts_at=at("09:00"))
    held = desk.scheduling.hold(slot)
    with pytest.raises(TimeTaken):
        other.scheduling.hold(slot)
    with pytest.raises(TimeTaken):
        other.scheduling.book(wanted("ben"))
    api.clock.instant += timedelta(minutes=6)
    booked = other.scheduling.book(wanted("ben"))
    assert booked.visits[0].starts_at == at("09:00")
    with pytest.raises(TimeTaken):
        desk.scheduling.book(BookVisit(patient_id="ana", type_code="office_visit", hold_id=held.hold_id))


def test_a_moved_visit_leaves_its_old_time_free_and_two_desks_do_not_cross(api, desk):
    other = api.signed_in("other", "front_desk")
    visit = desk.scheduling.book(wanted()).visits[0]
    moved = desk.scheduling.move(
        visit.appointment_id, MoveVisit(version=visit.version, starts_at=at("10:00"))
    )
    assert moved.visits[0].starts_at == at("10:00")
    with pytest.raises(StaleVersion):
        other.scheduling.cancel(
            visit.appointment_id, CancelVisit(version=visit.version, reason="patient_request")
        )
    assert body_of(api, "Appointment", visit.appointment_id)["status"] == "booked"
    desk.scheduling.book(wanted("ben"))
    with pytest.raises(TimeTaken):
        desk.scheduling.move(
            visit.appointment_id, MoveVisit(version=moved.visits[0].version, starts_at=at("09:00"))
        )


def test_a_refused_move_does_not_offer_the_time_at_which_the_visit_stands(desk):
    desk.scheduling.book(wanted("ben", starts_at=at("09:20")))
    visit = desk.scheduling.book(wanted()).visits[0]
    with pytest.raises(TimeTaken) as refusal:
        desk.scheduling.move(visit.appointment_id, MoveVisit(version=visit.version, starts_at=at("09:20")))
    offered = [datetime.fromisoformat(slot["starts_at"]) for slot in refusal.value.alternatives]
    assert len(offered) == 3
    assert at("09:00") not in offered
    assert at("09:00").strftime("%H:%M") not in refusal.value.message


def test_a_cancellation_has_a_coded_reason_and_a_no_show_has_its_time(api, desk):
    visit = desk.scheduling.book(wanted()).visits[0]
    with pytest.raises(Conflict, match="not begun"):
        desk.scheduling.no_show(visit.appointment_id, visit.version)
    with pytest.raises(BadRequest, match="note"):
        desk.scheduling.cancel(visit.appointment_id, CancelVisit(version=visit.version, reason="other"))
    desk.scheduling.cancel(visit.appointment_id, CancelVisit(version=visit.version, reason="transport"))
    stored = body_of(api, "Appointment", visit.appointment_id)
    assert stored["cancelationReason"]["coding"][0]["code"] == "pat-lt"
    again = desk.scheduling.book(wanted("ben")).visits[0]
    api.clock.instant = at("09:30").astimezone(UTC)
    desk = api.signed_in("morning", "front_desk")
    assert desk.scheduling.no_show(again.appointment_id, again.version).status == "noshow"


def test_a_series_keeps_its_clock_over_daylight_saving_and_moves_from_one_on(api, desk):
    repeat = Repeat(every="four_weeks", count=6)
    series = desk.scheduling.book(wanted(repeat=repeat)).visits
    assert [visit.starts_at.astimezone(UTC).hour for visit in series] == [14, 14, 14, 14, 13, 13]
    third = series[2]
    moved = desk.scheduling.move(
        third.appointment_id,
        MoveVisit(
            version=third.version, starts_at=third.starts_at + timedelta(days=1, minutes=40), following=True
        ),
    ).visits
    assert len(moved) == 4
    assert {visit.starts_at.astimezone(UTC).strftime("%a %M") for visit in moved} == {"Tue 40"}
    ended = desk.scheduling.cancel(
        series[1].appointment_id, CancelVisit(version=1, reason="moved", following=True)
    ).visits
    assert [visit.status for visit in ended] == ["cancelled"] * 5
    assert desk.scheduling.visit(series[0].appointment_id).status == "booked"


def test_a_series_with_a_taken_date_is_booked_whole_or_with_that_date_left_out(api, desk):
    desk.scheduling.book(wanted("ben", starts_at=at("09:00", MONDAY + timedelta(days=7))))
    with pytest.raises(TimeTaken, match="30-Nov-2026"):
        desk.scheduling.book(wanted(repeat=Repeat(every="week", count=3)))
    assert desk.scheduling.calendar(MONDAY, 1).visits == []
    booked = desk.scheduling.book(wanted(repeat=Repeat(every="week", count=3, skip_taken=True)))
    assert (len(booked.visits), booked.skipped) == (2, [at("09:00", MONDAY + timedelta(days=7))])


def test_who_cannot_be_booked_for_and_who_may_not_book(api, desk):
    put_patient(api, "dead", "Late", "Leo", deceasedBoolean=True)
    with pytest.raises(Conflict, match="deceased"):
        desk.scheduling.book(wanted("dead"))
    with pytest.raises(BadRequest, match="authorization"):
        desk.scheduling.book(wanted(type_code="minor_procedure"))
    with pytest.raises(TimeTaken, match="hours"):
        desk.scheduling.book(wanted(clock="20:00"))
    assert desk.scheduling.book(wanted(clock="20:00", outside_hours=True)).visits
    nurse = api.signed_in("nurse", "nurse")
    with pytest.raises(Forbidden):
        nurse.scheduling.book(wanted("ben", clock="20:40", outside_hours=True))
    with pytest.raises(Forbidden):
        api.signed_in("lee", "analyst").scheduling.find(FindSlots(type_code="office_visit"))
