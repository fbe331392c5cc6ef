"""What PREVENT asks of a record, read out of the flat tables for all people at once.

Of each measurement the newest final one counts, for as long as its look-back says: an older readable one never stands
in for a newest that cannot be read. Makes `risk_measured`, `risk_problem` and `risk_medicine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache

import polars as pl
import pyarrow as pa

from data_contracts.code_systems import LOINC, RXNORM
from data_contracts.equations.coefficients import coefficients
from data_contracts.guidelines.sql import anniversary, dated
from data_contracts.units import load_analytes
from data_contracts.valuesets import value_set
from data_contracts.workbench import Workbench

LOOK_BACK_OF = {"creatinine": "egfr"}
"""A creatinine that is newer than the reported eGFR makes one, and counts as long."""
MEASURED = (
    "total_cholesterol",
    "hdl_cholesterol",
    "systolic_blood_pressure",
    "body_weight",
    "body_height",
    "egfr",
    "creatinine",
)
"""Keys of data_contracts/units/analytes.toml."""
PROBLEMS = {
    "diabetes": ("diabetes",),
    "kidney_failure": ("kidney_failure",),
    "kidney_transplant": ("kidney_transplant",),
    "cardiovascular": ("ascvd", "heart_failure", "stroke"),
}
PROCEDURES = {"cardiovascular": ("ascvd_procedures",)}
MEDICINES = {"antihypertensive": ("antihypertensives",), "statin": ("statins",)}
ANSWERS = {"smokes": ("smokes_now",), "does_not_smoke": ("does_not_smoke",)}
TAKEN = ("active", "on-hold", "unknown")
"""Statuses of a prescription that may be taken; decision support reads the same (workflows/patient_facts/taken.py)."""

NEWEST = """
WITH said AS (
  SELECT coding.patient_key, coding.resource_key, coding.system, coding.code, normalised_value, value_number,
    normalised_reason, normalised_unit
  FROM observation_coding AS coding JOIN observation USING (patient_key, resource_key) WHERE element = 'code'
  UNION ALL
  SELECT patient_key, resource_key, code_system, code, normalised_value, value_number, normalised_reason,
    normalised_unit
  FROM observation_component
),
answer AS (
  SELECT patient_key, resource_key, bool_or(topic = 'smokes') AS smokes FROM observation_coding AS coding
  JOIN risk_code AS asked ON asked.kind = 'answer' AND asked.system = coding.system AND asked.code = coding.code
  WHERE element = 'value' GROUP BY ALL
),
newest AS (
  SELECT patient_key, topic, unnest(arg_max(
    struct_pack(resource_key := said.resource_key, system := said.system, code := said.code,
      normalised_value := said.normalised_value, value_number := said.value_number,
      normalised_reason := said.normalised_reason, normalised_unit := said.normalised_unit,
      on_day := observation.effective_low, sensitivity := observation.sensitivity),
    row(observation.effective_low,
      coalesce(observation.effective_at, observation.issued_at, TIMESTAMP '-infinity'), said.resource_key)))
  FROM said JOIN risk_code AS asked
    ON asked.kind = 'measured' AND asked.system = said.system AND asked.code = said.code
  JOIN observation USING (patient_key, resource_key)
  WHERE observation.status IN ('final', 'amended', 'corrected') AND observation.effective_low <= $as_of
  GROUP BY patient_key, topic
)
SELECT newest.patient_key, newest.topic, newest.resource_key, newest.system, newest.code, newest.on_day,
  newest.sensitivity, newest.normalised_unit AS unit,
  CASE WHEN newest.topic = 'smoking' THEN answer.smokes::DOUBLE
    WHEN newest.topic = 'egfr' AND newest.normalised_reason = 'comparator' THEN newest.value_number
    ELSE newest.normalised_value END AS value,
  coalesce(newest.on_day >= since.day, TRUE) AS counts
FROM newest
LEFT JOIN answer USING (patient_key, resource_key)
LEFT JOIN risk_since AS since ON since.topic = newest.topic
"""

PROBLEM = """
WITH coded AS (
  SELECT asked.topic, asked.kind, found.system, found.code FROM risk_code AS asked
  JOIN (SELECT system, code FROM condition_coding UNION SELECT system, code FROM procedure_coding) AS found
    ON found.system = asked.system
    AND (found.code = asked.code OR asked.is_prefix AND starts_with(found.code, asked.code))
)
SELECT DISTINCT coding.patient_key, coded.topic, 'Condition' AS evidence_type, coding.resource_key, coding.system,
  coding.code, coalesce(onset_low, recorded_low) AS on_day, sensitivity,
  coalesce(clinical_status, CASE WHEN abatement_low IS NULL THEN 'active' END, '')
    IN ('active', 'recurrence', 'relapse') AS active
