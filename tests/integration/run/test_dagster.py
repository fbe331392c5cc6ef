"""The nightly run as Dagster assets: the same steps, checks that block, shards that add up, a schedule at the site."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from data_contracts.api.pipeline import ChangesWaiting
from data_contracts.lake import Lake
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import BadRequest, Conflict, Unavailable
from ehr_core.kernel.settings import Settings
from ehr_core.population import story_patient_id
from pipelines.assets import incremental, panel
from pipelines.assets.official import OFFICIAL
from pipelines.assets.resources import SNAPSHOT_TAG, Almoner, step
from pipelines.definitions import define
from pipelines.measures.official.kept import KeptPackages
from pipelines.run import official_packages, steps
from pipelines.run.importing import import_package, judge
from pipelines.services import dagster_daemon, dagster_home, dagster_webserver
from tests.integration.loop.panel import Panel, panel_of
from tests.lib.dagster_night import run_night
from tests.lib.elm_package import small_package, written

PEOPLE = 12
ZONES = ("limited", "results", "safe_harbor")


class InThisProcess(Almoner):
    """The resource with the test's own API behind it."""

    def __init__(self, settings: Settings, client: AlmonerClient):
        super().__init__(settings)
        self._client = client

    def client(self) -> AlmonerClient:
        return self._client


class House:
    """Dagster over a panel: its jobs, its sensors, and what a daemon does with what they ask for."""

    def __init__(self, people: Panel, shard_count: int, folder: str):
        settings = people.api.parts.settings.model_copy(update={"pipeline_shards": shard_count})
        self.settings = settings
        self.instance = dg.DagsterInstance.ephemeral()
        files = dg.FilesystemIOManager(base_dir=folder)
        self.definitions = define(settings, InThisProcess(settings, people.pipeline), io_manager=files)
        self._asked: set[str] = set()

    def run(self, job: str, request: dg.RunRequest | None = None) -> dg.ExecuteInProcessResult:
        request = request or dg.RunRequest()
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=request.tags,
            raise_on_error=False,
        )

    def night(self) -> dg.ExecuteInProcessResult:
        return self.run("nightly", panel.nightly_schedule(self.settings)())

    def asked(self) -> list[tuple[str, dg.RunRequest]]:
        """What the shards' sensors ask for now and have not asked for before, as a daemon reads them."""
        found = []
        for sensor in panel.sensors(self.settings):
            context = dg.build_sensor_context(instance=self.instance, definitions=self.definitions)
            for request in sensor.evaluate_tick(context).run_requests:
                if request.run_key not in self._asked:
                    self._asked.add(request.run_key)
                    found.append((sensor.job_name, request))
        return found


@pytest.fixture
def people(database, tmp_path) -> Iterator[Panel]:
    """Dagster asks for today's answers, so the API's clock shows today too."""
    with panel_of(database, tmp_path / "state", PEOPLE, now=datetime.now(UTC)) as made:
        yield made


@pytest.fixture
def house(people, tmp_path) -> Callable[[int], House]:
    return lambda shard_count=1: House(people, shard_count, str(tmp_path / f"handed-on-{shard_count}"))


def current(people: Panel) -> dict[str, str | None]:
    lake = Lake(people.api.parts.settings.lake_folder)
    return {zone: (found := lake.current(zone)) and found.snapshot_id for zone in ZONES}


def computed(people: Panel) -> list[dict]:
    """What was said, without the day that it was said for."""
    return people.rows(
        "SELECT patient_id, source_id, computed_status, gap_kind, evidence_id FROM care_gaps.gap WHERE present "
        "ORDER BY 1, 2"
    )


def retries(done: dg.ExecuteInProcessResult) -> int:
    return sum(event.is_step_up_for_retry for event in done.all_events)


@pytest.mark.long
def test_the_official_measures_are_assets_of_the_same_night_with_checks_of_their_own(people, house, tmp_path):
    judged = judge(written(small_package(), tmp_path / "package"))
    import_package(people.pipeline, judged, "package", activated=True)
    done = house().night()
    assert done.success
    assert people.rows("SELECT 1 FROM quality.measure_flag WHERE official")
    assert people.rows("SELECT 1 FROM quality.run WHERE kind = 'official' AND failure IS NULL")
    for name in OFFICIAL:
        (made,) = done.asset_materializations_for_node(name)
        assert made.metadata["dagster/row_count"].value > 0, name
    verdicts = {one.check_name: one.passed for one in done.get_asset_check_evaluations()}
    assert verdicts["inputs_are_whole"]
    assert verdicts["official_tables_keep_their_contracts"]


