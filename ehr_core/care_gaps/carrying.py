"""What people decided about a gap, carried to the record that survives a merge, and taken back at an un-merge."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.events import tell

CARRY = text("""
UPDATE care_gaps.gap AS gap SET human_state = was.human_state, human_until = was.human_until,
  human_reason = was.human_reason, human_note = was.human_note, human_by = was.human_by,
  human_by_name = was.human_by_name, human_at = was.human_at, version = gap.version + 1
FROM care_gaps.gap AS was
WHERE was.patient_id = :source AND was.human_state IS NOT NULL AND was.human_until > :today
  AND gap.patient_id = :target AND gap.source_kind = was.source_kind AND gap.source_id = was.source_id
  AND gap.human_state IS NULL
RETURNING gap.gap_id, gap.patient_id, gap.human_state
""")
TAKE_BACK = text("""
UPDATE care_gaps.gap AS gap SET human_state = NULL, human_until = NULL, human_reason = NULL, human_note = NULL,
  human_by = NULL, human_by_name = NULL, human_at = NULL, version = gap.version + 1
FROM care_gaps.gap AS was
WHERE gap.gap_id = ANY(CAST(:gap_ids AS uuid[])) AND gap.patient_id = :target AND was.patient_id = :source
  AND was.source_kind = gap.source_kind AND was.source_id = gap.source_id
  AND gap.human_state = was.human_state AND gap.human_at = was.human_at
RETURNING gap.gap_id, gap.patient_id
""")


def carry_over_decisions(work: UnitOfWork, source: str, target: str) -> list[str]:
    """The ids of the survivor's gaps that took over a decision still in force.

    A decision that the survivor has of its own stays: it was made about the record that goes on.
    """
    values = {"source": source, "target": target, "today": work.today()}
    rows = work.connection.execute(CARRY, values).mappings().all()
    for row in rows:
        tell(work, row, act="carried_over", to_status=row["human_state"])
    return [str(row["gap_id"]) for row in rows]


def take_back_decisions(work: UnitOfWork, gap_ids: Iterable[str], source: str, target: str) -> None:
    """Ends what was carried over from `source` to `target`, where nobody has decided anew since."""
    values = {"gap_ids": list(gap_ids), "source": source, "target": target}
    for row in work.connection.execute(TAKE_BACK, values).mappings().all():
        tell(work, row, act="taken_back")
