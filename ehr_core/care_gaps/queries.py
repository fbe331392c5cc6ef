"""Gaps for other screens: the live ones of many patients in one look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from data_contracts.api.care_gaps import WorklistGap
from ehr_core.access.chart_policy import evidence_open
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.reading import LAST_PRIORITY, SELECT_GAPS
from ehr_core.care_gaps.rules import LIVE_STATUSES, STATUS_SQL, is_overdue


def gaps_of_patients(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, list[WorklistGap]]:
    """Gaps that want action or wait for an answer, first priority first, per patient id (absent: none).

    The caller has checked its permission and writes the audit row of its own screen.
    """
    rows = work.connection.execute(
        text(
            f"{SELECT_GAPS} AND gap.computed_status = 'open' AND gap.patient_id = ANY(:ids) "
            f"AND {STATUS_SQL} = ANY(:live) ORDER BY gap.priority NULLS LAST, gap.due_on NULLS FIRST, gap.source_id"
        ),
        {"ids": list(patient_ids), "today": work.today(), "live": list(LIVE_STATUSES)},
    ).mappings()
    found: dict[str, list[WorklistGap]] = {}
    for row in rows:
        found.setdefault(row["patient_id"], []).append(as_worklist_gap(work, row))
    return found


def measured_patients(work: UnitOfWork, patient_ids: Sequence[str]) -> set[str]:
    """Those of these patients whose gaps were computed and can be; of the others nothing is known, not "none"."""
    rows = work.connection.execute(
        text(
            "SELECT patient_id FROM care_gaps.measured_patient "
            "WHERE patient_id = ANY(:ids) AND computed_at IS NOT NULL AND NOT quarantined"
        ),
        {"ids": list(patient_ids)},
    )
    return set(rows.scalars())


def measure_titles(work: UnitOfWork) -> dict[str, str]:
    """The official measures that gaps come from now, by their id."""
    rows = work.connection.execute(
        text(
            "SELECT source_id, title FROM care_gaps.measure_source AS source WHERE EXISTS (SELECT 1 "
            "FROM care_gaps.gap WHERE gap.source_id = source.source_id AND present AND computed_status = 'open')"
        )
    )
    return {row.source_id: row.title for row in rows}


def as_worklist_gap(work: UnitOfWork, row: Mapping[str, Any]) -> WorklistGap:
    masked = not evidence_open(work, row["evidence_sensitivity"], row["patient_id"])
    return WorklistGap(
        gap_id=str(row["gap_id"]),
        source_id=row["source_id"],
        title=words.title(row),
        status=row["status"],
        gap_kind=row["gap_kind"],
        why=words.why(row, masked=masked),
        due_on=row["due_on"],
        overdue=is_overdue(row["computed_status"], row["due_on"], work.today()),
        priority=row["priority"] or LAST_PRIORITY,
        reply_waiting_since=row["reply_waiting_since"],
        version=row["version"],
    )
