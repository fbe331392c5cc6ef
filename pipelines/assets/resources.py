"""What every asset needs: the settings, a client of the API, and the snapshot's draft."""

from __future__ import annotations

from pathlib import Path

from data_contracts.lake import Lake
from ehr_core.client import AlmonerClient
from ehr_core.kernel.settings import Settings
from pipelines.run.draft import Draft
from pipelines.run.nightly import pipeline_client


class Almoner:
    """Handed to assets as `context.resources.almoner`; holds no secret and opens nothing by itself."""

    def __init__(self, settings: Settings):
        self.settings = settings

    def client(self) -> AlmonerClient:
        return pipeline_client(self.settings)

    def draft(self, snapshot_id: str) -> Draft:
        return Draft(Lake(self.settings.lake_folder), snapshot_id)


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
