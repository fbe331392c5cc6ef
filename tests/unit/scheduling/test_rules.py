"""Site days, lengths and reasons of bookings, as tables."""

from __future__ import annotations

from datetime import date

import pytest

from ehr_core.scheduling.rules import day_bounds, visit_minutes, visit_reason


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-20", 24), ("2026-03-08", 23), ("2026-11-01", 25), ("2024-02-29", 24)]
)
def test_a_day_of_the_site_is_as_long_as_its_clocks_make_it(day, hours):
    begin, end = day_bounds(date.fromisoformat(day), "America/New_York")
    assert (end - begin).total_seconds() == hours * 3600


@pytest.mark.parametrize(
    ("appointment", "minutes"),
    [
        ({"minutesDuration": 20}, 20),
        ({"start": "2026-11-20T08:00:00-05:00", "end": "2026-11-20T13:45:00Z"}, 45),
        ({"start": "2026-11-20T08:00:00-05:00"}, None),
        ({}, None),
    ],
)
def test_a_length_is_as_recorded_or_unknown(appointment, minutes):
    assert visit_minutes(appointment) == minutes


@pytest.mark.parametrize(
    ("appointment", "reason"),
    [
        ({"description": "Diabetes follow-up", "reasonCode": [{"text": "HbA1c"}]}, "Diabetes follow-up"),
        ({"reasonCode": [{}, {"text": "HbA1c"}]}, "HbA1c"),
        ({"appointmentType": {"coding": [{"code": "CHECKUP", "display": "A check-up"}]}}, "A check-up"),
        ({}, None),
    ],
)
def test_a_reason_is_the_bookers_words_before_a_code(appointment, reason):
    assert visit_reason(appointment) == reason
