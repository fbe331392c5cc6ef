"""The whole panel again: joined results, write-back, publication; the nightly job and how several shards follow it."""

from collections.abc import Iterator

import dagster as dg

from data_contracts.tables.official import OFFICIAL_RESULTS
from data_contracts.tables.results import MEASURE_RESULTS
from ehr_core.kernel.settings import Settings
from pipelines.assets.official import OFFICIAL
from pipelines.assets.resources import SNAPSHOT_TAG, TRY_AGAIN, bytes_in, step
from pipelines.assets.shards import partitions
from pipelines.run.nightly import finish
from pipelines.run.safe_harbor import publish_safe_harbor
from pipelines.run.steps import check_flat, check_results, join_results, write_back

NIGHTLY_CRON = "0 2 * * *"
SHARDED = ("recommendation_results", "measure_results", "care_gaps", "patient_strata")
SNAPSHOT = ("limited_resources", "flat_tables")
PANEL = ("results", "written_back", "published", "risk_scores", "data_quality", "safe_harbor")
LINE = "almoner/line"
"""Runs stand in line behind others of the same line only: the minutes do not wait for the night (services.py)."""

THE_NIGHT = {LINE: "the night"}
LAST = {"dagster/priority": "-10"}
"""Of a step that goes when nothing else can: it takes along the official results where there are some, and does not
wait for them where they failed.
"""

EVERYBODY_IS_KNOWN = dg.AssetCheckSpec(
    "everybody_is_known_to_the_core",
    asset="written_back",
    description="The core took every row for somebody; none was of a person whom it does not know.",
)
ZONES_ARE_CURRENT = dg.AssetCheckSpec(
    "zones_are_current", asset="published", description="What readers open is this snapshot, in both zones."
)
EVERY_ANSWER_IS_THERE = dg.AssetCheckSpec(
    "every_answer_is_there",
    asset="safe_harbor",
    description="The zone is current and holds as many results of our own and official measures as were checked.",
)


@dg.asset(
    group_name="results",
    deps=list(SHARDED),
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"parquet"},
)
def results(context: dg.AssetExecutionContext, flat_tables: str) -> dg.MaterializeResult[str]:
    """One file a results table."""
    with step(context, flat_tables) as at:
        rows = join_results(at.draft, at.almoner.settings.pipeline_shards)
        told = at.made(rows=sum(rows.values()), size=bytes_in(at.draft.results), rows_by_table=rows)
        return dg.MaterializeResult(value=at.draft.snapshot_id, metadata=told)


@dg.asset(
    group_name="results",
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"postgres"},
    check_specs=[EVERYBODY_IS_KNOWN],
)
def written_back(context: dg.AssetExecutionContext, results: str):
    """Gaps, flags and strata in the core: only what changed is touched."""
    with step(context, results) as at:
        receipts = write_back(at.almoner.client(), at.draft, context.log.info)
        changed = {name: said.inserted + said.changed + said.removed for name, said in receipts.items()}
        unknown = {name: said.refused_unknown_patient for name, said in receipts.items()}
        told = at.made(rows=sum(changed.values()), size=bytes_in(at.draft.results), changed=changed)
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=told,
            check_results=[
                dg.AssetCheckResult(
                    passed=not any(unknown.values()), check_name=EVERYBODY_IS_KNOWN.name, metadata=unknown
                )
            ],
        )


@dg.asset(
    group_name="results",
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    check_specs=[ZONES_ARE_CURRENT],
)
def published(context: dg.AssetExecutionContext, written_back: str):
    """The snapshot is current, by rename, and the core knows how fresh its numbers are."""
    with step(context, written_back) as at:
        flat, answers = check_flat(at.draft, deep=False), check_results(at.draft, deep=False)
        said = finish(at.almoner.client(), at.draft, flat, answers)
        current = {zone: at.draft.lake.current(zone).snapshot_id for zone in ("limited", "results")}
        told = at.made(
            rows=sum(said.counts.values()),
            size=bytes_in(at.draft.limited) + bytes_in(at.draft.results),
            rows_by_table=said.counts,
            people_not_checked=len(said.not_checked),
            seconds_of_the_night=(said.finished_at - said.started_at).total_seconds(),
        )
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=told,
            check_results=[
                dg.AssetCheckResult(
                    passed=set(current.values()) == {at.draft.snapshot_id},
                    check_name=ZONES_ARE_CURRENT.name,
                    metadata=current,
                )
            ],
        )


