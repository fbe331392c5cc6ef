"""Nightly runs as the screens see them: the last good one, how fresh it is, and the rates it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from data_contracts.api.pipeline import RunReport
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.logging import get_logger
from ehr_core.quality.cells import COUNTS, recount_cells

log = get_logger(__name__)

PEOPLE_NOT_CHECKED = "people_not_checked"
"""Beside the rows by table: people of whom the run could say nothing."""

PLANNED_EVERY = timedelta(hours=26)
"""A nightly run is late two hours after it was due."""


def note_run(work: UnitOfWork, report: RunReport) -> None:
    """Notes a finished run. After a whole nightly one, recounts every cell and keeps the day's rates.

    The official measures are a run of their own, which keeps their rates.
    """
    counts = {**report.counts, PEOPLE_NOT_CHECKED: len(report.not_checked)}
    work.connection.execute(
        text(
            "INSERT INTO quality.run (run_id, kind, snapshot_id, key_id, as_of, outbox_transaction, started_at, "
            "finished_at, code_version, counts, failure) VALUES (:run_id, :kind, :snapshot_id, :key_id, :as_of, "
            ":outbox_transaction, :started_at, :finished_at, :code_version, CAST(:counts AS jsonb), :failure) "
            "ON CONFLICT (run_id) DO NOTHING"
        ),
        {**report.model_dump(exclude={"counts", "not_checked"}), "counts": json.dumps(counts)},
    )
    if report.kind == "nightly" and report.failure is None:
        differing = recount_cells(work.connection)
        if differing:
            log.warning("summary_cells_drifted", run_id=report.run_id, cells=differing)
    if report.kind != "incremental" and report.failure is None:
        _keep_rates(work, report)
    work.audit(
        "pipeline.run",
        outcome="failure" if report.failure else "success",
        detail={"run_id": report.run_id, "kind": report.kind, "snapshot_id": report.snapshot_id},
    )


def last_run(connection: Connection, kind: str = "nightly") -> Mapping[str, Any] | None:
    """The last good run of that kind; null before the first."""
    return (
        connection.execute(
            text(
                "SELECT * FROM quality.run WHERE kind = :kind AND failure IS NULL "
                "ORDER BY finished_at DESC LIMIT 1"
            ),
            {"kind": kind},
        )
        .mappings()
        .one_or_none()
    )


def freshest(connection: Connection) -> datetime | None:
    """When anything was last measured, by either path."""
    return connection.execute(
        text(
            "SELECT greatest((SELECT max(finished_at) FROM quality.run WHERE kind = 'nightly' AND failure IS NULL), "
            "(SELECT max(computed_at) FROM care_gaps.measured_patient))"
        )
    ).scalar_one()


def stale_sentence(work: UnitOfWork) -> str | None:
    """What a screen says when the last good run is not the one that was planned; null when all is well."""
    newest = work.connection.execute(
        text(
            "SELECT failure, finished_at FROM quality.run WHERE kind = 'nightly' ORDER BY finished_at DESC LIMIT 1"
        )
    ).one_or_none()
    if newest is None:
        return "No nightly run has finished yet. The numbers come with the first one."
    if newest.failure is not None:
        return f"The last nightly run was stopped: {newest.failure} These are the last good results."
    if work.now() - newest.finished_at > PLANNED_EVERY:
        return "The nightly run is late. These are the last good results, kept up with single changes since."
    return None


def official_stale_sentence(work: UnitOfWork) -> str | None:
    """The same for the official measures, which may be stopped while our own go on."""
    newest = work.connection.execute(
        text("SELECT failure FROM quality.run WHERE kind = 'official' ORDER BY finished_at DESC LIMIT 1")
    ).one_or_none()
    if newest is None or newest.failure is None:
        return None
    return (
        f"The official measures were stopped last night: {newest.failure} Theirs are the last good results."
    )


def _keep_rates(work: UnitOfWork, report: RunReport) -> None:
    """One point per measure, stratum and day; a second run on a day replaces the first."""
    counts = ", ".join(COUNTS)
    updates = ", ".join(f"{name} = excluded.{name}" for name in COUNTS)
    work.connection.execute(
        text(
            f"INSERT INTO quality.rate_point (measure_id, period_begin, stratum_kind, stratum_value, on_day, {counts}, "
            f"run_id) SELECT measure_id, period_begin, stratum_kind, stratum_value, :day, {counts}, :run_id "
            "FROM quality.summary_cell WHERE (measure_id, period_begin) IN (SELECT measure_id, max(period_begin) "
            "FROM quality.summary_cell WHERE period_begin <= :day GROUP BY measure_id) "
            "AND (measure_id IN (SELECT measure_id FROM quality.official_measure)) = :official "
            "ON CONFLICT (measure_id, stratum_kind, stratum_value, on_day, period_begin) "
            f"DO UPDATE SET {updates}, run_id = excluded.run_id"
        ),
        {"day": report.as_of, "run_id": report.run_id, "official": report.kind == "official"},
    )
