"""The official measures of a night: inputs, results, gaps, write-back; each checked, and none holds up our own."""

import dagster as dg

from data_contracts.expectations import ContractBreached
from pipelines.assets.resources import TRY_AGAIN, Step, bytes_in, step
from pipelines.run import official
from pipelines.run.telling import tell_failure

OFFICIAL = ("official_inputs", "official_results", "official_gaps", "official_written_back")

INPUTS_ARE_WHOLE = dg.AssetCheckSpec(
    "inputs_are_whole",
    asset="official_inputs",
    blocking=True,
    description="Every active package can be run, with every value set and every type that its measures read.",
)
KEEPS_ITS_CONTRACTS = dg.AssetCheckSpec(
    "official_tables_keep_their_contracts",
    asset="official_gaps",
    blocking=True,
    description="Every rule of every official table over all rows, and the Great Expectations suites over batches.",
)
EVERYBODY_IS_KNOWN = dg.AssetCheckSpec(
    "everybody_is_known_to_the_core",
    asset="official_written_back",
    description="The core took every row for somebody; none was of a person whom it does not know.",
)


@dg.asset(
    group_name="official",
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    check_specs=[INPUTS_ARE_WHOLE],
)
def official_inputs(context: dg.AssetExecutionContext, flat_tables: str):
    """The packages that were active when the night began, compiled; nothing of them is evaluated yet."""
    with step(context, flat_tables) as at:
        active = at.draft.facts.official
        measures = sum(map(len, active.packages.values()))
        told = at.made(rows=measures, size=0, packages=sorted(active.packages))
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=told,
            check_results=[_checked(at, official.check_inputs, INPUTS_ARE_WHOLE.name)],
        )


@dg.asset(
    group_name="official",
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"parquet"},
)
def official_results(context: dg.AssetExecutionContext, official_inputs: str) -> dg.MaterializeResult[str]:
    """Who stands where in each official measure, and the facts that it rests on."""
    with step(context, official_inputs) as at:
        try:
            rows = official.evaluate_official(at.draft, at.almoner.settings.site_time_zone)
        except ContractBreached as breach:
            tell_failure(at.almoner.client(), at.draft, breach, kind=official.KIND)
            raise
        size = sum(path.stat().st_size for path in at.draft.results.glob("official_*.parquet"))
        return dg.MaterializeResult(value=at.draft.snapshot_id, metadata=at.made(rows=rows, size=size))


@dg.asset(
    group_name="official",
    deps=["results"],
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"duckdb"},
    check_specs=[KEEPS_ITS_CONTRACTS],
)
def official_gaps(context: dg.AssetExecutionContext, official_results: str):
    """Gaps of proportion measures, beside those of our own guidelines and never twice."""
    with step(context, official_results) as at:
        rows = official.derive_official_gaps(at.draft)
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=at.made(rows=rows, size=bytes_in(at.draft.results)),
            check_results=[_checked(at, official.check_official, KEEPS_ITS_CONTRACTS.name)],
        )


@dg.asset(
    group_name="official",
    deps=["published"],
    retry_policy=TRY_AGAIN,
    required_resource_keys={"almoner"},
    kinds={"postgres"},
    check_specs=[EVERYBODY_IS_KNOWN],
)
def official_written_back(context: dg.AssetExecutionContext, official_gaps: str):
    """Facts, results and gaps in the core; that the official measures are as fresh as the night."""
    with step(context, official_gaps) as at:
        receipts = official.write_back_official(at.almoner.client(), at.draft, context.log.info)
        changed = {name: said.inserted + said.changed + said.removed for name, said in receipts.items()}
        unknown = {name: said.refused_unknown_patient for name, said in receipts.items()}
        return dg.MaterializeResult(
            value=at.draft.snapshot_id,
            metadata=at.made(rows=sum(changed.values()), size=bytes_in(at.draft.results), changed=changed),
            check_results=[
                dg.AssetCheckResult(
                    passed=not any(unknown.values()), check_name=EVERYBODY_IS_KNOWN.name, metadata=unknown
                )
            ],
        )


def _checked(at: Step, check, name: str) -> dg.AssetCheckResult:
    """The verdict; a breach is told to the core as one of the official measures only."""
    try:
        rows = check(at.draft)
    except ContractBreached as breach:
        tell_failure(at.almoner.client(), at.draft, breach, kind=official.KIND)
        listed = [{"breach": one.sentence(), "rows_failing": one.rows_failing} for one in breach.breaches]
        return dg.AssetCheckResult(
            passed=False, metadata={"breaches": listed}, description=breach.short, check_name=name
        )
    return dg.AssetCheckResult(passed=True, metadata={"rows": rows}, check_name=name)
