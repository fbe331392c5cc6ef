"""The risk scores of a night as one asset, held to its contract. Nothing else waits for it."""

import dagster as dg

from data_contracts.expectations import ContractBreached
from pipelines.assets.resources import TRY_AGAIN, bytes_in, step
from pipelines.run.risk import score_risk

KEEPS_ITS_CONTRACT = dg.AssetCheckSpec(
    "risk_scores_keep_their_contract",
    asset="risk_scores",
    description="Every rule of the table over all rows: who is unknown has a reason and no value.",
)


@dg.asset(
    group_name="results",
    deps=["published"],
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"duckdb", "parquet"},
    check_specs=[KEEPS_ITS_CONTRACT],
)
def risk_scores(context: dg.AssetExecutionContext, flat_tables: str):
    """HCC V24 and V28, Charlson and Elixhauser of everybody's diagnoses."""
    with step(context, flat_tables) as at:
        try:
            rows = score_risk(at.draft)
        except ContractBreached as breach:
            failed = dg.AssetCheckResult(
                passed=False, description=breach.short, check_name=KEEPS_ITS_CONTRACT.name
            )
            return dg.MaterializeResult(value=at.draft.snapshot_id, check_results=[failed])
        passed = dg.AssetCheckResult(passed=True, check_name=KEEPS_ITS_CONTRACT.name)
        told = at.made(rows=rows, size=bytes_in(at.draft.results))
        return dg.MaterializeResult(value=at.draft.snapshot_id, metadata=told, check_results=[passed])
