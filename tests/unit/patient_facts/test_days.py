"""Days out of FHIR dates: an instant is a day only somewhere, and the rules count days at the site."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from ehr_core.workflows.patient_facts.days import at_site, began

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-11-28T00:16:00Z", date(2026, 11, 27)),
        ("2026-11-27T19:16:00-05:00", date(2026, 11, 27)),
        ("2026-11-28T05:00:00+00:00", date(2026, 11, 28)),
        ("2026-11-28", date(2026, 11, 28)),
        ("2026-11", None),
        ("2026-11-28T00:16:00", date(2026, 11, 28)),
        ("2026-11-28Tnot a time", date(2026, 11, 28)),
    ],
)
def test_a_value_of_the_evening_is_not_of_tomorrow(written, day):
    for resource in ({"effectiveDateTime": written}, {"effectivePeriod": {"start": written}}):
        assert began(at_site(resource, NEW_YORK), "effective") == day


def test_everything_else_stays_as_it_was():
    kept = {"id": "a", "code": {"text": "x"}, "value": 7, "contained": [{"issued": "2026-11-28T00:16:00Z"}]}
    assert at_site(kept, NEW_YORK) == kept
