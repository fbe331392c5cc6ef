"""People for the tests of the doors, and what the core and the lake hold, as plain comparable rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
from sqlalchemy import text

from data_contracts.lake import Lake
from ehr_core.access.actor import Actor
from ehr_core.population import generate
from ehr_core.store.resource_types import RESOURCE_TYPES
from pipelines.deidentify.stream import read_lines, resource_files
from tests.lib.api import RunningApi
from tests.lib.shared_data import shared_data

ZONE = "America/New_York"
AS_OF = date(2026, 11, 20)
LOADER = Actor("service:test-load", "service", "Test load", (), frozenset({"fhir.write"}))
RESULTS = {
    "gaps": "SELECT patient_id, source_id, computed_status, gap_kind, reason_code, due_on, priority, evidence_id, "
    "evidence_on, evidence_value, present FROM care_gaps.gap ORDER BY 1, 2",
    "flags": "SELECT patient_id, measure_id, period_begin, evaluable, initial_population, denominator, "
    "denominator_exclusion, denominator_exception, numerator, evidence_id, evidence_value "
    "FROM quality.measure_flag ORDER BY 1, 2, 3",
    "cells": "SELECT measure_id, period_begin, stratum_kind, stratum_value, initial_population, denominator, "
    "exclusions, exceptions, numerator, not_evaluable FROM quality.summary_cell "
    "WHERE initial_population + not_evaluable > 0 ORDER BY 1, 2, 3, 4",
}


def people_lines(patients: int = 12, seed: int = 2026) -> list[tuple[str, bytes]]:
    """(type, line) of a generated panel as of AS_OF."""
    return list(generate(patients, seed=seed, as_of=AS_OF, time_zone=ZONE))


def synthea_files() -> list[Path]:
    """Synthea's patient bundles."""
    return sorted(shared_data("synthea-r4").glob("*.json.gz"))


def stored_counts(api: RunningApi) -> dict[str, int]:
    """Resources in the store by type, as they are now."""
    with api.work() as work:
        counts = {
            name: work.connection.execute(
                text(f"SELECT count(*) FROM fhir.{kind.table} WHERE NOT deleted")
            ).scalar_one()
            for name, kind in RESOURCE_TYPES.items()
        }
    return {name: count for name, count in counts.items() if count}


def held_results(api: RunningApi) -> dict[str, list[tuple]]:
    """What the screens are made of: computed gaps, measure flags and summary cells."""
    with api.work() as work:
        return {
            name: [tuple(row) for row in work.connection.execute(text(statement))]
            for name, statement in RESULTS.items()
        }


def lake_of(api: RunningApi) -> Lake:
    return Lake(api.parts.settings.lake_folder)


def current_snapshots(api: RunningApi) -> dict[str, str | None]:
    """The snapshot that each zone's readers open; None before the first."""
    lake = lake_of(api)
    found = {zone: lake.current(zone) for zone in ("limited", "results", "safe_harbor")}
    return {zone: manifest and manifest.snapshot_id for zone, manifest in found.items()}


def lake_lines(api: RunningApi) -> dict[str, int]:
    """Lines by type in the current limited snapshot."""
    lake = lake_of(api)
    folder = lake.snapshot_folder("limited", lake.current("limited").snapshot_id) / "resources"
    return {name: sum(1 for _ in read_lines(paths)) for name, paths in resource_files(folder).items()}


def lake_rows(api: RunningApi, zone: str, statement: str) -> list[tuple]:
    with lake_of(api).open(zone) as connection:
        return rows(connection, statement)


def rows(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple]:
    return connection.execute(statement).fetchall()
