"""The data quality of a night as one asset, held to its contracts. Nothing else waits for it."""

import dagster as dg

from data_contracts.expectations import ContractBreached
from pipelines.assets.resources import TRY_AGAIN, bytes_in, step
from pipelines.run.data_quality import check_data, write_back_data_quality

KEEPS_ITS_CONTRACTS = dg.AssetCheckSpec(
    "data_quality_keeps_its_contracts",
    asset="data_quality",
    description="Every rule of the three tables: what is unknown is null, and nothing is touched by no defect.",
)


@dg.asset(
    group_name="results",
    deps=["published"],
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"duckdb", "postgres"},
    check_specs=[KEEPS_ITS_CONTRACTS],
)
def data_quality(context: dg.AssetExecutionContext, flat_tables: str):
    """What is wrong with the data, which measures each defect touches, and a few records of each; told to the core."""
    with step(context, flat_tables) as at:
        try:
            checks = check_data(at.draft)
        except ContractBreached as breach:
            failed = dg.AssetCheckResult(
                passed=False, description=breach.short, check_name=KEEPS_ITS_CONTRACTS.name
            )
            return dg.MaterializeResult(value=at.draft.snapshot_id, check_results=[failed])
        receipts = write_back_data_quality(at.almoner.client(), at.draft, context.log.info)
        passed = dg.AssetCheckResult(passed=True, check_name=KEEPS_ITS_CONTRACTS.name)
        told = at.made(
            rows=sum(one.received for one in receipts.values()),
            size=bytes_in(at.draft.results),
            checks=checks,
        )
        return dg.MaterializeResult(value=at.draft.snapshot_id, metadata=told, check_results=[passed])
