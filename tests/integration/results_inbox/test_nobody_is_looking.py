"""A critical result that nobody looks at is passed on by the clinic's clock alone: no screen opens, nobody calls."""

from __future__ import annotations

import time
from datetime import date, timedelta

from sqlalchemy import text

from data_contracts.api.results_inbox import AddCoverage
from ehr_core.api.clinic_clock import CLERK, ClinicClock
from tests.integration.results_inbox.acts import sends

PATIENCE_SECONDS = 10.0
PASSED_ON = text(
    "SELECT escalation_level, escalated_practitioner, escalated_pool FROM results_inbox.item ORDER BY notified_at"
)


def test_the_clock_of_the_running_api_passes_it_on_first_to_who_covers_then_to_who_is_on_call(
    api, okafor, chen
):
    okafor.results_inbox.add_coverage(
        AddCoverage(
            away_practitioner="okafor",
            covering_practitioner="chen",
            starts_on=date(2026, 11, 20),
            ends_on=date(2026, 11, 21),
        )
    )
    sends(api, "k", "6.9")
    minutes = api.parts.settings.critical_result_minutes
    api.clock.instant += timedelta(minutes=minutes - 1)
    assert left_to_itself(api, seconds=1.5) == (0, None, None), "it is not due yet"
    api.clock.instant += timedelta(minutes=1)
    assert left_to_itself(api, until_level=1) == (1, "chen", None)
    api.clock.instant += timedelta(minutes=minutes)
    assert left_to_itself(api, until_level=2) == (2, None, "on_call")
    api.clock.instant += timedelta(hours=9)
    assert left_to_itself(api, seconds=1.5) == (2, None, "on_call"), (
        "the pool keeps it until somebody acknowledges it"
    )


def left_to_itself(api, *, until_level: int | None = None, seconds: float = PATIENCE_SECONDS) -> tuple:
    """Lets the thread that the API starts run, as after a start of the service; only the database is looked at."""
    clock = ClinicClock(api.parts.database, api.clock, api.parts.settings)
    clock.start()
    try:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            found = passed_on(api)
            if until_level is not None and found[0] == until_level:
                break
            time.sleep(0.1)
        return found
    finally:
        clock.stop()


def passed_on(api) -> tuple:
    with api.work(CLERK) as work:
        return tuple(work.connection.execute(PASSED_ON).one())
