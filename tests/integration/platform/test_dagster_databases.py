"""Dagster's databases are made once, before its web server and its daemon start together and both would make them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ehr_core.kernel.settings import Settings
from pipelines.services import dagster_home, make_dagster_databases


def versions(home: Path) -> dict[str, str]:
    found = {}
    for path in home.rglob("*.db"):
        with sqlite3.connect(path) as database:
            found[path.name] = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return found


def test_all_databases_stand_at_their_newest_version_before_anything_starts(tmp_path):
    home = dagster_home(Settings(state=tmp_path))
    make_dagster_databases(home)
    made = versions(home)
    assert made.keys() == {"runs.db", "index.db", "schedules.db"}
    make_dagster_databases(home)
    assert versions(home) == made