@pytest.mark.long
def test_a_failing_official_input_blocks_the_official_results_and_nothing_of_our_own(
    people, house, tmp_path, monkeypatch
):
    judged = judge(written(small_package(), tmp_path / "package"))
    import_package(people.pipeline, judged, "package", activated=True)
    monkeypatch.setattr(official_packages, "PACKAGES", KeptPackages())
    monkeypatch.setattr(people.pipeline.pipeline, "official_package", lambda _: judged.content[:-20])
    done = house().night()
    assert not done.success
    assert computed(people), "our own gaps are there"
    assert current(people)["results"] is not None, "and published"
    assert people.rows("SELECT 1 FROM quality.measure_flag WHERE official") == []
    assert not done.asset_materializations_for_node("official_results")
    (run,) = people.rows("SELECT failure FROM quality.run WHERE kind = 'official'")
    assert "not the one that was imported" in run["failure"]


def test_the_assets_run_the_night_and_each_says_how_much_how_long_and_up_to_where(people, house):
    at = house()
    done = at.night()
    assert done.success
    assert computed(people)
    assert len(set(current(people).values())) == 1
    for name in (*panel.SNAPSHOT, *panel.SHARDED, *panel.PANEL):
        (made,) = done.asset_materializations_for_node(name)
        told = {key: value.value for key, value in made.metadata.items()}
        assert told["dagster/row_count"] > 0, name
        assert told["bytes"] > 0, name
        assert told["seconds"] >= 0, name
        assert told["watermark"] > 0, name
        assert told["snapshot"] == current(people)["results"], name
    checked = {one.asset_key.path[-1] for one in done.get_asset_check_evaluations() if one.passed}
    assert checked == {*panel.SNAPSHOT, *panel.SHARDED, *panel.PANEL, *OFFICIAL} - {"official_results"}
    assert all(one.passed for one in done.get_asset_check_evaluations())


@pytest.mark.long
def test_the_night_by_hand_and_the_night_in_dagster_are_one_pipeline(people, house):
    assert house().night().success
    held, by_dagster = people.held(), current(people)
    people.night()
    assert people.held() == held
    by_hand = current(people)
    assert set(by_hand.values()).isdisjoint(by_dagster.values())
    assert [len(set(zones.values())) for zones in (by_dagster, by_hand)] == [1, 1]


def test_every_asset_is_tried_again(house):
    policies = {
        name: node.retry_policy
        for definition in house().definitions.assets
        for name, node in [(definition.key.path[-1], definition.op)]
    }
    assert policies.keys() == {*panel.SNAPSHOT, *panel.SHARDED, *panel.PANEL, *OFFICIAL}
    assert all(policy and policy.max_retries >= 1 for policy in policies.values())


@pytest.mark.parametrize(
    ("error", "again"), [(Unavailable, True), (OSError, True), (Conflict, False), (BadRequest, False)]
)
def test_only_what_may_succeed_the_next_time_is_tried_again(error, again):
    context = SimpleNamespace(resources=SimpleNamespace(almoner=None), run=SimpleNamespace(tags={}))
    with pytest.raises(error if again else dg.Failure) as raised, step(context):
        raise error("no")
    assert again or not raised.value.allow_retries


@pytest.mark.long
def test_answers_for_another_day_are_refused_once_and_not_sent_again(people, house):
    people.pass_days(3)
    done = house().night()
    assert not done.success
    assert retries(done) == 0
    assert "of today" in done.failure_data_for_node("written_back").user_failure_data.description
    assert set(current(people).values()) == {None}


@pytest.mark.long
def test_a_breach_blocks_what_is_downstream_is_not_tried_again_and_the_next_run_heals(
    people, house, monkeypatch
):
    derive = steps.gaps.derive

    def breaking(connection, *, as_of):
        derive(connection, as_of=as_of)
        connection.execute("UPDATE care_gaps SET priority = 9")

    monkeypatch.setattr(steps.gaps, "derive", breaking)
    broken = house().night()
    assert not broken.success
    assert retries(broken) == 0
    assert broken.asset_materializations_for_node("written_back") == []
    assert (set(current(people).values()), computed(people)) == ({None}, [])
    failure = people.rows("SELECT failure FROM quality.run")[0]["failure"]
    assert "priority" in failure
    monkeypatch.undo()
    assert house().night().success
    assert None not in current(people).values()


def break_the_tables(connection, _):
    connection.execute("UPDATE observation SET value_comparator = 'about'")
    return {}


@pytest.mark.long
def test_a_breach_of_the_flat_tables_starts_no_shard(people, house, monkeypatch):
    at = house(2)
    monkeypatch.setattr(steps, "take_out", break_the_tables)
    assert not at.night().success
    assert at.asked() == []
    assert computed(people) == []


@pytest.mark.long
def test_two_shards_say_together_what_one_says_and_a_broken_night_between_does_not_mix_in(
    people, house, monkeypatch
):
    assert house().night().success
    one = computed(people)
    at = house(2)
    good = at.night()
    assert good.success
    waiting = at.asked()
    assert [job for job, _ in waiting] == ["evaluate_shard", "evaluate_shard"]
    monkeypatch.setattr(steps, "take_out", break_the_tables)
    assert not at.night().success
    monkeypatch.undo()
    first, second = waiting
    assert at.run(*first).success
    assert at.asked() == [], "one of two shards is not the panel"
    assert at.run(*second).success
    ((job, request),) = at.asked()
    assert job == "finish_panel"
    assert at.run(job, request).success
    assert computed(people) == one
    assert (
        set(current(people).values()) == {request.tags[SNAPSHOT_TAG]} == {good.output_for_node("flat_tables")}
    )


