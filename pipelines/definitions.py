"""The only Dagster root: assets, checks, the nightly schedule, and the sensors."""

from __future__ import annotations

import dagster as dg

from ehr_core.kernel.settings import Settings
from pipelines.assets import checks, incremental, panel, shards, snapshot
from pipelines.assets.resources import Almoner

settings = Settings()

definitions = dg.Definitions(
    assets=[
        snapshot.limited_resources,
        snapshot.flat_tables,
        *shards.assets(settings.pipeline_shards),
        panel.results,
        panel.written_back,
        panel.published,
    ],
    asset_checks=[checks.flat_tables_keep_their_contracts, checks.results_keep_their_contracts],
    jobs=[*panel.jobs(settings), incremental.work_off_changes_job],
    schedules=[panel.nightly_schedule(settings)],
    sensors=[*panel.sensors(settings), incremental.changes_wait_too_long],
    resources={"almoner": Almoner(settings)},
    executor=dg.in_process_executor,
)
