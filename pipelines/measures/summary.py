"""Rates by group: counts of each population beside each other, so that no rate stands without its exclusions."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from ehr_core.kernel.errors import BadRequest

_AGE = """date_diff('year', p.birth_low, m.period_end)
    - CAST(strftime(p.birth_low, '%m%d') > strftime(m.period_end, '%m%d') AS INTEGER)"""

STRATA: dict[str, str] = {
    "all": "'all'",
    "clinic": "p.clinic_key",
    "clinician": "p.clinician_key",
    "sex": "p.sex",
    "age_band": (
        f"CASE WHEN p.birth_low IS NULL THEN NULL WHEN {_AGE} < 18 THEN '0-17' WHEN {_AGE} < 45 THEN '18-44' "
        f"WHEN {_AGE} < 65 THEN '45-64' WHEN {_AGE} < 75 THEN '65-74' ELSE '75+' END"
    ),
    "race": "p.race",
    "ethnicity": "p.ethnicity",
    "payer": "c.payer_type",
}
"""The groups that rates are shown by, and where each comes from. Age is that of the period's last day."""


def summarise(
    connection: duckdb.DuckDBPyConnection,
    strata: Collection[str] = tuple(STRATA),
    *,
    table: str = "measure_summary",
) -> None:
    """Creates a table of counts by measure, period, stratum and value from measure_results, patient and coverage.

    Columns: measure_id, measure_version, period_begin, period_end, as_of, stratum, value ('unknown' where not on
    record), initial_population, denominator, denominator_exclusion, denominator_exception, numerator,
    not_evaluable. The rate is numerator ÷ (denominator − exclusion − exception). Nothing is suppressed here.
    """
    unknown = sorted(set(strata) - set(STRATA))
    if unknown:
        raise BadRequest(f"There is no group '{unknown[0]}'. Known: {', '.join(STRATA)}.")
    counted = "\n  UNION ALL ".join(
        f"SELECT *, '{stratum}' AS stratum, coalesce({stratum}_value, 'unknown') AS value FROM joined"
        for stratum in strata
    )
    values = ", ".join(f"{STRATA[stratum]} AS {stratum}_value" for stratum in strata)
    connection.execute(
        f"""
CREATE OR REPLACE TABLE {table} AS
WITH payer AS (
  SELECT patient_key, arg_max(payer_type, row(coalesce(start_low, DATE '1000-01-01'), resource_key)) AS payer_type
  FROM coverage, (SELECT max(as_of) AS as_of FROM measure_results) d
  WHERE status = 'active' AND coalesce(start_low, d.as_of) <= d.as_of AND coalesce(end_high, d.as_of) >= d.as_of
  GROUP BY patient_key
),
joined AS (
  SELECT m.*, {values}
  FROM measure_results m
  JOIN patient p ON p.patient_key = m.patient_key
  LEFT JOIN payer c ON c.patient_key = m.patient_key
),
counted AS (
  {counted}
)
SELECT measure_id, measure_version, period_begin, period_end, as_of, stratum, value,
  count(*) FILTER (WHERE initial_population) AS initial_population,
  count(*) FILTER (WHERE denominator) AS denominator,
  count(*) FILTER (WHERE denominator_exclusion) AS denominator_exclusion,
  count(*) FILTER (WHERE denominator_exception) AS denominator_exception,
  count(*) FILTER (WHERE numerator) AS numerator,
  count(*) FILTER (WHERE NOT evaluable) AS not_evaluable
FROM counted
GROUP BY ALL
"""
    )
