"""Exports since one another miss nothing: what was under way during the first is in the second, whatever clocks say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ehr_core.access.unit_of_work import begin
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from tests.integration.bulk.conftest import condition
from tests.integration.bulk.exports import finished, ids
from tests.lib.api import SEEDER

pytestmark = pytest.mark.usefixtures("three_people")
SLOW = timedelta(hours=3)


def begun(api, behind: timedelta = timedelta()):
    """A unit of work of another process, whose clock is behind."""
    clock = FixedClock(datetime.now(UTC) - behind)
    return begin(api.parts.database, SEEDER, clock, api.parts.settings.site_time_zone)


@pytest.mark.parametrize("behind", [timedelta(), SLOW])
def test_what_was_under_way_during_an_export_is_in_the_next_one(api, pipeline, behind):
    with begun(api, behind) as open_work:
        store = Store(open_work)
        store.create("Condition", condition("ana"), id="under-way")
        store.delete("Condition", "of-ben")
        first = finished(api, pipeline)
        assert "under-way" not in ids(pipeline, first, "Condition")
    second = finished(api, pipeline, since=first.transaction_time)
    assert ids(pipeline, second, "Condition") == {"under-way"}
    assert b"Condition/of-ben" in b"".join(
        line for file in second.deleted for line in pipeline.bulk.lines(file)
    )


def test_what_had_read_its_clock_but_not_yet_written_is_in_the_next_one(api, pipeline):
    """Its first statement came before the export, its transaction number after it."""
    with begun(api) as open_work:
        open_work.connection.exec_driver_sql("SELECT 1")
        first = finished(api, pipeline)
        Store(open_work).create("Condition", condition("ana"), id="late")
    second = finished(api, pipeline, since=first.transaction_time)
    assert ids(pipeline, second, "Condition") == {"late"}


def test_a_second_export_is_not_the_whole_record_again(api, pipeline):
    first = finished(api, pipeline)
    assert finished(api, pipeline, since=first.transaction_time).output == []


def test_exports_in_a_row_hold_every_change_once_somewhere(api, pipeline):
    since, seen = finished(api, pipeline).transaction_time, set()
    open_works = []
    for number in range(6):
        opened = begun(api, behind=SLOW * (number % 2))
        Store(opened.__enter__()).create("Condition", condition("cleo"), id=f"change-{number}")
        open_works.append(opened)
        if number % 2:
            open_works.pop(0).__exit__(None, None, None)
        manifest = finished(api, pipeline, since=since)
        since, seen = manifest.transaction_time, seen | ids(pipeline, manifest, "Condition")
    for opened in open_works:
        opened.__exit__(None, None, None)
    seen |= ids(pipeline, finished(api, pipeline, since=since), "Condition")
    assert seen == {f"change-{number}" for number in range(6)}


def test_the_audit_names_everybody_whose_late_change_came_out(api, pipeline):
    with begun(api, behind=SLOW) as open_work:
        Store(open_work).create("Condition", condition("ben"), id="under-way")
        first = finished(api, pipeline)
    finished(api, pipeline, since=first.transaction_time, resource_types=["Condition"])
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT patient_ids FROM audit.event WHERE act = 'bulk_export' ORDER BY at, id"
        ).scalars()
        assert list(rows)[-1] == ["ben"]


def test_a_time_from_before_a_restore_is_refused(api, pipeline):
    first = finished(api, pipeline)
    with api.work() as work:  # a dump that is loaded writes the row anew, with the numbers of the old server
        work.connection.exec_driver_sql("UPDATE bulk.watermark SET unseen_from = unseen_from")
    with pytest.raises(BadRequest, match="restored"):
        pipeline.bulk.start(since=first.transaction_time)
