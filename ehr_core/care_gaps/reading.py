"""Reads gaps: all of a patient, one by its id, or the live ones of many patients; as the screens show them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import text

from data_contracts.api.care_gaps import EXCLUSION_REASON_WORDS, CareGap, Evidence, GapList
from ehr_core.access.chart_policy import evidence_open
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import words
from ehr_core.care_gaps.rules import (
    STATUS_SQL,
    GapState,
    can_undo,
    displayed_status,
    is_overdue,
    status_until,
)
from ehr_core.db.outbox import waiting_since
from ehr_core.kernel.clock import FixedClock, site_date
from ehr_core.kernel.errors import NotFound

REPLY_WAITING_SINCE = """(SELECT min(reply.received_at) FROM care_gaps.patient_reply AS reply
  WHERE reply.gap_id = gap.gap_id AND reply.reviewed_at IS NULL)"""
"""Since when the patient's "I already had this" waits for review, over an alias `gap`; null: nothing waits."""

SELECT_GAPS = f"""SELECT gap.*, {STATUS_SQL} AS status, {REPLY_WAITING_SINCE} AS reply_waiting_since,
  {words.MEASURE_SQL} AS measure
FROM care_gaps.gap AS gap WHERE gap.present"""
SHOWN_ORDER = "ORDER BY (gap.computed_status <> 'open'), gap.priority, gap.due_on NULLS FIRST, gap.source_id"

UNAVAILABLE = (
    "Care gaps could not be computed from this record, so this list may be out of date. The installation's "
    "administrator has been told. Rely on the chart until it is mended."
)
SAID_ON_SCREEN = ("open", "outreach_sent", "scheduled", "result_pending")
LAST_PRIORITY = 5
"""For a gap that nobody ranked: after all the others, never before them."""

NO_SUCH_GAP = "There is no such care gap any more. Reload the page to see what changed."


def gaps_of_patient(work: UnitOfWork, patient_id: str) -> GapList:
    """All gaps, those that want action first. Raises NotFound for a patient whom this actor may not see."""
    work.actor.require("gap.read")
    known = text("SELECT EXISTS (SELECT 1 FROM fhir.patient WHERE id = :id AND NOT deleted)")
    if not work.connection.execute(known, {"id": patient_id}).scalar_one():
        raise NotFound("There is no such patient.")
    found = work.connection.execute(
        text(f"{SELECT_GAPS} AND gap.patient_id = :id {SHOWN_ORDER}"),
        {"id": patient_id, "today": work.today()},
    ).mappings()
    gaps = [as_care_gap(work, row) for row in found]
    freshness, waiting = _freshness(work, patient_id), waiting_since(work.connection, patient_id)
    work.audit("care_gaps.read", patient_id=patient_id)
    return GapList(
        patient_id=patient_id,
        gaps=gaps,
        as_of=freshness["as_of"],
        being_computed=waiting is not None,
        waiting_since=waiting,
        unavailable=UNAVAILABLE if freshness["quarantined"] else None,
    )


def open_gaps(work: UnitOfWork, patient_id: str) -> frozenset[str]:
    """The recommendations that are open or under way, by id; for callers that have checked permission and audit."""
    rows = work.connection.execute(
        text(f"SELECT source_id, status FROM ({SELECT_GAPS} AND gap.patient_id = :id) AS shown"),
        {"id": patient_id, "today": work.today()},
    )
    return frozenset(row.source_id for row in rows if row.status in SAID_ON_SCREEN)


def gap_by_id(work: UnitOfWork, gap_id: str) -> CareGap:
    """Raises NotFound when there is none, or it is no longer said."""
    work.actor.require("gap.read")
    row = read_row(work, gap_id)
    work.audit("care_gaps.read", patient_id=row["patient_id"])
    return as_care_gap(work, row)


def read_row(work: UnitOfWork, gap_id: str, *, lock: bool = False) -> Mapping[str, Any]:
    """The stored row with its displayed status; locked until the transaction ends when asked."""
    found = (
        work.connection.execute(
            text(f"{SELECT_GAPS} AND gap.gap_id = CAST(:id AS uuid) {'FOR UPDATE' if lock else ''}"),
            {"id": _checked_id(gap_id), "today": work.today()},
        )
        .mappings()
        .one_or_none()
    )
    if found is None:
        raise NotFound(NO_SUCH_GAP)
    return found


