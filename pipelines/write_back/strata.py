"""By what each person is counted, and the first day on which time alone changes an answer about them."""

from __future__ import annotations

from datetime import date

import duckdb

from data_contracts.tables.results import PATIENT_STRATA

BAND_BIRTHDAYS = (18, 45, 65, 75)

_BANDS = """CASE WHEN {age} < 18 THEN '0-17' WHEN {age} < 45 THEN '18-44' WHEN {age} < 65 THEN '45-64'
  WHEN {age} < 75 THEN '65-74' ELSE '75+' END"""

STATEMENT = """
INSERT INTO patient_strata BY NAME
WITH ages AS (
  SELECT *,
    date_sub('year', birth_high, $as_of) AS age_at_least, date_sub('year', birth_low, $as_of) AS age_at_most
  FROM patient
),
covered AS (
  SELECT patient_key,
    min(payer_type) FILTER (WHERE (start_low IS NULL OR start_low <= $as_of)
      AND (end_high IS NULL OR end_high >= $as_of)) AS payer,
    least(min(start_low) FILTER (WHERE start_low > $as_of),
          min(end_high + 1) FILTER (WHERE end_high >= $as_of)) AS next_change_on
  FROM coverage WHERE status = 'active' GROUP BY patient_key
),
standing AS (
  SELECT patient_key,
    least(min(start_low) FILTER (WHERE start_low > $as_of),
          min(end_high + 1) FILTER (WHERE end_high >= $as_of)) AS next_change_on
  FROM flag WHERE status = 'active' GROUP BY patient_key
),
answers AS (
  SELECT patient_key, min(next_change_on) AS next_change_on FROM (
    SELECT patient_key, next_change_on FROM recommendation_results
    UNION ALL SELECT patient_key, next_change_on FROM measure_results
    UNION ALL SELECT patient_key, next_change_on FROM care_gaps
    UNION ALL SELECT patient_key, next_change_on FROM covered
    UNION ALL SELECT patient_key, next_change_on FROM standing
    UNION ALL SELECT patient_key, birthday FROM (
      SELECT patient_key, unnest([{birthdays}]) AS birthday FROM ages) AS birthdays
    WHERE birthday > $as_of)
  GROUP BY patient_key
)
SELECT ages.key_id, ages.patient_key, clinic_key, clinician_key, sex,
  CASE WHEN {band_low} = {band_high} THEN {band_low} END AS age_band,
  race, ethnicity, covered.payer, language, $as_of AS as_of, answers.next_change_on
FROM ages LEFT JOIN covered USING (patient_key) LEFT JOIN answers USING (patient_key)
"""


def derive_strata(connection: duckdb.DuckDBPyConnection, *, as_of: date) -> None:
    """Creates patient_strata from patient, coverage and flag and from the results' own next-change days.

    An age band is null when the birth date does not decide it. Everybody has a row, on the panel or not.
    """
    connection.execute("DROP TABLE IF EXISTS patient_strata")
    connection.execute(PATIENT_STRATA.duckdb_ddl())
    birthdays = ", ".join(
        f"CAST({bound} + INTERVAL {years} YEAR AS DATE)"
        for years in BAND_BIRTHDAYS
        for bound in ("birth_low", "birth_high")
    )
    statement = STATEMENT.format(
        birthdays=birthdays,
        band_low=_BANDS.format(age="age_at_least"),
        band_high=_BANDS.format(age="age_at_most"),
    )
    connection.execute(statement, {"as_of": as_of})
