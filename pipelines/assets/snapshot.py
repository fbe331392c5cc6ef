"""The snapshot: everything exported, de-identified, and flattened."""

import dagster as dg

from pipelines.assets.resources import TRY_AGAIN, bytes_in, checked, step
from pipelines.run.snapshot import take_snapshot
from pipelines.run.steps import check_resources, flatten_snapshot

LINES_ARE_ALL_THERE = dg.AssetCheckSpec(
    "lines_are_all_there",
    asset="limited_resources",
    blocking=True,
    description="The files hold every line that de-identification let pass, and no other.",
)


@dg.asset(
    group_name="limited",
    kinds={"fhir"},
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    check_specs=[LINES_ARE_ALL_THERE],
)
def limited_resources(context: dg.AssetExecutionContext):
    """Whole resources of the panel as a HIPAA limited data set. Still PHI."""
    with step(context) as at:
        at.draft = draft = take_snapshot(at.almoner.client(), at.almoner.settings, context.log.info)
        facts = draft.facts
        return dg.MaterializeResult(
            value=draft.snapshot_id,
            metadata=at.made(
                rows=sum(facts.kept.values()),
                size=bytes_in(draft.resources),
                taken_at=facts.taken_at.isoformat(),
                as_of=facts.as_of.isoformat(),
                key=facts.key_id,
                explained=dict(facts.explained),
            ),
            check_results=[checked(at.almoner, draft, check_resources, check_name=LINES_ARE_ALL_THERE.name)],
        )


@dg.asset(
    group_name="limited",
    kinds={"duckdb", "parquet"},
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
)
def flat_tables(context: dg.AssetExecutionContext, limited_resources: str) -> dg.MaterializeResult[str]:
    """The typed columns that definitions read."""
    with step(context, limited_resources) as at:
        rows = flatten_snapshot(at.draft, at.almoner.settings.site_time_zone)
        size = bytes_in(at.draft.limited) - bytes_in(at.draft.resources)
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=at.made(rows=sum(rows.values()), size=size, rows_by_table=rows),
        )