def as_care_gap(work: UnitOfWork, row: Mapping[str, Any]) -> CareGap:
    """The row as every screen shows it; protected evidence is masked for an actor who may not see it."""
    today, state = work.today(), state_of(row)
    masked = not evidence_open(work, row["evidence_sensitivity"], row["patient_id"])
    human_is_shown = displayed_status(state, today) == state.human_state
    return CareGap(
        gap_id=str(row["gap_id"]),
        patient_id=row["patient_id"],
        source_kind=row["source_kind"],
        source_id=row["source_id"],
        source_version=row["source_version"],
        title=words.title(row),
        source_name=words.source_name(row),
        status=displayed_status(state, today),
        gap_kind=row["gap_kind"],
        computed_status=row["computed_status"],
        why=words.why(row, masked=masked),
        why_it_matters=words.why_it_matters(row),
        due_on=row["due_on"],
        overdue=is_overdue(row["computed_status"], row["due_on"], today),
        priority=row["priority"] or LAST_PRIORITY,
        evidence=_evidence(row, masked=masked),
        next_step=words.next_step(row),
        as_of=row["computed_at"],
        owner=row["owner_name"],
        owner_id=row["owner_id"],
        attempts=row["attempts"],
        last_attempt_at=row["last_attempt_at"],
        last_attempt_outcome=row["last_attempt_outcome"],
        status_until=status_until(state, today),
        status_reason=_shown_reason(row) if human_is_shown else None,
        status_by=row["human_by_name"] if human_is_shown else None,
        can_undo=can_undo(state, today, acted_on(work, row)),
        patient_visible=words.visible_to_patient(row),
        reply_waiting_since=row["reply_waiting_since"],
        version=row["version"],
    )


def state_of(row: Mapping[str, Any]) -> GapState:
    return GapState(
        computed_status=row["computed_status"],
        workflow_state=row["workflow_state"],
        workflow_until=row["workflow_until"],
        human_state=row["human_state"],
        human_until=row["human_until"],
        human_at=row["human_at"],
    )


def acted_on(work: UnitOfWork, row: Mapping[str, Any]) -> date | None:
    """The site's day on which the manual state was set."""
    return row["human_at"] and site_date(FixedClock(row["human_at"]), work.site_time_zone)


def last_run_as_of(work: UnitOfWork) -> Mapping[str, Any] | None:
    """The last whole nightly run; null before the first."""
    return (
        work.connection.execute(
            text(
                "SELECT run_id, as_of, finished_at FROM quality.run WHERE kind = 'nightly' "
                "AND failure IS NULL ORDER BY finished_at DESC LIMIT 1"
            )
        )
        .mappings()
        .one_or_none()
    )


def _freshness(work: UnitOfWork, patient_id: str) -> Mapping[str, Any]:
    """When this patient was last looked at by either path.

    Null for somebody who was never measured, whatever ran since: nothing is known of them, not "nothing to do". A night
    that could not check a record looked at it in vain: its answers are those of the last time.
    """
    return (
        work.connection.execute(
            text("""
            SELECT CASE WHEN measured.quarantined THEN measured.computed_at
                   WHEN measured.computed_at IS NOT NULL THEN greatest(measured.computed_at,
                     (SELECT max(finished_at) FROM quality.run WHERE kind = 'nightly' AND failure IS NULL))
                   END AS as_of,
                   coalesce(measured.quarantined, false) AS quarantined
            FROM (SELECT CAST(:id AS text) AS patient_id) AS asked
            LEFT JOIN care_gaps.measured_patient AS measured USING (patient_id)"""),
            {"id": patient_id},
        )
        .mappings()
        .one()
    )


def _evidence(row: Mapping[str, Any], *, masked: bool) -> Evidence | None:
    if row["evidence_type"] is None:
        return None
    if masked:
        return Evidence(
            resource_type=row["evidence_type"], resource_id=None, on=None, value=None, what=None, masked=True
        )
    return Evidence(
        resource_type=row["evidence_type"],
        resource_id=row["evidence_id"],
        on=row["evidence_on"],
        value=words.value_words(row["evidence_value"]),
        what=words.evidence_name(row["evidence_code_system"], row["evidence_code"]),
    )


def _shown_reason(row: Mapping[str, Any]) -> str | None:
    parts = [EXCLUSION_REASON_WORDS.get(row["human_reason"] or ""), row["human_note"]]
    return ": ".join(part for part in parts if part) or None


def _checked_id(gap_id: str) -> str:
    try:
        return str(uuid.UUID(gap_id))
    except ValueError as error:
        raise NotFound(NO_SUCH_GAP) from error
