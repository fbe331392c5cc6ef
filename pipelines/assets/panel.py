"""The whole panel again: joined results, write-back, publication; the nightly job and how several shards follow it."""

import dagster as dg

from ehr_core.kernel.settings import Settings
from pipelines.assets.resources import Almoner, bytes_in
from pipelines.assets.shards import partitions
from pipelines.assets.snapshot import TRY_AGAIN
from pipelines.run.nightly import finish
from pipelines.run.steps import check_flat, check_results, join_results, write_back

NIGHTLY_CRON = "0 2 * * *"
SHARDED = ("recommendation_results", "measure_results", "care_gaps", "patient_strata")
SNAPSHOT = ("limited_resources", "flat_tables")
PANEL = ("results", "written_back", "published")


@dg.asset(group_name="results", deps=list(SHARDED), required_resource_keys={"almoner"}, kinds={"parquet"})
def results(context: dg.AssetExecutionContext, flat_tables: str) -> dg.MaterializeResult[str]:
    """One file a results table."""
    almoner: Almoner = context.resources.almoner
    draft = almoner.draft(flat_tables)
    join_results(draft, almoner.settings.pipeline_shards)
    return dg.MaterializeResult(value=flat_tables, metadata={"bytes": bytes_in(draft.results)})


@dg.asset(
    group_name="results", retry_policy=TRY_AGAIN, required_resource_keys={"almoner"}, kinds={"postgres"}
)
def written_back(context: dg.AssetExecutionContext, results: str) -> dg.MaterializeResult[str]:
    """Gaps, flags and strata in the core: only what changed is touched."""
    almoner: Almoner = context.resources.almoner
    draft = almoner.draft(results)
    changed = write_back(almoner.client(), draft, context.log.info)
    return dg.MaterializeResult(
        value=results,
        metadata={
            "dagster/row_count": sum(changed.values()),
            "changed": changed,
            "watermark": draft.facts.outbox_transaction,
        },
    )


@dg.asset(group_name="results", retry_policy=TRY_AGAIN, required_resource_keys={"almoner"})
def published(context: dg.AssetExecutionContext, written_back: str) -> dg.MaterializeResult[str]:
    """The snapshot is current, by rename, and the core knows how fresh its numbers are."""
    almoner: Almoner = context.resources.almoner
    draft = almoner.draft(written_back)
    told = finish(almoner.client(), draft, check_flat(draft, deep=False), check_results(draft, deep=False))
    seconds = (told.finished_at - told.started_at).total_seconds()
    return dg.MaterializeResult(value=written_back, metadata={"rows": told.counts, "seconds": seconds})


def jobs(settings: Settings) -> list:
    """One shard: one job. Several: the snapshot, then a run a shard, then the panel, tied together by sensors."""
    if settings.pipeline_shards == 1:
        everything = dg.AssetSelection.assets(*SNAPSHOT, *SHARDED, *PANEL)
        return [dg.define_asset_job("nightly", everything, partitions_def=partitions(1))]
    return [
        dg.define_asset_job("nightly", dg.AssetSelection.assets(*SNAPSHOT)),
        dg.define_asset_job(
            "evaluate_shard",
            dg.AssetSelection.assets(*SHARDED),
            partitions_def=partitions(settings.pipeline_shards),
        ),
        dg.define_asset_job("finish_panel", dg.AssetSelection.assets(*PANEL)),
    ]


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
    """With several shards: a run for each once the tables are there, and the panel once every shard is done."""
    if settings.pipeline_shards == 1:
        return []
    names = partitions(settings.pipeline_shards).get_partition_keys()

    @dg.asset_sensor(
        asset_key=dg.AssetKey("flat_tables"),
        job_name="evaluate_shard",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def tables_are_there(context: dg.SensorEvaluationContext, event: dg.EventLogEntry):
        for name in names:
            yield dg.RunRequest(run_key=f"{event.run_id}-{name}", partition_key=name)

    @dg.sensor(
        job_name="finish_panel", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30
    )
    def every_shard_is_done(context: dg.SensorEvaluationContext):
        done = {name: _snapshot_of(context.instance, name) for name in names}
        snapshots = set(done.values())
        if len(snapshots) == 1 and None not in snapshots:
            yield dg.RunRequest(run_key=snapshots.pop())

    return [tables_are_there, every_shard_is_done]


def _snapshot_of(instance: dg.DagsterInstance, partition: str) -> str | None:
    """The snapshot that a shard's strata, the last of its steps, were made from."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("patient_strata"), asset_partitions=[partition]), limit=1
    ).records
    if not records:
        return None
    return str(records[0].asset_materialization.metadata["snapshot"].value)
