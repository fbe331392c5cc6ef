"""Takes computed answers into the gaps: only the computed columns, only of rows that changed, each change told.

What people decided stays as it is, with one exception: when a gap turns into something more serious (follow-up of an
abnormal result, above goal), or new evidence says so again, what was said about the routine no longer hides it.
Evidence that closes a gap ends its workflow state (outreach, visit, pending result); a new result ends "result
pending" also when the gap stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from data_contracts.tables.results import CARE_GAPS
from ehr_core.access.unit_of_work import UnitOfWork

WITHDRAWN = "withdrawn"
"""Stands in place of a run's id where no run, but the person's standing, took a gap away."""

KEY = ("source_kind", "source_id")
COMPUTED = [name for name in CARE_GAPS.column_names if name not in (*KEY, "patient_key")]

WORSE = """(delta.computed_status = 'open' AND delta.gap_kind IN ('follow_up_due', 'above_goal')
  AND (delta.gap_kind <> gap.gap_kind OR delta.evidence_id IS DISTINCT FROM gap.evidence_id))"""

ENDED = f"""(delta.computed_status <> 'open' OR {WORSE}
  OR gap.workflow_state = 'result_pending' AND delta.evidence_id IS DISTINCT FROM gap.evidence_id)"""

SAID_BY_PEOPLE = ("state", "until", "reason", "note", "by", "by_name", "at")

TELL_CHANGES = """
INSERT INTO care_gaps.event (gap_id, patient_id, at, actor_id, actor_name, act, from_status, to_status, reason)
SELECT gap.gap_id, gap.patient_id, :now, :actor_id, :actor_name,
       CASE WHEN gap.present THEN 'computed' ELSE 'returned' END,
       gap.computed_status, delta.computed_status, delta.reason_code
FROM {delta} AS delta JOIN care_gaps.gap AS gap USING (patient_id, source_kind, source_id)
WHERE NOT delta.is_new AND (NOT gap.present OR gap.computed_status <> delta.computed_status
  OR gap.gap_kind <> delta.gap_kind OR gap.evidence_id IS DISTINCT FROM delta.evidence_id)"""

CHANGE = """
UPDATE care_gaps.gap AS gap SET
  {columns}, evidence_id = delta.evidence_id, rests_also_on_ids = delta.rests_also_on_ids,
  present = true, computed_at = :now, run_id = :run_id,
  workflow_state = CASE WHEN {ended} THEN NULL ELSE gap.workflow_state END,
  workflow_until = CASE WHEN {ended} THEN NULL ELSE gap.workflow_until END,
  workflow_at = CASE WHEN {ended} THEN NULL ELSE gap.workflow_at END,
  workflow_reference = CASE WHEN {ended} THEN NULL ELSE gap.workflow_reference END,
  {said}, version = gap.version + 1
FROM {delta} AS delta
WHERE NOT delta.is_new AND gap.patient_id = delta.patient_id
  AND gap.source_kind = delta.source_kind AND gap.source_id = delta.source_id"""

ADD = """
INSERT INTO care_gaps.gap
  (patient_id, source_kind, source_id, {names}, evidence_id, rests_also_on_ids, computed_at, run_id)
SELECT delta.patient_id, delta.source_kind, delta.source_id, {values}, delta.evidence_id,
  delta.rests_also_on_ids, :now, :run_id
FROM {delta} AS delta WHERE delta.is_new
ON CONFLICT (patient_id, source_kind, source_id) DO NOTHING"""
"""A night finds what is new before it waits for its turn; what the instant path has added since says it already."""

TELL_REMOVALS = """
INSERT INTO care_gaps.event (gap_id, patient_id, at, actor_id, actor_name, act, from_status, to_status)
SELECT gap.gap_id, gap.patient_id, :now, :actor_id, :actor_name, 'removed', gap.computed_status, NULL
FROM {gone} AS gone JOIN care_gaps.gap AS gap USING (patient_id, source_kind, source_id)"""

REMOVE = """
UPDATE care_gaps.gap AS gap SET
  present = false, computed_at = :now, run_id = :run_id, next_change_on = NULL, version = gap.version + 1,
  workflow_state = NULL, workflow_until = NULL, workflow_at = NULL, workflow_reference = NULL
FROM {gone} AS gone
WHERE gap.patient_id = gone.patient_id
  AND gap.source_kind = gone.source_kind AND gap.source_id = gone.source_id"""


def apply_computed(
    connection: Connection,
    *,
    delta: str,
    gone: str,
    now: datetime,
    run_id: str,
    actor_id: str,
    actor_name: str,
) -> tuple[int, int, int]:
    """Applies the two staging tables; returns (inserted, changed, removed) rows."""
    values = {"now": now, "run_id": run_id, "actor_id": actor_id, "actor_name": actor_name}
    connection.execute(text(TELL_CHANGES.format(delta=delta)), values)
    columns = ", ".join(f"{name} = delta.{name}" for name in COMPUTED)
    said = ", ".join(
        f"human_{name} = CASE WHEN {WORSE} THEN NULL ELSE gap.human_{name} END" for name in SAID_BY_PEOPLE
    )
    change = CHANGE.format(delta=delta, columns=columns, ended=ENDED, said=said)
    changed = connection.execute(text(change), values)
    inserted = connection.execute(
        text(
            ADD.format(
                delta=delta,
                names=", ".join(COMPUTED),
                values=", ".join(f"delta.{name}" for name in COMPUTED),
            )
        ),
        values,
    )
    connection.execute(text(TELL_REMOVALS.format(gone=gone)), values)
    removed = connection.execute(text(REMOVE.format(gone=gone)), values)
    return inserted.rowcount, changed.rowcount, removed.rowcount


def withdraw(work: UnitOfWork, patient_ids: Sequence[str]) -> None:
    """Takes every gap of these people away, as a run does that says nothing of them any more."""
    if patient_ids:
        _take_away(work, "patient_id = ANY(:ids)", {"ids": list(patient_ids)})


def withdraw_source(work: UnitOfWork, source_kind: str, source_id: str) -> None:
    """Takes every gap of one definition away, when it is no longer asked about."""
    _take_away(
        work, "source_kind = :kind AND source_id = :source", {"kind": source_kind, "source": source_id}
    )


def keep_source(connection: Connection, values: Mapping[str, object]) -> None:
    """What gaps of an official measure say of it (source_id, name, title, source_name, why_it_matters, …)."""
    names = ("source_id", "name", "title", "source_name", "why_it_matters", "lower_is_better")
    updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    connection.execute(
        text(
            f"INSERT INTO care_gaps.measure_source ({', '.join(names)}) "
            f"VALUES ({', '.join(f':{name}' for name in names)}) ON CONFLICT (source_id) DO UPDATE SET {updates}"
        ),
        values,
    )


def _take_away(work: UnitOfWork, which: str, named: dict[str, object]) -> None:
    gone = f"(SELECT patient_id, source_kind, source_id FROM care_gaps.gap WHERE present AND {which})"
    values = {
        **named,
        "now": work.now(),
        "run_id": WITHDRAWN,
        "actor_id": work.actor.actor_id,
        "actor_name": work.actor.name,
    }
    work.connection.execute(text(TELL_REMOVALS.format(gone=gone)), values)
    work.connection.execute(text(REMOVE.format(gone=gone)), values)
