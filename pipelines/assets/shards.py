"""What is evaluated a shard of people at a time: recommendations, measures, gaps, strata."""

from collections.abc import Callable

import dagster as dg

from pipelines.assets.resources import Almoner
from pipelines.run import steps
from pipelines.run.draft import Draft

Step = Callable[[Draft, tuple[int, int]], int]


def partitions(shards: int) -> dg.StaticPartitionsDefinition:
    """People by the hash of their pseudonym."""
    return dg.StaticPartitionsDefinition([f"shard-{number:03d}" for number in range(shards)])


def assets(shards: int) -> list[dg.AssetsDefinition]:
    by_shard = partitions(shards)
    return [
        _asset("recommendation_results", steps.evaluate_recommendations, by_shard, shards, ()),
        _asset("measure_results", steps.evaluate_measures, by_shard, shards, ()),
        _asset("care_gaps", steps.derive_gaps, by_shard, shards, ("recommendation_results",)),
        _asset(
            "patient_strata",
            steps.derive_patient_strata,
            by_shard,
            shards,
            ("recommendation_results", "measure_results", "care_gaps"),
        ),
    ]


def _asset(
    name: str, step: Step, by_shard: dg.StaticPartitionsDefinition, shards: int, after: tuple[str, ...]
) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        group_name="results",
        kinds={"duckdb"},
        partitions_def=by_shard,
        deps=list(after),
        required_resource_keys={"almoner"},
        description=step.__doc__ or f"The {name.replace('_', ' ')} of one shard.",
    )
    def evaluated(context: dg.AssetExecutionContext, flat_tables: str) -> dg.MaterializeResult[str]:
        almoner: Almoner = context.resources.almoner
        draft = almoner.draft(flat_tables)
        rows = step(draft, (int(context.partition_key.removeprefix("shard-")), shards))
        return dg.MaterializeResult(
            value=flat_tables,
            metadata={
                "dagster/row_count": rows,
                "snapshot": flat_tables,
                "watermark": draft.facts.outbox_transaction,
            },
        )

    return evaluated
