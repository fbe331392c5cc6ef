"""The snapshot: everything exported, de-identified, and flattened."""

import dagster as dg

from pipelines.assets.resources import Almoner, bytes_in
from pipelines.run.snapshot import take_snapshot
from pipelines.run.steps import flatten_snapshot

TRY_AGAIN = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)
"""For steps that speak to the API: it may be restarting."""


@dg.asset(group_name="limited", kinds={"fhir"}, retry_policy=TRY_AGAIN, required_resource_keys={"almoner"})
def limited_resources(context: dg.AssetExecutionContext) -> dg.MaterializeResult[str]:
    """Whole resources of the panel as a HIPAA limited data set. Still PHI."""
    almoner: Almoner = context.resources.almoner
    draft = take_snapshot(almoner.client(), almoner.settings, context.log.info)
    facts = draft.facts
    return dg.MaterializeResult(
        value=draft.snapshot_id,
        metadata={
            "bytes": bytes_in(draft.resources),
            "watermark": facts.outbox_transaction,
            "taken_at": facts.taken_at.isoformat(),
            "as_of": facts.as_of.isoformat(),
            "key": facts.key_id,
            "explained": dict(facts.explained),
        },
    )


@dg.asset(group_name="limited", kinds={"duckdb", "parquet"}, required_resource_keys={"almoner"})
def flat_tables(context: dg.AssetExecutionContext, limited_resources: str) -> dg.MaterializeResult[str]:
    """The typed columns that definitions read."""
    almoner: Almoner = context.resources.almoner
    draft = almoner.draft(limited_resources)
    rows = flatten_snapshot(draft, almoner.settings.site_time_zone)
    return dg.MaterializeResult(
        value=limited_resources,
        metadata={
            "dagster/row_count": sum(rows.values()),
            "rows": rows,
            "bytes": bytes_in(draft.limited) - bytes_in(draft.resources),
            "watermark": draft.facts.outbox_transaction,
        },
    )
