"""What is evaluated a shard of people at a time: recommendations, measures, gaps, strata."""

from collections.abc import Callable
from functools import partial

import dagster as dg

from data_contracts.contract import Table
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS, PATIENT_STRATA, RECOMMENDATION_RESULTS
from pipelines.assets.resources import TRY_AGAIN, checked, step
from pipelines.run import steps
from pipelines.run.draft import Draft

Evaluate = Callable[[Draft, tuple[int, int]], int]


def partitions(shards: int) -> dg.StaticPartitionsDefinition:
    """People by the hash of their pseudonym."""
    return dg.StaticPartitionsDefinition([f"shard-{number:03d}" for number in range(shards)])


def assets(shards: int) -> list[dg.AssetsDefinition]:
    by_shard = partitions(shards)
    earlier = (RECOMMENDATION_RESULTS, MEASURE_RESULTS, CARE_GAPS)
    return [
        _asset(RECOMMENDATION_RESULTS, steps.evaluate_recommendations, by_shard, shards, ()),
        _asset(MEASURE_RESULTS, steps.evaluate_measures, by_shard, shards, ()),
        _asset(CARE_GAPS, steps.derive_gaps, by_shard, shards, (RECOMMENDATION_RESULTS,)),
        _asset(PATIENT_STRATA, steps.derive_patient_strata, by_shard, shards, earlier),
    ]


def _asset(
    table: Table,
    evaluate: Evaluate,
    by_shard: dg.StaticPartitionsDefinition,
    shards: int,
    after: tuple[Table, ...],
) -> dg.AssetsDefinition:
    keeps = dg.AssetCheckSpec(
        "shard_keeps_its_contract",
        asset=table.name,
        blocking=True,
        description="Every rule of the table over the shard's rows.",
    )

    @dg.asset(
        name=table.name,
        group_name="results",
        kinds={"duckdb"},
        partitions_def=by_shard,
        deps=[needed.name for needed in after],
        retry_policy=TRY_AGAIN,
        required_resource_keys={"almoner"},
        check_specs=[keeps],
        description=f"One shard. {table.description}",
    )
    def evaluated(context: dg.AssetExecutionContext, flat_tables: str):
        shard = (int(context.partition_key.removeprefix("shard-")), shards)
        with step(context, flat_tables) as at:
            rows = evaluate(at.draft, shard)
            size = steps.shard_file(at.draft, table, shard[0]).stat().st_size
            check = partial(steps.check_shard, table=table, shard=shard)
            return dg.MaterializeResult(
                value=at.draft.snapshot_id,
                metadata=at.made(rows=rows, size=size),
                check_results=[checked(at.almoner, at.draft, check, check_name=keeps.name)],
            )

    return evaluated
