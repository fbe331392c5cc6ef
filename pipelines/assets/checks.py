"""The contracts as asset checks. A breach blocks what is downstream; the screens keep the last good results.

The snapshot's lines and each shard are checked by the assets that make them.
"""

import dagster as dg

from pipelines.assets.panel import results
from pipelines.assets.resources import checked, step
from pipelines.assets.snapshot import flat_tables
from pipelines.run.steps import check_flat, check_results


@dg.asset_check(asset=flat_tables, blocking=True, required_resource_keys={"almoner"})
def flat_tables_keep_their_contracts(
    context: dg.AssetCheckExecutionContext, flat_tables: str
) -> dg.AssetCheckResult:
    """Every rule of every flat table over all rows, and the Great Expectations suites over batches."""
    with step(context, flat_tables) as at:
        return checked(at.almoner, at.draft, check_flat)


@dg.asset_check(asset=results, blocking=True, required_resource_keys={"almoner"})
def results_keep_their_contracts(context: dg.AssetCheckExecutionContext, results: str) -> dg.AssetCheckResult:
    """Every rule of every results table over all rows, and the Great Expectations suites over batches."""
    with step(context, results) as at:
        return checked(at.almoner, at.draft, check_results)
