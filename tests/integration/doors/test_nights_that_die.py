"""A night that is killed at any of its steps leaves whole, good results behind, and the next night heals it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from ehr_core.db.database import connect
from ehr_core.quality.cells import recount_cells
from ehr_core.store.importer import load_resources
from pipelines.run.draft import UNFINISHED_HOURS, clear_unfinished
from pipelines.run.nightly import nightly
from tests.integration.chart_records import put_observation
from tests.integration.doors.records import (
    AS_OF,
    LOADER,
    ZONE,
    current_snapshots,
    held_results,
    lake_of,
    people_lines,
)
from tests.lib.api import RunningApi
from tests.lib.dying_night import (
    BEFORE_WRITE_BACK,
    DURING_PUBLICATION,
    DURING_WRITE_BACK,
    MOMENTS,
    die_in_the_night,
)
from tests.lib.postgres import app_url_of, fresh_database
from tests.lib.served_api import served_api

IN_EVERY_RUN = {"flags are written back"}


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    """A dozen people after a good night. Each test changes a chart, and leaves a healed house behind."""
    with fresh_database(postgres_server, template=template_database) as admin_url:
        database = connect(app_url_of(admin_url))
        load_resources(database, LOADER, people_lines(), processes=1, site_time_zone=ZONE)
        with served_api(database, tmp_path_factory.mktemp("nights") / "state") as running:
            night(running)
            yield running


def night(api: RunningApi) -> str:
    done = nightly(api.service("pipeline"), api.parts.settings, as_of=AS_OF, deep_checks=False)
    return done.snapshot_id


def change_a_chart(api: RunningApi, value: float) -> str:
    """A new HbA1c of somebody with diabetes, which every step of the night has to carry; whose it is."""
    with api.work() as work:
        patient_id = work.connection.execute(
            text(
                "SELECT min(patient_id) FROM care_gaps.gap WHERE source_id = 'glycemic_control' AND present "
                "AND computed_status IN ('open', 'closed')"
            )
        ).scalar_one()
    value_of = {"value": value, "unit": "%", "code": "%"}
    put_observation(api, "changed", patient_id, at="2026-11-19T09:00:00-05:00", valueQuantity=value_of)
    return patient_id


def answer(results: dict[str, list[tuple]], patient_id: str) -> str | None:
    return next(row[9] for row in results["gaps"] if row[:2] == (patient_id, "glycemic_control"))


def moments(named: dict) -> list:
    return [
        pytest.param(
            moment, id=moment.replace(" ", "-"), marks=() if moment in IN_EVERY_RUN else pytest.mark.long
        )
        for moment in named
    ]


def values() -> Iterator[float]:
    """Values that nobody has, so that each change is seen."""
    yield from (round(9.1 + step / 10, 1) for step in range(40))


VALUES = values()


def assert_healed(api: RunningApi, patient_id: str, value: float) -> None:
    snapshot = night(api)
    assert set(current_snapshots(api).values()) == {snapshot}
    assert answer(held_results(api), patient_id) == f"{value} %"
    assert api.service("remeasure").pipeline.waiting().rows == 0
    assert cells_that_drifted(api) == 0


def cells_that_drifted(api: RunningApi) -> int:
    with api.work() as work:
        return recount_cells(work.connection)


@pytest.mark.parametrize("moment", moments(BEFORE_WRITE_BACK))
def test_killed_before_it_writes_back_it_changes_nothing_that_anybody_sees(api, moment):
    snapshots, results = current_snapshots(api), held_results(api)
    patient_id = change_a_chart(api, value := next(VALUES))
    die(api, moment)
    assert current_snapshots(api) == snapshots
    assert held_results(api) == results
    assert_healed(api, patient_id, value)


@pytest.mark.parametrize("moment", moments(DURING_WRITE_BACK))
def test_killed_while_it_writes_back_each_table_is_whole_and_so_are_the_rates(api, moment):
    snapshots, before = current_snapshots(api), held_results(api)
    patient_id = change_a_chart(api, value := next(VALUES))
    die(api, moment)
    after = held_results(api)
    assert current_snapshots(api) == snapshots
    assert cells_that_drifted(api) == 0
    gaps_arrived = moment == "everything is written back"
    assert (after["gaps"] != before["gaps"]) == gaps_arrived
    assert (after["flags"] != before["flags"]) == (moment != "strata are written back")
    assert api.service("remeasure").pipeline.waiting().rows > 0, (
        "a run that died must not call a change measured"
    )
    assert_healed(api, patient_id, value)


@pytest.mark.parametrize("moment", moments(DURING_PUBLICATION))
def test_killed_while_it_publishes_each_zone_is_the_old_one_or_the_new_one(api, moment):
    old = current_snapshots(api)
    patient_id = change_a_chart(api, value := next(VALUES))
    die(api, moment)
    now = current_snapshots(api)
    assert now["limited"] != old["limited"]
    assert (now["results"] == old["results"]) == (moment == "one zone is published")
    for zone in ("limited", "results"):
        with lake_of(api).open(zone) as connection:
            for table, count in lake_of(api).current(zone).tables.items():
                assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchall() == [(count,)]
    assert answer(held_results(api), patient_id) == f"{value} %"
    assert_healed(api, patient_id, value)


def die(api: RunningApi, moment: str) -> None:
    settings = api.parts.settings
    die_in_the_night(settings.state_folder, settings.api_port, AS_OF, moment)


def test_every_moment_is_tried_by_one_test_or_another():
    assert MOMENTS.keys() == BEFORE_WRITE_BACK.keys() | DURING_WRITE_BACK.keys() | DURING_PUBLICATION.keys()
    assert MOMENTS.keys() > IN_EVERY_RUN


def test_what_killed_nights_left_is_cleared_away_when_nobody_can_want_it_any_more(api):
    lake = lake_of(api)
    left = [
        lake.snapshot_folder(zone, "20200101T000000-dead") for zone in ("limited", "results", "safe_harbor")
    ]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "half.parquet").write_bytes(b"half")
    clear_unfinished(lake)
    assert all(folder.exists() for folder in left), "somebody may still be at work on it"
    long_ago = left[0].stat().st_mtime - (UNFINISHED_HOURS + 1) * 3600
    for folder in left:
        os.utime(folder, (long_ago, long_ago))
    current = current_snapshots(api)
    assert clear_unfinished(lake) >= len(left)
    assert not any(folder.exists() for folder in left)
    assert current_snapshots(api) == current
