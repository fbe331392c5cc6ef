"""People and the diagnoses in ICD-10-CM that stand on a day, read out of the flat tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from data_contracts.code_systems import ICD_10_CM
from data_contracts.guidelines.sql import dated

PEOPLE = f"""
WITH standing AS (
  SELECT coding.patient_key, upper(replace(coding.code, '.', '')) AS code
  FROM condition_coding AS coding JOIN condition USING (patient_key, resource_key)
  WHERE coding.system = '{ICD_10_CM.uri}' AND coding.code IS NOT NULL
    AND coalesce(verification_status, 'confirmed') NOT IN ('refuted', 'entered-in-error')
    AND coalesce(clinical_status, 'active') NOT IN ('inactive', 'remission', 'resolved')
    AND (abatement_low IS NULL OR abatement_low > $as_of)
    AND coalesce(onset_low, recorded_low, $as_of) <= $as_of
),
covered AS (
  SELECT DISTINCT patient_key FROM coverage
  WHERE status = 'active' AND (payer_type ILIKE '%medicare%' OR regexp_matches(payer_type, '^1[0-9]*$'))
    AND (start_low IS NULL OR start_low <= $as_of) AND (end_high IS NULL OR end_high >= $as_of)
)
SELECT patient.key_id, patient.patient_key, patient.sex,
  CASE WHEN birth_low = birth_high THEN date_diff('year', birth_low, $as_of)
    - (strftime($as_of, '%m%d') < strftime(birth_low, '%m%d'))::INT END AS age,
  covered.patient_key IS NOT NULL AS in_medicare,
  list(DISTINCT standing.code ORDER BY standing.code) FILTER (WHERE standing.code IS NOT NULL) AS codes
FROM patient LEFT JOIN standing USING (patient_key) LEFT JOIN covered USING (patient_key)
GROUP BY ALL ORDER BY patient.patient_key
"""


@dataclass(frozen=True)
class Person:
    """`age` in whole years on the day; None where the birth date is not known to the day."""

    key_id: str
    patient_key: str
    sex: str | None
    age: int | None
    in_medicare: bool
    codes: tuple[str, ...]


def people(connection: duckdb.DuckDBPyConnection, as_of: date) -> list[Person]:
    found = connection.execute(dated(PEOPLE, as_of)).fetchall()
    return [Person(*row[:5], tuple(row[5] or ())) for row in found]
