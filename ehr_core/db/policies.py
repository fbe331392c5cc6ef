"""Brings every table's row-level policy to what row_security.py says today, whichever migration made the table.

Migrations run this when they are done, so that a rule about who sees what is changed in one place and holds for all.
"""

from __future__ import annotations

from typing import Any

from ehr_core.db.row_security import ONE_PATIENT, STAFF, chart_condition

POLICIES = """
SELECT format('%%I.%%I', p.schemaname, p.tablename) AS place, p.policyname AS policy,
  CASE WHEN p.schemaname = 'fhir' AND p.tablename IN ('patient', 'patient_history') THEN 'id' ELSE (
    SELECT a.attname FROM pg_attribute a
    WHERE a.attrelid = format('%%I.%%I', p.schemaname, p.tablename)::regclass
      AND a.attname = 'patient_id' AND NOT a.attisdropped) END AS patient_column
FROM pg_policies p WHERE p.policyname = ANY(%s) ORDER BY 1, 2
"""
IS_THERE = "SELECT to_regprocedure('access.open_patients()') IS NOT NULL"

NEWS_OF_ONE = (
    "current_setting('almoner.reach', true) IN ('own', 'one') "
    "AND patient_ids = ARRAY[current_setting('almoner.patient', true)]"
)
FIXED = {
    ("core.outbox", "everyone"): f"USING ({STAFF})",
    ("core.outbox", "own_reads"): f"USING ({NEWS_OF_ONE})",
    ("core.outbox", "own_writes"): f"WITH CHECK ({NEWS_OF_ONE})",
    ("audit.event", "own_reads"): f"USING ({ONE_PATIENT.format(column='patient_id')})",
    ("audit.event", "everyone_reads"): f"USING ({STAFF})",
}
CHECKED = ("by_patient", "everyone", "everyone_only", "everyone_writes")


def apply_policies(connection: Any) -> None:
    """Does nothing while the schema is older than the functions that the conditions call."""
    if not connection.exec_driver_sql(IS_THERE).scalar_one():
        return
    names = sorted({*CHECKED, *(policy for _, policy in FIXED)})
    found = connection.exec_driver_sql(POLICIES, (names,)).all()
    for place, policy, column in found:
        table = place.rpartition(".")[2]
        words = FIXED.get((place, policy)) or _words(policy, f"{table}.{column}" if column else None)
        connection.exec_driver_sql(f"ALTER POLICY {policy} ON {place} {words}")


def _words(policy: str, column: str | None) -> str:
    """`column` is named with its table: inside the condition's own look-ups a bare name would mean theirs."""
    condition = STAFF
    if policy == "by_patient":
        condition = chart_condition(column or "patient_id")
    elif policy == "everyone_only" and column:
        condition = chart_condition(column, patients_too=False)
    return f"USING ({condition}) WITH CHECK ({condition})"
