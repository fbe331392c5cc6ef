"""The incremental sensor: when changes wait too long, the worker is down, and Dagster works them off."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.settings import Settings
from pipelines.run.incremental import work_off_changes
from pipelines.run.nightly import remeasure_client

TOO_LONG = timedelta(minutes=3)
"""Longer than a claim's lease: by then a worker that crashed has let go of its batch."""


@dg.op(required_resource_keys={"almoner"})
def work_off(context: dg.OpExecutionContext) -> None:
    done = work_off_changes(context.resources.almoner.settings)
    context.log.info(f"{done} batches of changes re-measured")


@dg.job(name="work_off_changes")
def work_off_changes_job() -> None:
    work_off()


@dg.sensor(
    job=work_off_changes_job, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=60
)
def changes_wait_too_long(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    settings = Settings()
    try:
        waiting = remeasure_client(settings).pipeline.waiting()
    except AlmonerError as error:
        return dg.SkipReason(f"The API did not say how much waits: {error.message}")
    if waiting.oldest_at is None or datetime.now(UTC) - waiting.oldest_at < TOO_LONG:
        return dg.SkipReason(f"{waiting.rows} changes wait, none for long.")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=waiting.oldest_at.isoformat())])
