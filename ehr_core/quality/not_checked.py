"""People whose record could not be checked, in the measures: not evaluable, counted beside the rate, never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from ehr_core.quality.cells import moving_cells

REASON = "record_not_checked"
PEOPLE = "not_checked_people"
IN_FORCE = "flag.period_begin <= :today AND flag.period_end >= :today"

NO_LONGER_JUDGED = f"""
UPDATE quality.measure_flag AS flag SET
  evaluable = false, not_evaluable_reason = :reason, initial_population = false, denominator = false,
  denominator_exclusion = false, denominator_exception = false, numerator = false, exclusion_reason = NULL,
  unmet_condition = NULL, population_counts = NULL,
  evidence_type = NULL, evidence_key = NULL, evidence_id = NULL, evidence_on = NULL, evidence_code_system = NULL,
  evidence_code = NULL, evidence_value = NULL, evidence_sensitivity = NULL, rests_also_on = NULL,
  rests_also_on_ids = NULL, next_change_on = NULL, computed_at = :now
FROM {PEOPLE} AS person
WHERE flag.patient_id = person.patient_id AND {IN_FORCE} AND flag.evaluable AND flag.initial_population"""

NEVER_JUDGED = f"""
INSERT INTO quality.measure_flag (patient_id, measure_id, period_begin, period_end, measure_version, evaluable,
  not_evaluable_reason, initial_population, denominator, denominator_exclusion, denominator_exception, numerator,
  key_id, as_of, computed_at, run_id, official)
SELECT person.patient_id, cell.measure_id, cell.period_begin, said.period_end, said.measure_version, false,
  :reason, false, false, false, false, false, said.key_id, :today, :now, said.run_id, said.official
FROM {PEOPLE} AS person
JOIN fhir.patient AS known ON known.id = person.patient_id AND known.replaced_by IS NULL
CROSS JOIN quality.summary_cell AS cell
CROSS JOIN LATERAL (
  SELECT flag.period_end, flag.measure_version, flag.key_id, flag.run_id, flag.official
  FROM quality.measure_flag AS flag
  WHERE flag.measure_id = cell.measure_id AND flag.period_begin = cell.period_begin
    AND (flag.initial_population OR NOT flag.evaluable) AND {IN_FORCE} LIMIT 1) AS said
WHERE cell.stratum_kind = 'all' AND (NOT said.official OR NOT EXISTS (
  SELECT 1 FROM quality.measure_flag AS earlier WHERE earlier.patient_id = person.patient_id))
ON CONFLICT (patient_id, measure_id, period_begin) DO NOTHING"""


def count_as_not_evaluable(
    connection: Connection, patient_ids: Sequence[str], *, today: date, now: datetime
) -> None:
    """In every measure that counted them for the period of today; somebody never measured, in every measure.

    A measure that their last answer left out (another sex, another age) goes on leaving them out. An official measure
    keeps no row of whom it leaves out, so it counts only somebody of whom nothing was ever said.
    """
    connection.execute(
        text(f"CREATE TEMP TABLE IF NOT EXISTS {PEOPLE} (patient_id text PRIMARY KEY) ON COMMIT DELETE ROWS")
    )
    connection.execute(text(f"DELETE FROM {PEOPLE}"))
    connection.execute(
        text(f"INSERT INTO {PEOPLE} SELECT unnest(CAST(:ids AS text[]))"), {"ids": sorted(set(patient_ids))}
    )
    values = {"reason": REASON, "today": today, "now": now}
    with moving_cells(connection, PEOPLE):
        connection.execute(text(NO_LONGER_JUDGED), values)
        connection.execute(text(NEVER_JUDGED), values)
