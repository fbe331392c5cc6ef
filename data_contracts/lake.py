"""The lake as a contract: where snapshots lie, how one becomes current, how a reader opens it.

    <lake>/<zone>/<snapshot_id>/manifest.json   what it is made of, written last
    <lake>/<zone>/<snapshot_id>/<table>.parquet one file a table (`limited` also keeps resources/)
    <lake>/<zone>/<snapshot_id>/deidentification.json  what was dropped on the way into `limited` and `safe_harbor`
    <lake>/<zone>/current.json                  {"snapshot_id": …}, replaced by rename: the old or the new, never half

Readers make views in memory and never write. A reader that has opened a snapshot keeps it: old ones are removed only
after newer ones were published.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import BaseModel

from ehr_core.kernel.errors import NotFound

Zone = Literal["limited", "safe_harbor", "results"]
SNAPSHOTS_KEPT = 2
DEIDENTIFICATION = "deidentification.json"


class Manifest(BaseModel):
    """What a snapshot is: enough to say on a screen where a number comes from.

    `exported`: resources by type, as they left the core. `explained`: what became of each that is not in the tables.
    """

    snapshot_id: str
    zone: Zone
    profile: str
    key_id: str
    as_of: date
    taken_at: datetime
    outbox_transaction: int
    code_version: str
    tables: dict[str, int]
    exported: dict[str, int] = {}
    explained: dict[str, int] = {}


class DroppedOfType(BaseModel):
    """What de-identification did with the lines of one resource type: lines in = lines out + the other three.

    `dropped` counts by path what was left out of lines that passed; `quarantine_reasons` why lines were held back.
    """

    lines_in: int
    lines_out: int
    unlisted: int
    withheld: int
    quarantined: int
    dropped: dict[str, int] = {}
    quarantine_reasons: dict[str, int] = {}


class DeidentificationReport(BaseModel):
    """What one profile dropped from one snapshot, and how often. Paths and counts, never a value."""

    profile: str
    profile_version: str
    key_id: str
    types: dict[str, DroppedOfType]


class Lake:
    """The published snapshots under one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def snapshot_folder(self, zone: Zone, snapshot_id: str) -> Path:
        return self.folder / zone / snapshot_id

    def publish(self, manifest: Manifest) -> None:
        """Makes a written snapshot the current one of its zone, then removes those that are too old."""
        folder = self.snapshot_folder(manifest.zone, manifest.snapshot_id)
        _replace(folder / "manifest.json", manifest.model_dump_json(indent=2))
        _replace(folder.parent / "current.json", json.dumps({"snapshot_id": manifest.snapshot_id}))
        self._remove_old(manifest.zone, manifest.snapshot_id)

    def current(self, zone: Zone) -> Manifest | None:
        """The manifest of the zone's current snapshot; None before the first run."""
        pointer = self.folder / zone / "current.json"
        if not pointer.exists():
            return None
        snapshot_id = json.loads(pointer.read_bytes())["snapshot_id"]
        return Manifest.model_validate_json(
            (self.snapshot_folder(zone, snapshot_id) / "manifest.json").read_bytes()
        )

    def open(self, zone: Zone) -> duckdb.DuckDBPyConnection:
        """An in-memory DuckDB with one view a table of the current snapshot. Raises NotFound before the first run."""
        manifest = self.current(zone)
        if manifest is None:
            raise NotFound(f"The {zone} zone holds no snapshot yet. Run `almoner run nightly` first.")
        connection = duckdb.connect()
        folder = self.snapshot_folder(zone, manifest.snapshot_id)
        for table in manifest.tables:
            path = str(folder / f"{table}.parquet").replace("'", "''")
            connection.execute(f"CREATE VIEW \"{table}\" AS SELECT * FROM read_parquet('{path}')")
        return connection

    def keep_deidentification(self, zone: Zone, snapshot_id: str, report: DeidentificationReport) -> None:
        """Lays the report into the snapshot's folder, published or not yet."""
        folder = self.snapshot_folder(zone, snapshot_id)
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / DEIDENTIFICATION, report.model_dump_json(indent=2))

    def deidentification(self, zone: Zone) -> DeidentificationReport:
        """What was dropped from the zone's current snapshot. Raises NotFound before the first run."""
        manifest = self.current(zone)
        path = manifest and self.snapshot_folder(zone, manifest.snapshot_id) / DEIDENTIFICATION
        if not path or not path.exists():
            raise NotFound(f"The {zone} zone holds no report yet. Run `almoner run nightly` first.")
        return DeidentificationReport.model_validate_json(path.read_bytes())

    def _remove_old(self, zone: Zone, current: str) -> None:
        snapshots = sorted(
            (path for path in (self.folder / zone).iterdir() if (path / "manifest.json").exists()),
            key=lambda path: (path / "manifest.json").stat().st_mtime_ns,
        )
        for path in snapshots[:-SNAPSHOTS_KEPT]:
            if path.name != current:
                shutil.rmtree(path)


def _replace(path: Path, text: str) -> None:
    """Writes a file whole: what is there is the old text or the new, also after a crash."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
