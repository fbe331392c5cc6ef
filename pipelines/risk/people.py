"""People and the diagnoses in ICD-10-CM that stand on a day, read out of the flat tables.

Who has died, whose record was merged away or is inactive is not scored: nobody plans care by it any more.
"""

from __future__ import annotations

from datetime import date

from data_contracts.code_systems import ICD_10_CM
from data_contracts.guidelines.sql import dated
from data_contracts.workbench import Workbench

DIAGNOSES = f"""
SELECT coding.patient_key, upper(replace(coding.code, '.', '')) AS code, coding.code AS written, condition.resource_key,
  coalesce(onset_low, recorded_low) AS on_day, condition.sensitivity
FROM condition_coding AS coding JOIN condition USING (patient_key, resource_key)
WHERE coding.system = '{ICD_10_CM.uri}' AND coding.code IS NOT NULL
  AND coalesce(verification_status, 'confirmed') NOT IN ('refuted', 'entered-in-error')
  AND coalesce(clinical_status, 'active') NOT IN ('inactive', 'remission', 'resolved')
  AND (abatement_low IS NULL OR abatement_low > $as_of)
  AND coalesce(onset_low, recorded_low, $as_of) <= $as_of
"""

PEOPLE = """
WITH covered AS (
  SELECT DISTINCT patient_key FROM coverage
  WHERE status = 'active' AND (payer_type ILIKE '%medicare%' OR regexp_matches(payer_type, '^1[0-9]*$'))
    AND (start_low IS NULL OR start_low <= $as_of) AND (end_high IS NULL OR end_high >= $as_of)
)
SELECT key_id, patient_key, sex, birth_low,
  CASE WHEN birth_low = birth_high THEN date_diff('year', birth_low, $as_of)
    - (strftime($as_of, '%m%d') < strftime(birth_low, '%m%d'))::INT END AS age,
  patient_key IN (SELECT patient_key FROM covered) AS in_medicare,
  patient_key IN (SELECT patient_key FROM risk_diagnosis) AS has_diagnosis
FROM patient
WHERE replaced_by_key IS NULL AND active IS DISTINCT FROM FALSE
  AND deceased IS DISTINCT FROM TRUE AND deceased_low IS NULL
"""


TABLES = {"risk_diagnosis": DIAGNOSES, "risk_person": PEOPLE}


def make_people(tables: Workbench, as_of: date) -> None:
    """Makes `risk_diagnosis` (a row a standing coded diagnosis) and `risk_person` (age in whole years on the day)."""
    for name, select in TABLES.items():
        tables.make(name, dated(select, as_of))
