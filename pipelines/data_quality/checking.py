"""Runs the checks over the flat tables, each by itself, and gathers the records that have a defect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from data_contracts.data_quality import DataCheck, data_checks, unreadable
from ehr_core.kernel.logging import get_logger

log = get_logger(__name__)

DEFECTIVE = (
    "CREATE OR REPLACE TEMP TABLE defective (check_id VARCHAR, resource_type VARCHAR, patient_key VARCHAR, "
    "resource_key VARCHAR, on_day DATE, sensitivity VARCHAR)"
)


@dataclass(frozen=True)
class Finding:
    """What a check found. `failing` and `checked` are known only when it ran."""

    check: DataCheck
    outcome: str
    failing: int | None = None
    checked: int | None = None
    newest_on: date | None = None

    @property
    def is_defect(self) -> bool:
        return (self.failing or 0) > self.check.quiet


def look(
    connection: duckdb.DuckDBPyConnection, *, as_of: date, unreadable: Mapping[str, tuple[int, int]]
) -> list[Finding]:
    """Every check once; the records with a defect are then in the table `defective`."""
    connection.execute(DEFECTIVE)
    found = [look_at(connection, check, as_of) for check in data_checks().values()]
    return [*found, *_unreadable(unreadable)]


def look_at(connection: duckdb.DuckDBPyConnection, check: DataCheck, as_of: date) -> Finding:
    try:
        checked = _number(connection, check.checked or "", as_of)
        if not checked:
            return Finding(check, "nothing_to_check")
        if check.newest:
            return _fresh(connection, check, checked, as_of)
        failing = connection.execute(
            "INSERT INTO defective SELECT $id, $type, patient_key, resource_key, on_day, sensitivity "
            f"FROM ({_on(check.failing or '', as_of)})",
            {"id": check.id, "type": check.resource_type},
        ).fetchall()[0][0]
    except duckdb.Error as error:
        log.error("data_check_could_not_run", check=check.id, error=type(error).__name__)
        return Finding(check, "could_not_run")
    return Finding(check, "ran", failing, checked)


def _fresh(connection: duckdb.DuckDBPyConnection, check: DataCheck, days: int, as_of: date) -> Finding:
    """How many of the last days have passed since the newest record; all of them when it is older or has no day."""
    newest = connection.execute(_on(check.newest or "", as_of)).fetchall()[0][0]
    silent = days if newest is None else min((as_of - newest).days, days)
    return Finding(check, "ran", silent, days, newest)


def _unreadable(told: Mapping[str, tuple[int, int]]) -> list[Finding]:
    """What the run itself tells: lines by type that could not be read, of all that came."""
    return [
        Finding(unreadable(kind), "ran", failing, came)
        for kind, (failing, came) in sorted(told.items())
        if came
    ]


def _number(connection: duckdb.DuckDBPyConnection, statement: str, as_of: date) -> int:
    return connection.execute(_on(statement, as_of)).fetchall()[0][0]


def _on(statement: str, as_of: date) -> str:
    return statement.replace("$as_of", f"DATE '{as_of.isoformat()}'")
