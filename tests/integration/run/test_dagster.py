"""The nightly run as Dagster assets: the same steps, checks that block, shards that add up, a schedule at the site."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from data_contracts.lake import Lake
from ehr_core.client import AlmonerClient
from ehr_core.kernel.settings import Settings
from pipelines.assets import checks, panel, shards, snapshot
from pipelines.assets.resources import Almoner
from pipelines.run import steps
from tests.integration.loop.panel import panel_of

PEOPLE = 12
CHECKS = [checks.flat_tables_keep_their_contracts, checks.results_keep_their_contracts]
WHOLE = [panel.results, panel.written_back, panel.published]


class InThisProcess(Almoner):
    """The resource with the test's own API behind it."""

    def __init__(self, settings: Settings, client: AlmonerClient):
        super().__init__(settings)
        self._client = client

    def client(self) -> AlmonerClient:
        return self._client


@pytest.fixture
def people(database, tmp_path):
    """Dagster asks for today's answers, so the API's clock shows today too."""
    with panel_of(database, tmp_path / "state", PEOPLE, now=datetime.now(UTC)) as made:
        yield made


@pytest.fixture
def run(people):
    """Materializes assets with their checks in one run; several shards only when the test says so."""
    instance = dg.DagsterInstance.ephemeral()

    def running(assets, *, partition=None, shard_count=1, chosen=None):
        settings = people.api.parts.settings.model_copy(update={"pipeline_shards": shard_count})
        return dg.materialize(
            [*assets, *CHECKS],
            selection=chosen,
            instance=instance,
            partition_key=partition,
            resources={"almoner": InThisProcess(settings, people.pipeline)},
            raise_on_error=False,
        )

    running.instance = instance
    return running


def everything(shard_count=1):
    return [snapshot.limited_resources, snapshot.flat_tables, *shards.assets(shard_count), *WHOLE]


def current(people):
    found = Lake(people.api.parts.settings.lake_folder).current("results")
    return found and found.snapshot_id


def computed(people):
    """What was said, without the day that it was said for."""
    return people.rows(
        "SELECT patient_id, source_id, computed_status, gap_kind, evidence_id FROM care_gaps.gap WHERE present "
        "ORDER BY 1, 2"
    )


def test_the_assets_run_the_night_and_say_how_much_and_up_to_where(people, run):
    done = run(everything(), partition="shard-000")
    assert done.success
    assert computed(people)
    assert current(people) is not None
    (made,) = done.asset_materializations_for_node("limited_resources")
    assert made.metadata["watermark"].value > 0
    assert made.metadata["bytes"].value > 0
    (flat,) = done.asset_materializations_for_node("flat_tables")
    assert flat.metadata["dagster/row_count"].value > PEOPLE
    assert {one.check_name for one in done.get_asset_check_evaluations() if one.passed} == {
        "flat_tables_keep_their_contracts",
        "results_keep_their_contracts",
    }


def test_a_breach_blocks_what_is_downstream_and_the_next_run_heals(people, run, monkeypatch):
    derive = steps.gaps.derive

    def breaking(connection, *, as_of):
        derive(connection, as_of=as_of)
        connection.execute("UPDATE care_gaps SET priority = 9")

    monkeypatch.setattr(steps.gaps, "derive", breaking)
    broken = run(everything(), partition="shard-000")
    assert not broken.success
    assert broken.asset_materializations_for_node("written_back") == []
    assert (current(people), computed(people)) == (None, [])
    failure = people.rows("SELECT failure FROM quality.run")[0]["failure"]
    assert "priority" in failure
    monkeypatch.undo()
    assert run(everything(), partition="shard-000").success
    assert current(people) is not None


def test_two_shards_say_together_what_one_says(people, run):
    assert run(everything(), partition="shard-000").success
    one = computed(people)
    first = run([snapshot.limited_resources, snapshot.flat_tables])
    assert first.success
    names = shards.partitions(2).get_partition_keys()
    for name in names:
        chosen = dg.AssetSelection.assets(*panel.SHARDED)
        assert run(everything(2), partition=name, shard_count=2, chosen=chosen).success
    assert run(everything(2), shard_count=2, chosen=dg.AssetSelection.assets(*panel.PANEL)).success
    assert computed(people) == one
    snapshots = {panel._snapshot_of(run.instance, name) for name in names}
    assert snapshots == {current(people)}


def test_the_night_is_scheduled_by_the_site_s_clock():
    from pipelines.definitions import definitions

    schedule = definitions.get_schedule_def("every_night")
    assert schedule.cron_schedule == panel.NIGHTLY_CRON
    assert schedule.execution_timezone == Settings().site_time_zone
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert definitions.get_job_def("nightly")
    assert definitions.get_sensor_def("changes_wait_too_long")
