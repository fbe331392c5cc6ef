"""By what each person is counted, and the first day on which time alone changes an answer about them."""

from __future__ import annotations

from datetime import date

import duckdb

from data_contracts.guidelines.sql import ALWAYS, anniversary, dated
from data_contracts.tables.results import PATIENT_STRATA
from data_contracts.workbench import Workbench, workbench
from pipelines.write_back.attribution import attribution_rules, attribution_sql

LAST_ORDER = 1_000
"""Where a coverage without an order stands: after all that have one."""

BAND_BIRTHDAYS = {18: "0-17", 45: "18-44", 65: "45-64", 75: "65-74"}
"""The birthday on which each band ends; from the last one on it is 75+."""


def _birthday(born: str, years: int) -> str:
    return anniversary(born, str(12 * years))


def _band(born: str) -> str:
    """The band of a birth day; null without one."""
    bands = " ".join(
        f"WHEN $as_of < {_birthday(born, years)} THEN '{band}'" for years, band in BAND_BIRTHDAYS.items()
    )
    return f"CASE WHEN {born} IS NULL THEN NULL {bands} ELSE '75+' END"


_BIRTHDAYS = ", ".join(
    _birthday(born, years) for years in BAND_BIRTHDAYS for born in ("birth_low", "birth_high")
)

STRATA = f"""
WITH {attribution_sql(attribution_rules())},
covered AS (
  SELECT patient_key,
    arg_min(payer_type, row(coalesce(coverage_order, {LAST_ORDER}), -epoch(coalesce(start_low, {ALWAYS})), payer_type))
      FILTER (WHERE payer_type IS NOT NULL AND (start_low IS NULL OR start_low <= $as_of)
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
    UNION ALL SELECT patient_key, attributed.next_change_on FROM attributed JOIN patient USING (patient_key)
      WHERE patient.clinician_key IS NULL OR patient.clinic_key IS NULL
    UNION ALL SELECT patient_key, birthday FROM (
      SELECT patient_key, unnest([{_BIRTHDAYS}]) AS birthday FROM patient) AS birthdays
    WHERE birthday > $as_of)
  GROUP BY patient_key
)
SELECT patient.key_id, patient.patient_key, coalesce(patient.clinic_key, attributed.clinic_key) AS clinic_key,
  coalesce(patient.clinician_key, attributed.clinician_key) AS clinician_key, sex,
  CASE WHEN {_band("birth_low")} = {_band("birth_high")} THEN {_band("birth_low")} END AS age_band,
  race, ethnicity, covered.payer, language, $as_of AS as_of, answers.next_change_on
FROM patient LEFT JOIN covered USING (patient_key) LEFT JOIN attributed USING (patient_key)
  LEFT JOIN answers USING (patient_key)
"""


def derive_strata(place: duckdb.DuckDBPyConnection | Workbench, *, as_of: date) -> None:
    """Makes patient_strata of patient, encounter, coverage and flag and from the results' own next-change days.

    Clinician and clinic are the recorded ones, else those of most visits (attribution.toml). An age band is that of
    the as-of day, null when the birth date does not decide it. The payer is the one that pays first: the lowest order,
    among equals the coverage that began last. Everybody has a row, on the panel or not.
    """
    workbench(place).make(PATIENT_STRATA.name, dated(STRATA, as_of), PATIENT_STRATA)
