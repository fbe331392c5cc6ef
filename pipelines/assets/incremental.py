"""The incremental sensor: when changes wait too long, the worker is down, and Dagster works them off.

As long as they wait it asks again, one run at a time: a run that failed is no reason to give up.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ehr_core.kernel.errors import AlmonerError
from pipelines.assets.panel import LINE
from pipelines.assets.resources import Almoner
from pipelines.run.incremental import work_off_changes

TOO_LONG = timedelta(minutes=3)
"""Longer than a claim's lease: by then a worker that crashed has let go of its batch."""

AT_WORK = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.op(required_resource_keys={"almoner"})
def work_off(context: dg.OpExecutionContext) -> None:
    done = work_off_changes(context.resources.almoner.settings)
    context.log.info(f"{done} batches of changes re-measured")


@dg.job(name="work_off_changes", tags={LINE: "the minutes"})
def work_off_changes_job() -> None:
    work_off()


@dg.sensor(
    job=work_off_changes_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
    required_resource_keys={"almoner"},
)
def changes_wait_too_long(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    almoner: Almoner = context.resources.almoner
    try:
        waiting = almoner.remeasure_client().pipeline.waiting()
    except AlmonerError as error:
        return dg.SkipReason(f"The API did not say how much waits: {error.message}")
    if waiting.oldest_at is None or datetime.now(UTC) - waiting.oldest_at < TOO_LONG:
        return dg.SkipReason(f"{waiting.rows} changes wait, none for long.")
    at_work = dg.RunsFilter(job_name=work_off_changes_job.name, statuses=AT_WORK)
    if context.instance.get_runs_count(at_work):
        return dg.SkipReason("A run works them off already.")
    return dg.SensorResult(run_requests=[dg.RunRequest()])
