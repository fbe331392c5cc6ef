"""Series over daylight saving, steps on the board, what an Appointment says, calendar feeds and amounts; as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.scheduling import Authorization, Repeat, VisitCard
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.kernel.money import read_money
from ehr_core.scheduling import appointment
from ehr_core.scheduling.appointment import Time
from ehr_core.scheduling.feeds import as_icalendar
from ehr_core.scheduling.rules import (
    at_same_clock,
    check_can_be_missed,
    check_movable,
    check_step,
    moved_with,
    series_starts,
)
from ehr_core.scheduling.types import shipped_types
from ehr_core.store.validation import validate

NEW_YORK = "America/New_York"
NINE = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
OFFICE = next(kind for kind in shipped_types() if kind.code == "office_visit")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("first", "every", "starts"),
    [
        ("2026-10-19T09:00-04:00", "week", ["2026-10-26T09:00-04:00", "2026-11-02T09:00-05:00"]),
        ("2027-03-01T09:00-05:00", "two_weeks", ["2027-03-15T09:00-04:00", "2027-03-29T09:00-04:00"]),
        ("2027-02-14T02:30-05:00", "four_weeks", ["2027-03-14T03:30-04:00", "2027-04-11T02:30-04:00"]),
    ],
)
def test_a_series_keeps_its_clock_and_a_time_that_the_clocks_skip_is_an_hour_later(first, every, starts):
    found = series_starts(utc(first), NEW_YORK, Repeat(every=every, count=3))
    assert found[1:] == [utc(one) for one in starts]


@pytest.mark.parametrize(
    ("visit", "old", "new", "goes_to"),
    [
        (
            "2026-11-09T09:00-05:00",
            "2026-10-26T09:00-04:00",
            "2026-10-27T10:20-04:00",
            "2026-11-10T10:20-05:00",
        ),
        (
            "2026-11-09T09:00-05:00",
            "2026-11-02T09:00-05:00",
            "2026-10-30T09:00-04:00",
            "2026-11-06T09:00-05:00",
        ),
    ],
)
def test_later_visits_move_by_the_same_days_to_the_same_clock(visit, old, new, goes_to):
    assert moved_with(utc(visit), utc(old), utc(new), NEW_YORK) == utc(goes_to)


def test_the_same_clock_in_another_zone_is_that_zones():
    assert at_same_clock(utc("2026-10-31T09:00-07:00"), "America/Los_Angeles", days=1) == utc(
        "2026-11-01T09:00-08:00"
    )


@pytest.mark.parametrize(
    ("stage", "to", "refused"),
    [
        ("expected", "arrived", False),
        ("expected", "roomed", True),
        ("arrived", "roomed", False),
        ("arrived", "with_clinician", False),
        ("arrived", "checked_out", False),
        ("roomed", "arrived", False),
        ("with_clinician", "arrived", True),
        ("arrived", "expected", False),
        ("checked_out", "checked_out", True),
    ],
)
def test_a_visit_goes_forward_and_back_by_one(stage, to, refused):
    if refused:
        with pytest.raises(BadRequest):
            check_step(stage, to)
    else:
        check_step(stage, to)


@pytest.mark.parametrize(
    "status", ["cancelled", "noshow", "fulfilled", "entered-in-error", "arrived", "checked-in"]
)
def test_what_has_begun_or_ended_is_not_moved_and_the_sentence_says_why(status):
    with pytest.raises(Conflict, match="Reload"):
        check_movable(status)


def test_nobody_has_missed_what_has_not_begun():
    check_can_be_missed("booked", NINE, NINE)
    with pytest.raises(Conflict):
        check_can_be_missed("booked", NINE, NINE - timedelta(minutes=1))


def booked(**more) -> dict:
    time = Time(
        NINE,
        NINE + timedelta(minutes=20),
        NEW_YORK,
        "Practitioner/p",
        "Dr P",
        "site",
        [("Location/r", "Room")],
    )
    return appointment.booked("pat", OFFICE, time, reason="Cough", created=NINE, **more)


def test_an_appointment_is_valid_and_keeps_what_others_wrote_when_it_moves():
    body = booked(authorization=Authorization(state="obtained", number="A-1"), series_id="s-1")
    validate("Appointment", orjson.dumps(body))
    assert (body["start"], body["minutesDuration"]) == ("2026-11-23T09:00:00-05:00", 20)
    interpreter = {"actor": {"reference": "RelatedPerson/x"}, "status": "accepted"}
    body["participant"].append(interpreter)
    later = Time(
        NINE + timedelta(days=1),
        NINE + timedelta(days=1, minutes=20),
        NEW_YORK,
        "Practitioner/q",
        "Dr Q",
        "site",
    )
    moved = appointment.unanswered(appointment.at_time(appointment.confirmed(body), later))
    named = [one["actor"]["reference"] for one in moved["participant"]]
    assert named == ["Patient/pat", "RelatedPerson/x", "Practitioner/q", "Location/site"]
    assert moved["participant"][0]["status"] == "needs-action"
    assert not appointment.is_confirmed(moved)
    assert len(moved["extension"]) == 2


@pytest.mark.parametrize("reason", sorted(appointment.cancel_reasons()))
def test_every_reason_has_a_code_and_a_side(reason):
    row = appointment.cancel_reasons()[reason]
    assert row["by"] in ("patient", "clinic")
    off = appointment.cancelled(booked(), reason, "in words")
    assert off["cancelationReason"]["coding"][0]["code"] == row["code"]
    assert off["status"] == "cancelled"


def test_shipped_types_speak_both_languages_to_patients():
    for kind in shipped_types():
        assert isinstance(kind, AppointmentType)
        assert set(kind.patient_names) == set(kind.patient_preparations) == {"en", "es"}


def card(**changes) -> VisitCard:
    facts = {
        "appointment_id": "a-1", "version": 3, "status": "booked", "starts_at": NINE,
        "ends_at": NINE + timedelta(minutes=20), "time_zone": NEW_YORK, "type_code": "office_visit",
        "type_name": "Office visit; long, very long", "reason": "Cough", "patient_id": "pat",
        "patient_name": "REYES, Ana", "birth_date": "1972-03-14", "mrn": "M-1", "provider": "Practitioner/p",
        "provider_name": "Dr P", "site_id": "site", "resources": [],
    }  # fmt: skip
    return VisitCard(**{**facts, **changes})


def test_a_feed_is_icalendar_in_short_lines_without_a_patient():
    written = as_icalendar([card(), card(appointment_id="a-2", ends_at=None)], {"site": "Nørth " * 20}, NINE)
    lines = written.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert max(len(line.encode()) for line in lines) <= 75
    assert "SUMMARY:Office visit\\; long\\, very long" in written
    assert "DTEND:20261123T141500Z" in written
    assert not any(secret in written for secret in ("REYES", "Ana", "M-1", "Cough", "1972"))
    unfolded = written.replace("\r\n ", "")
    assert "LOCATION:" + "Nørth " * 20 in unfolded


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("25", "25.00"),
        (" $25.5 ", "25.50"),
        ("0", "0.00"),
        ("1,000", None),
        ("-5", None),
        ("25.005", None),
        ("", None),
        ("ten", None),
    ],
)
def test_an_amount_is_digits_with_two_decimals_and_nothing_else(written, amount):
    if amount is None:
        with pytest.raises(BadRequest):
            read_money(written)
    else:
        assert read_money(written).amount == Decimal(amount)
        assert str(read_money(written)) == f"{amount} USD"
