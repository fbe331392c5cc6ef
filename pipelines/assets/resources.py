"""What every asset needs: the settings, a client of the API, the snapshot's draft, and how to tell what was made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from data_contracts.expectations import ContractBreached
from data_contracts.lake import Lake
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError, SignInRequired, Unavailable
from ehr_core.kernel.settings import Settings
from pipelines.run.draft import Draft
from pipelines.run.nightly import pipeline_client, remeasure_client
from pipelines.run.telling import tell_failure

Check = Callable[[Draft], dict[str, int]]

TRY_AGAIN = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)
"""For every step: the API may be restarting, a disk may be full for a moment."""

SNAPSHOT_TAG = "almoner/snapshot"
"""Of a run that goes on with a snapshot which another run has taken and checked."""


class Almoner:
    """Handed to assets as `context.resources.almoner`; holds no secret and opens nothing by itself."""

    def __init__(self, settings: Settings):
        self.settings = settings

    def client(self) -> AlmonerClient:
        return pipeline_client(self.settings)

    def remeasure_client(self) -> AlmonerClient:
        return remeasure_client(self.settings)

    def draft(self, snapshot_id: str) -> Draft:
        return Draft(Lake(self.settings.lake_folder), snapshot_id)


@dataclass
class Step:
    """One asset of one snapshot on its way: when it began, and what is to be told at its end."""

    almoner: Almoner
    draft: Draft | None
    began: float

    def made(self, *, rows: int, size: int, **more: Any) -> dict[str, Any]:
        """What every materialization says: rows, bytes, seconds, and up to which change the snapshot has seen."""
        return {
            "dagster/row_count": rows,
            "bytes": size,
            "seconds": round(time.monotonic() - self.began, 3),
            "watermark": self.draft.facts.outbox_transaction,
            "snapshot": self.draft.snapshot_id,
            **more,
        }


@contextmanager
def step(context: dg.AssetExecutionContext, snapshot_id: str | None = None) -> Iterator[Step]:
    """Around what an asset does. What cannot succeed by being tried again is not: it would only delay the telling."""
    almoner: Almoner = context.resources.almoner
    chosen = context.run.tags.get(SNAPSHOT_TAG, snapshot_id)
    draft = None if chosen is None else almoner.draft(chosen)
    try:
        yield Step(almoner, draft, time.monotonic())
    except (Unavailable, SignInRequired):
        raise
    except AlmonerError as error:
        raise dg.Failure(description=error.message, allow_retries=False) from error


def checked(
    almoner: Almoner, draft: Draft, check: Callable[[Draft], dict[str, int]], **named: Any
) -> dg.AssetCheckResult:
    """The check's verdict with its rows; a breach is told to the core, so that the screens can say why."""
    try:
        rows = check(draft)
    except ContractBreached as breach:
        tell_failure(almoner.client(), draft, breach)
        listed = [{"breach": one.sentence(), "rows_failing": one.rows_failing} for one in breach.breaches]
        return dg.AssetCheckResult(
            passed=False, metadata={"breaches": listed}, description=breach.short, **named
        )
    return dg.AssetCheckResult(passed=True, metadata={"rows": rows}, **named)


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
