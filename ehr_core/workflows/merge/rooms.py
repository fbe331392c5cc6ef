"""Rows of the rooms' own tables that belong to the person, not to the record (room_tables.toml says which)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.store.moving import Moved


@lru_cache(maxsize=1)
def room_tables() -> Mapping[str, Mapping[str, Any]]:
    listed = files("ehr_core.workflows.merge").joinpath("room_tables.toml").read_text(encoding="utf-8")
    return tomllib.loads(listed)


def move_rows(work: UnitOfWork, source: str, target: str) -> list[Moved]:
    """Every row that follows its person. `resource_type` of what is returned is the table, `resource_id` its key."""
    moved = []
    for table, row in room_tables()["follows"].items():
        keys = work.connection.execute(
            text(
                f"UPDATE {table} SET patient_id = :target WHERE patient_id = :source RETURNING {row['key']} AS key"
            ),
            {"source": source, "target": target},
        ).scalars()
        moved += [Moved(table, str(key), 0, 0) for key in keys]
    return moved


def return_rows(work: UnitOfWork, rows: Iterable[Moved], source: str, target: str) -> None:
    """The same rows back, those that are still the survivor's."""
    for row in rows:
        key = room_tables()["follows"][row.resource_type]["key"]
        work.connection.execute(
            text(
                f"UPDATE {row.resource_type} SET patient_id = :target "
                f"WHERE {key}::text = :key AND patient_id = :source"
            ),
            {"key": row.resource_id, "source": source, "target": target},
        )
