"""The risk of a night as one asset, held to its contracts and sent to the core. Only safe harbor waits for it."""

import dagster as dg

from data_contracts.expectations import ContractBreached
from pipelines.assets.resources import TRY_AGAIN, bytes_in, step
from pipelines.run.risk import score_risk, write_back_risk

KEEPS_ITS_CONTRACT = dg.AssetCheckSpec(
    "risk_scores_keep_their_contract",
    asset="risk_scores",
    description="Every rule of scores, drivers and tiers: a payment score makes no tier, an unknown says why.",
)


@dg.asset(
    group_name="results",
    deps=["published"],
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"duckdb", "polars", "postgres"},
    check_specs=[KEEPS_ITS_CONTRACT],
)
def risk_scores(context: dg.AssetExecutionContext, flat_tables: str):
    """HCC V24 and V28, Charlson, Elixhauser and PREVENT of everybody, the facts behind them, and the care tier."""
    with step(context, flat_tables) as at:
        try:
            rows = score_risk(at.draft)
        except ContractBreached as breach:
            failed = dg.AssetCheckResult(
                passed=False, description=breach.short, check_name=KEEPS_ITS_CONTRACT.name
            )
            return dg.MaterializeResult(value=at.draft.snapshot_id, check_results=[failed])
        passed = dg.AssetCheckResult(passed=True, check_name=KEEPS_ITS_CONTRACT.name)
        receipts = write_back_risk(at.almoner.client(), at.draft)
        changed = {name: said.inserted + said.changed + said.removed for name, said in receipts.items()}
        told = at.made(rows=rows, size=bytes_in(at.draft.results), changed=changed)
        return dg.MaterializeResult(value=at.draft.snapshot_id, metadata=told, check_results=[passed])