FROM condition_coding AS coding JOIN condition USING (patient_key, resource_key)
JOIN coded ON coded.kind = 'problem' AND coded.system = coding.system AND coded.code = coding.code
WHERE coalesce(verification_status, 'confirmed') NOT IN ('refuted', 'entered-in-error')
  AND coalesce(onset_low, recorded_low, $as_of) <= $as_of
UNION ALL
SELECT DISTINCT coding.patient_key, coded.topic, 'Procedure', coding.resource_key, coding.system, coding.code,
  performed_low, sensitivity, TRUE
FROM procedure_coding AS coding JOIN procedure USING (patient_key, resource_key)
JOIN coded ON coded.kind = 'procedure' AND coded.system = coding.system AND coded.code = coding.code
WHERE status = 'completed' AND coalesce(performed_low, $as_of) <= $as_of
"""

MEDICINE = """
SELECT taken.patient_key, taken.resource_key, asked.topic, min(coding.system) AS system, min(coding.code) AS code,
  authored_low AS on_day, sensitivity, coalesce(bool_or(coding.system = '$rxnorm'), FALSE) AS identified
FROM medication_request AS taken
LEFT JOIN medication_request_coding AS coding USING (patient_key, resource_key)
LEFT JOIN risk_code AS asked ON asked.kind = 'medicine' AND asked.system = coding.system AND asked.code = coding.code
WHERE status IN $taken AND do_not_perform IS DISTINCT FROM TRUE AND intent IS DISTINCT FROM 'proposal'
  AND coalesce(authored_low, $as_of) <= $as_of
GROUP BY ALL
"""


TABLES = {
    "risk_measured": NEWEST,
    "risk_problem": PROBLEM,
    "risk_medicine": MEDICINE.replace("$rxnorm", RXNORM.uri).replace("$taken", str(TAKEN)),
}


def make_inputs(tables: Workbench, as_of: date) -> None:
    """Makes `risk_since`, `risk_measured`, `risk_problem` and `risk_medicine`."""
    tables.lay("risk_code", _code_table())
    tables.make("risk_since", dated(_since(), as_of))
    for name, select in TABLES.items():
        tables.make(name, dated(select, as_of))


def measured_codes() -> frozenset[str]:
    """`system|code` of every measurement that counts."""
    return frozenset(f"{system}|{code}" for kind, _, system, code, _ in _codes() if kind == "measured")


CODE_COLUMNS = {
    "kind": pl.String,
    "topic": pl.String,
    "system": pl.String,
    "code": pl.String,
    "is_prefix": pl.Boolean,
}


@cache
def _code_table() -> pa.Table:
    return pl.DataFrame(list(_codes()), schema=CODE_COLUMNS, orient="row").to_arrow()


def _codes() -> Iterator[tuple[str, str, str, str, bool]]:
    """What each topic is coded as, from the analytes and the value sets."""
    for analyte in load_analytes():
        if analyte.key in MEASURED:
            yield from (("measured", analyte.key, LOINC.uri, loinc, False) for loinc in analyte.loinc)
    kinds = {
        "measured": {"smoking": ("tobacco_status",)},
        "answer": ANSWERS,
        "problem": PROBLEMS,
        "procedure": PROCEDURES,
        "medicine": MEDICINES,
    }
    for kind, topics in kinds.items():
        for topic, names in topics.items():
            for code in (code for name in names for code in value_set(name).codes):
                yield kind, topic, code.system.uri, code.code, code.is_prefix


def _since() -> str:
    """The first day of each look-back and its months, as a SELECT."""
    months = coefficients("heart_risk_inputs")["counts_for_months"]
    days = (
        f"SELECT '{topic}' AS topic, {count} AS months, {anniversary('$as_of', f'-{count}')} AS day"
        for topic in MEASURED
        for count in (months[LOOK_BACK_OF.get(topic, topic)],)
    )
    return " UNION ALL ".join(days)