@dg.asset(
    group_name="safe_harbor",
    deps=["risk_scores"],
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"parquet"},
    check_specs=[EVERY_ANSWER_IS_THERE],
    op_tags=LAST,
)
def safe_harbor(context: dg.AssetExecutionContext, published: str):
    """The same snapshot without any of the eighteen identifiers: what notebooks and extracts read."""
    with step(context, published) as at:
        rows = publish_safe_harbor(at.draft, at.almoner.settings.site_time_zone)
        lake, name = at.draft.lake, MEASURE_RESULTS.name
        answers = lake.current("results").tables[name]
        whole = lake.current("safe_harbor").snapshot_id == at.draft.snapshot_id and rows[name] == answers
        whole &= at.draft.facts.official_is_sound == (OFFICIAL_RESULTS.name in rows)
        size = bytes_in(lake.snapshot_folder("safe_harbor", at.draft.snapshot_id))
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=at.made(rows=sum(rows.values()), size=size, rows_by_table=rows),
            check_results=[
                dg.AssetCheckResult(
                    passed=whole, check_name=EVERY_ANSWER_IS_THERE.name, metadata={"answers": answers}
                )
            ],
        )


def jobs(settings: Settings) -> list:
    """One shard: one job. Several: the snapshot, then a run a shard, then the panel, tied together by sensors."""
    if settings.pipeline_shards == 1:
        return [_job("nightly", *SNAPSHOT, *SHARDED, *PANEL, *OFFICIAL)]
    panel = _job("finish_panel", *PANEL, *OFFICIAL)
    return [_job("nightly", *SNAPSHOT), _job("evaluate_shard", *SHARDED), panel]


def _job(name: str, *assets: str):
    return dg.define_asset_job(name, dg.AssetSelection.assets(*assets), tags=THE_NIGHT)


def nightly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Two o'clock at the site: after the day has turned, before anybody comes."""

    @dg.schedule(
        cron_schedule=NIGHTLY_CRON,
        job_name="nightly",
        execution_timezone=settings.site_time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        name="every_night",
    )
    def every_night() -> dg.RunRequest:
        return dg.RunRequest(partition_key="shard-000" if settings.pipeline_shards == 1 else None)

    return every_night


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """With several shards: a run for each once the tables are good, and the panel once every shard is.

    They look at runs that have succeeded: a table is there before its blocking check has judged it.
    """
    if settings.pipeline_shards == 1:
        return []
    names = partitions(settings.pipeline_shards).get_partition_keys()

    @dg.sensor(
        job_name="evaluate_shard", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30
    )
    def tables_are_good(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        snapshot = _snapshot_of(context.instance, "flat_tables")
        for name in names if snapshot else ():
            yield dg.RunRequest(
                run_key=f"{snapshot}-{name}", partition_key=name, tags={SNAPSHOT_TAG: snapshot}
            )

    @dg.sensor(
        job_name="finish_panel", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30
    )
    def every_shard_is_good(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        snapshots = {_snapshot_of(context.instance, "patient_strata", name) for name in names}
        if len(snapshots) == 1 and (snapshot := snapshots.pop()):
            yield dg.RunRequest(run_key=snapshot, tags={SNAPSHOT_TAG: snapshot})

    return [tables_are_good, every_shard_is_good]


def _snapshot_of(instance: dg.DagsterInstance, asset: str, partition: str | None = None) -> str | None:
    """The snapshot that the asset (of a shard) was last made from; None unless that run succeeded, checks and all."""
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey(asset), asset_partitions=[partition] if partition else None
    )
    records = instance.fetch_materializations(wanted, limit=1).records
    if not records:
        return None
    run = instance.get_run_by_id(records[0].run_id)
    if run is None or run.status != dg.DagsterRunStatus.SUCCESS:
        return None
    return str(records[0].asset_materialization.metadata["snapshot"].value)
