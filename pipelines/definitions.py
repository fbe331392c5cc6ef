"""The only Dagster root: assets, checks, the nightly schedule, and the sensors."""

from __future__ import annotations

from typing import Any

import dagster as dg

from ehr_core.kernel.settings import Settings
from pipelines.assets import checks, data_quality, incremental, official, panel, risk, shards, snapshot
from pipelines.assets.resources import Almoner


def define(settings: Settings, almoner: Almoner, **resources: Any) -> dg.Definitions:
    """Everything that Dagster shows and runs for these settings."""
    return dg.Definitions(
        assets=[
            snapshot.limited_resources,
            snapshot.flat_tables,
            *shards.assets(settings.pipeline_shards),
            panel.results,
            panel.written_back,
            panel.published,
            panel.safe_harbor,
            risk.risk_scores,
            data_quality.data_quality,
            official.official_inputs,
            official.official_results,
            official.official_gaps,
            official.official_written_back,
        ],
        asset_checks=[checks.flat_tables_keep_their_contracts, checks.results_keep_their_contracts],
        jobs=[*panel.jobs(settings), incremental.work_off_changes_job],
        schedules=[panel.nightly_schedule(settings)],
        sensors=[*panel.sensors(settings), incremental.changes_wait_too_long],
        resources={"almoner": almoner, **resources},
        executor=dg.in_process_executor,
    )


definitions = define(settings := Settings(), Almoner(settings))
