"""Instants in other zones: also where the calendar ends."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ehr_core.kernel.clock import in_zone

NEW_YORK = ZoneInfo("America/New_York")


def test_an_instant_is_the_same_in_another_zone():
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    assert in_zone(noon, NEW_YORK) == noon
    assert in_zone(noon, NEW_YORK).hour == 12


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("0001-01-01T00:00:00+00:00", NEW_YORK),
        ("9999-12-31T23:59:59-05:00", UTC),
        ("9999-12-31T23:59:59+00:00", ZoneInfo("Pacific/Kiritimati")),
    ],
)
def test_beyond_the_calendar_an_instant_keeps_its_reading(written, zone):
    instant = datetime.fromisoformat(written)
    assert in_zone(instant, zone).replace(tzinfo=None) == instant.replace(tzinfo=None)
