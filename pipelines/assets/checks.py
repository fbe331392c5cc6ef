"""The contracts as asset checks. A breach blocks what is downstream; the screens keep the last good results."""

from collections.abc import Callable

import dagster as dg

from data_contracts.expectations import ContractBreached
from pipelines.assets.panel import results
from pipelines.assets.resources import Almoner
from pipelines.assets.snapshot import flat_tables
from pipelines.run.draft import Draft
from pipelines.run.nightly import tell_failure
from pipelines.run.steps import check_flat, check_results


@dg.asset_check(asset=flat_tables, blocking=True, required_resource_keys={"almoner"})
def flat_tables_keep_their_contracts(
    context: dg.AssetCheckExecutionContext, flat_tables: str
) -> dg.AssetCheckResult:
    """Every rule of every flat table over all rows, and the Great Expectations suites over batches."""
    return _checked(context, flat_tables, check_flat)


@dg.asset_check(asset=results, blocking=True, required_resource_keys={"almoner"})
def results_keep_their_contracts(context: dg.AssetCheckExecutionContext, results: str) -> dg.AssetCheckResult:
    """Every rule of every results table over all rows, and the Great Expectations suites over batches."""
    return _checked(context, results, check_results)


def _checked(
    context: dg.AssetCheckExecutionContext, snapshot_id: str, check: Callable[[Draft], dict[str, int]]
) -> dg.AssetCheckResult:
    almoner: Almoner = context.resources.almoner
    draft = almoner.draft(snapshot_id)
    try:
        rows = check(draft)
    except ContractBreached as breach:
        tell_failure(almoner.client(), draft, breach)
        listed = [{"breach": one.sentence(), "rows_failing": one.rows_failing} for one in breach.breaches]
        return dg.AssetCheckResult(passed=False, metadata={"breaches": listed}, description=breach.short)
    return dg.AssetCheckResult(passed=True, metadata={"rows": rows})