@pytest.mark.long
def test_a_shard_that_breaks_its_contract_keeps_the_panel_waiting(people, house, monkeypatch):
    at = house(2)
    assert at.night().success
    strata = steps.derive_strata

    def breaking(connection, *, as_of):
        strata(connection, as_of=as_of)
        connection.execute("UPDATE patient_strata SET age_band = 'old'")

    monkeypatch.setattr(steps, "derive_strata", breaking)
    (first, second) = at.asked()
    assert not at.run(*first).success
    monkeypatch.undo()
    assert at.run(*second).success
    assert at.asked() == []
    assert computed(people) == []


class Waiting(Almoner):
    """Says that changes have waited for so long."""

    def __init__(self, waited: timedelta | None):
        oldest = None if waited is None else datetime.now(UTC) - waited
        said = ChangesWaiting(rows=3 if oldest else 0, oldest_at=oldest)
        self._client = SimpleNamespace(pipeline=SimpleNamespace(waiting=lambda: said))
        super().__init__(Settings())

    def remeasure_client(self):
        return self._client


def asked_for(instance: dg.DagsterInstance, waited: timedelta | None) -> int:
    context = dg.build_sensor_context(instance=instance, resources={"almoner": Waiting(waited)})
    return len(incremental.changes_wait_too_long.evaluate_tick(context).run_requests)


def test_changes_that_wait_too_long_are_worked_off_again_and_again_one_run_at_a_time():
    instance = dg.DagsterInstance.ephemeral()
    long = timedelta(minutes=5)
    name = incremental.work_off_changes_job.name
    assert [asked_for(instance, waited) for waited in (None, timedelta(minutes=1), long)] == [0, 0, 1]
    at_work = create_run_for_test(instance, job_name=name, status=dg.DagsterRunStatus.STARTED)
    assert asked_for(instance, long) == 0
    instance.report_run_failed(at_work)
    assert asked_for(instance, long) == 1, "a run that failed is no reason to give up"
    create_run_for_test(instance, job_name="nightly", status=dg.DagsterRunStatus.STARTED)
    assert asked_for(instance, long) == 1


def test_the_minutes_do_not_wait_for_the_night_and_nothing_leaves_the_machine(tmp_path):
    settings = Settings(state=tmp_path)
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_retries_enabled
        queue = instance.run_coordinator.get_run_queue_config()
    assert queue.max_concurrent_runs == 2
    (line,) = queue.tag_concurrency_limits
    assert (line["key"], line["limit"]) == (panel.LINE, 1)
    definitions = define(settings, Almoner(settings))
    lines = {
        name: definitions.resolve_job_def(name).tags[panel.LINE] for name in ("nightly", "work_off_changes")
    }
    assert len(set(lines.values())) == 2
    for service in (dagster_webserver(settings), dagster_daemon(settings)):
        assert service.env["DAGSTER_DISABLE_TELEMETRY"] == "1"


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("dies_before", "has_arrived"), [("write_back", False), ("finish", True)])
def test_a_run_that_is_killed_leaves_the_last_good_results_and_the_next_one_heals(
    people, dies_before, has_arrived
):
    settings, ana = people.api.parts.settings, story_patient_id("ana-reyes")
    assert run_night(settings) == 0
    good, held = current(people), people.held()
    people.record_a1c("in-between", ana, "6.1", people.today)
    assert run_night(settings, dies_before) == -signal.SIGKILL
    assert current(people) == good
    assert (people.gap(ana, "glycemic_control")["evidence_id"] == "in-between") == has_arrived
    assert (people.held() != held) == has_arrived
    assert people.api.service("remeasure").pipeline.waiting().rows == 1, "nothing is called measured"
    assert run_night(settings) == 0
    assert set(current(people).values()).isdisjoint(good.values())
    assert len(set(current(people).values())) == 1
    assert people.gap(ana, "glycemic_control")["evidence_id"] == "in-between"
    assert people.api.service("remeasure").pipeline.waiting().rows == 0
    with dg.DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        statuses = [run.status for run in instance.get_runs()]
    assert len(statuses) == 3, "the history outlives the processes"
    assert statuses.count(dg.DagsterRunStatus.SUCCESS) == 2


def test_the_night_is_scheduled_by_the_site_s_clock():
    settings = Settings()
    definitions = define(settings, Almoner(settings))
    schedule = definitions.resolve_schedule_def("every_night")
    assert schedule.cron_schedule == panel.NIGHTLY_CRON
    assert schedule.execution_timezone == settings.site_time_zone
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert definitions.resolve_job_def("nightly")
    assert definitions.resolve_sensor_def("changes_wait_too_long")
