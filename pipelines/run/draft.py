"""A snapshot on its way: where its files lie, and what it is. Published only when everything about it is good.

Each step reads files and writes files, so a run that was killed leaves the last good snapshot current, and a step can
be run again. A key's secret is never written here.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from data_contracts.api.official_measures import ActiveMeasures
from data_contracts.lake import Lake, Zone
from ehr_core.kernel.errors import NotFound

DRAFT_FILE = "draft.json"


class DraftFacts(BaseModel):
    """What a run knows of its snapshot before it is published."""

    snapshot_id: str
    run_id: str
    key_id: str
    as_of: date
    started_at: datetime
    taken_at: datetime
    outbox_transaction: int
    exported: dict[str, int] = {}
    kept: dict[str, int] = {}
    explained: dict[str, int] = {}
    not_checked: list[str] = []
    """Pseudonyms of people with a line that de-identification refused: half a record is nobody's record."""
    official: ActiveMeasures = ActiveMeasures()
    """The official measures that were active when the night began."""
    official_is_sound: bool = False
    """The official results of this snapshot are there and keep their contracts."""


@dataclass(frozen=True)
class Draft:
    """One snapshot's folders in the limited and the results zone."""

    lake: Lake
    snapshot_id: str

    @property
    def limited(self) -> Path:
        return self.lake.snapshot_folder("limited", self.snapshot_id)

    @property
    def resources(self) -> Path:
        return self.limited / "resources"

    @property
    def results(self) -> Path:
        return self.lake.snapshot_folder("results", self.snapshot_id)

    @property
    def facts(self) -> DraftFacts:
        """Raises NotFound when the snapshot was never begun or has been cleared away."""
        path = self.limited / DRAFT_FILE
        if not path.exists():
            raise NotFound(
                f"There is no snapshot '{self.snapshot_id}' under way. Start the run from its first step."
            )
        return DraftFacts.model_validate_json(path.read_bytes())

    def explain(self, found: Mapping[str, int]) -> None:
        """Notes what was left out on the way and why; a count of zero needs no word."""
        facts = self.facts
        counted = {reason: count for reason, count in found.items() if count}
        self.keep(facts.model_copy(update={"explained": {**facts.explained, **counted}}))

    def keep(self, facts: DraftFacts) -> None:
        self.limited.mkdir(parents=True, exist_ok=True)
        self.results.mkdir(parents=True, exist_ok=True)
        draft = self.limited / f".{DRAFT_FILE}"
        draft.write_text(facts.model_dump_json(indent=2), encoding="utf-8")
        draft.replace(self.limited / DRAFT_FILE)


UNFINISHED_HOURS = 12
"""A snapshot that is not published after so long belongs to a run that was killed; until then somebody may look."""


def clear_unfinished(lake: Lake) -> int:
    """Takes away what killed or failed runs left unpublished long ago; returns how many folders went."""
    cleared, oldest = 0, time.time() - UNFINISHED_HOURS * 3600
    for zone in get_args(Zone):
        for folder in (lake.folder / zone).glob("*/"):
            if not (folder / "manifest.json").exists() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)
                cleared += 1
    return cleared
