"""A date keeps its bounds, precision and offset; an instant belongs to the site's local day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.spec.flatten.drawn import flat, observation, reference, rows

DATES = [
    # written                           low           high          precision  offset
    ("2024-12-31T23:30:00-05:00", "2024-12-31", "2024-12-31", "instant", -300),
    ("2025-01-01T04:30:00Z", "2024-12-31", "2024-12-31", "instant", 0),
    ("2025-01-01T05:00:00.000Z", "2025-01-01", "2025-01-01", "instant", 0),
    ("2025-01-01T05:30:00+01:00", "2024-12-31", "2024-12-31", "instant", 60),
    ("2024-12-31T23:30:00+05:30", "2024-12-31", "2024-12-31", "instant", 330),
    ("2025-01-01T00:30:00-03:30", "2024-12-31", "2024-12-31", "instant", -210),
    ("2025-03-09T06:59:59Z", "2025-03-09", "2025-03-09", "instant", 0),  # clocks go forward that night
    ("2025-11-02T03:59:59Z", "2025-11-01", "2025-11-01", "instant", 0),  # and back: 23:59:59 daylight time
    ("2025-11-03T04:30:00Z", "2025-11-02", "2025-11-02", "instant", 0),  # 23:30 standard time
    ("2024-02-29", "2024-02-29", "2024-02-29", "day", None),
    ("2024-02", "2024-02-01", "2024-02-29", "month", None),
    ("2023-02", "2023-02-01", "2023-02-28", "month", None),
    ("2024", "2024-01-01", "2024-12-31", "year", None),
    ("1900", "1900-01-01", "1900-12-31", "year", None),
    ("2024-12-31T23:30:00", "2024-12-31", "2024-12-31", "instant", None),  # no offset: the site's own time
    ("2024-12-31T23:30:00.123456", "2024-12-31", "2024-12-31", "instant", None),
    ("2023-02-29", None, None, None, None),
    ("2024-13", None, None, None, None),
    ("2024-02-30T10:00:00Z", None, None, None, None),
    ("0001-01-01T00:00:00Z", None, None, None, None),  # the year before year 1 at the site
    ("0001-01-01", "0001-01-01", "0001-01-01", "day", None),
    ("9999-12-31T23:59:59-05:00", "9999-12-31", "9999-12-31", "instant", -300),
    ("yesterday", None, None, None, None),
    ("12/31/2024", None, None, None, None),
    ("", None, None, None, None),
    (None, None, None, None, None),
]


def test_no_day_lies_beyond_the_calendar():
    flat(observation(effectiveDateTime="9999-12-31T23:59:59Z"), zone="Pacific/Kiritimati")
    assert rows("observation", "effective_low", "effective_precision") == [(None, None)]


def day(text):
    return date.fromisoformat(text) if text else None


@pytest.mark.parametrize(("written", "low", "high", "precision", "offset"), DATES)
def test_a_date_is_kept_with_its_bounds(written, low, high, precision, offset):
    flat(observation(**({"effectiveDateTime": written} if written is not None else {})))
    columns = ("effective_low", "effective_high", "effective_precision", "effective_offset_minutes")
    assert rows("observation", *columns) == [(day(low), day(high), precision, offset)]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("America/New_York", "2024-12-31"), ("Europe/Berlin", "2025-01-01"), ("Pacific/Honolulu", "2024-12-31")],
)
def test_the_sites_time_zone_decides_the_day_of_an_instant_but_not_of_a_date(zone, expected):
    flat(
        observation("o1", effectiveDateTime="2025-01-01T04:30:00Z"),
        observation("o2", effectiveDateTime="2024-12-31"),
        zone=zone,
    )
    assert rows("observation", "effective_low") == [(day(expected),), (day("2024-12-31"),)]


def test_the_time_zone_of_the_session_is_as_it_was_before():
    from tests.spec.flatten.drawn import _connection

    _connection.execute("SET TimeZone = 'Asia/Tokyo'")
    flat(observation(effectiveDateTime="2025-01-01T04:30:00Z"))
    assert _connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("Asia/Tokyo",)]
    assert rows("observation", "effective_low") == [(day("2024-12-31"),)]


PERIODS = [
    # start         end           low           high
    ("2024-03-01", "2024-03-05", "2024-03-01", "2024-03-05"),
    ("2024", "2024-03", "2024-01-01", "2024-03-31"),
    ("2024-03-01", None, "2024-03-01", "2024-03-01"),
    (None, "2024-03-05", "2024-03-05", "2024-03-05"),
    (None, None, None, None),
]


@pytest.mark.parametrize(("start", "end", "low", "high"), PERIODS)
def test_a_period_gives_its_first_and_its_last_day(start, end, low, high):
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    flat(observation(effectivePeriod=period))
    assert rows("observation", "effective_low", "effective_high") == [(day(low), day(high))]


def procedure(**elements):
    return {"resourceType": "Procedure", "id": "x", "subject": reference("Patient", "p1"), **elements}


@pytest.mark.parametrize(
    ("elements", "performed"),
    [
        ({"performedDateTime": "2021-06-01"}, "2021-06-01"),
        ({"performedPeriod": {"start": "2021-06-01", "end": "2021-06-03"}}, "2021-06-03"),
        ({"performedPeriod": {"start": "2021-06-01"}}, "2021-06-01"),
        ({}, None),
    ],
)
def test_a_procedure_counts_from_its_end_or_its_start_while_it_has_none(elements, performed):
    flat(procedure(**elements))
    assert rows("procedure", "performed_low") == [(day(performed),)]


def test_instants_are_instants_only_when_time_and_offset_are_written():
    flat(
        observation("o1", effectiveDateTime="2025-01-01T04:30:00Z", issued="2025-01-01T04:30:00.5-05:00"),
        observation("o2", effectiveDateTime="2025-01-01"),
        observation("o3", effectiveDateTime="2025-01-01T04:30:00"),
        observation("o4"),
    )
    instants = rows("observation", "effective_at", "issued_at")
    assert instants[0] == (
        datetime(2025, 1, 1, 4, 30, tzinfo=UTC),
        datetime(2025, 1, 1, 9, 30, 0, 500_000, tzinfo=UTC),
    )
    assert instants[1:] == [(None, None)] * 3
