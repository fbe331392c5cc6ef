"""The SQL that turns flat tables into facts: what counts as having happened is decided here, once.

`on_day` is a fact's first day and `until_day` the first on which it is over: the next one for what is done in a day,
null for what goes on (a stay without an end, a problem that was not resolved, an allergy).

A person's facts are numbered in the order of their days and moments, of one moment by when they were reported, so
that the greatest number is the latest fact. Persons, sources and outcomes are numbers too: joins of numbers make a
large panel quick. Few large statements rather than many small ones: for one patient, planning is most of the cost.
"""

from __future__ import annotations

from data_contracts.guidelines.sql import ALWAYS
from data_contracts.valuesets import value_set


def _codes(name: str) -> str:
    return ", ".join(f"'{code.code}'" for code in value_set(name).codes)


CODE_ELEMENTS = (
    ("observation", "observation", ("code",)),
    ("diagnostic_report", "diagnostic_report", ("code",)),
    ("procedure", "procedure", ("code",)),
    ("immunization", "immunization", ("vaccine",)),
    ("medication_request", "medication_request", ("medication",)),
    ("condition", "condition", ("code",)),
    ("encounter", "encounter", ("type", "reason")),
    ("discharge", "encounter", ("discharge",)),
    ("allergy", "allergy", ("code",)),
)
"""For each kind of fact the resource and the elements whose codes say what it is about: all of them, in any place."""

_CODINGS = "\n  UNION ALL\n  ".join(
    f"SELECT '{kind}' AS fact_type, resource_key, system, code FROM {table}_coding"
    f" WHERE element IN ({', '.join(repr(element) for element in elements)})"
    for kind, table, elements in CODE_ELEMENTS
)

PERSON_SQL = """
SELECT CAST(row_number() OVER () AS INTEGER) AS person_no, key_id, patient_key,
  birth_low, coalesce(birth_high, birth_low) AS birth_high,
  CASE WHEN birth_sex = 'F' THEN TRUE WHEN birth_sex = 'M' THEN FALSE
    WHEN sex = 'female' THEN TRUE WHEN sex = 'male' THEN FALSE END AS female,
  active IS DISTINCT FROM FALSE AS active,
  deceased IS TRUE OR deceased_low IS NOT NULL AS died, deceased_low AS died_on
FROM patient
WHERE replaced_by_key IS NULL
"""

MOST_FACTS = "CAST(1000000 AS BIGINT)"
"""Of one person; what is numbered is numbered within a person, so that people can be shared out among machines."""

_HITS = f"""coding AS (
  {_CODINGS}
),
prefixed AS (
  SELECT p.source_no, p.fact_type, p.value_set, s.system, s.code
  FROM (SELECT DISTINCT system, code FROM coding WHERE fact_type IN ('condition', 'procedure', 'encounter')) s
  JOIN rule_prefix p ON p.system = s.system AND starts_with(s.code, p.prefix)
),
hit AS (
  SELECT c.fact_type, c.resource_key, n.source_no, c.code, c.system
  FROM coding c JOIN (SELECT * FROM rule_code UNION SELECT * FROM prefixed) n
    ON n.fact_type = c.fact_type AND n.system = c.system AND n.code = c.code
)"""

_SCORE_UNITS = "'{score}', '1', '{#}', '{points}', 'score', ''"
_HAPPENED = "'finished', 'in-progress', 'arrived', 'triaged', 'onleave'"
_NO_VALUE = ", ".join(["NULL"] * 11)

_RECORDS = f"""
  SELECT 'observation' AS fact_type, 'Observation' AS resource_type, patient_key, resource_key, sensitivity,
    effective_low AS on_day, coalesce(effective_high, effective_low) AS on_high, effective_low + 1 AS until_day,
    coalesce(effective_at, issued_at) AS moment, issued_at, value_number, value_text, value_comparator, value_unit,
    value_code, value_boolean, normalised_value, normalised_unit, normalised_reason
  FROM observation
  WHERE status IN ('final', 'amended', 'corrected')
    AND (data_absent_reason IS NULL OR value_number IS NOT NULL OR value_code IS NOT NULL)
  UNION ALL
  SELECT 'diagnostic_report', 'DiagnosticReport', patient_key, resource_key, sensitivity,
    effective_low, coalesce(effective_high, effective_low), effective_low + 1, {_NO_VALUE}
  FROM diagnostic_report WHERE status IN ('final', 'amended', 'corrected', 'appended')
  UNION ALL
  SELECT 'procedure', 'Procedure', patient_key, resource_key, sensitivity,
    coalesce(performed_low, {ALWAYS}), coalesce(performed_high, performed_low, {ALWAYS}),
    coalesce(performed_low, {ALWAYS}) + 1, {_NO_VALUE}
  FROM procedure WHERE status = 'completed'
  UNION ALL
  SELECT 'immunization', 'Immunization', patient_key, resource_key, sensitivity,
    coalesce(occurrence_low, {ALWAYS}), coalesce(occurrence_high, occurrence_low, {ALWAYS}),
    coalesce(occurrence_low, {ALWAYS}) + 1, {_NO_VALUE}
  FROM immunization WHERE status = 'completed'
  UNION ALL
  SELECT 'medication_request', 'MedicationRequest', patient_key, resource_key, sensitivity,
    authored_low, coalesce(authored_high, authored_low),
    CASE WHEN status <> 'active' THEN authored_low ELSE dispense_end_high + 1 END, {_NO_VALUE}
  FROM medication_request
  WHERE status IN ('active', 'completed', 'stopped') AND do_not_perform IS DISTINCT FROM TRUE
    AND intent IN ('order', 'original-order', 'reflex-order', 'filler-order', 'instance-order', 'plan')
  UNION ALL
  SELECT 'condition', 'Condition', patient_key, resource_key, sensitivity,
    coalesce(onset_low, recorded_low, {ALWAYS}), coalesce(onset_low, recorded_low, {ALWAYS}),
    CASE WHEN abatement_low IS NOT NULL THEN abatement_low
      WHEN clinical_status IN ('inactive', 'remission', 'resolved') THEN coalesce(onset_low, recorded_low, {ALWAYS})
    END, {_NO_VALUE}
  FROM condition WHERE verification_status IS NULL OR verification_status = 'confirmed'
  UNION ALL
  SELECT 'encounter', 'Encounter', patient_key, resource_key, sensitivity,
    start_low, coalesce(start_high, start_low),
    CASE WHEN status = 'finished' THEN coalesce(end_high, start_high, start_low) + 1 ELSE end_high + 1 END,
    {_NO_VALUE}
  FROM encounter WHERE status IN ({_HAPPENED})
  UNION ALL
  SELECT 'discharge', 'Encounter', patient_key, resource_key, sensitivity,
    coalesce(end_low, start_low), coalesce(end_high, end_low, start_high, start_low),
    coalesce(end_low, start_low) + 1, {_NO_VALUE}
  FROM encounter WHERE status IN ({_HAPPENED})
  UNION ALL
  SELECT 'allergy', 'AllergyIntolerance', patient_key, resource_key, sensitivity,
    coalesce(recorded_low, {ALWAYS}), coalesce(recorded_low, {ALWAYS}), NULL, {_NO_VALUE}
  FROM allergy
  WHERE coalesce(verification_status, 'confirmed') NOT IN ('refuted', 'entered-in-error')
    AND coalesce(clinical_status, 'active') = 'active'"""

_PRESSURE = f"""
  SELECT resource_key,
    max(normalised_value) FILTER (WHERE code IN ({_codes("systolic_pressure")})) AS systolic,
    max(normalised_value) FILTER (WHERE code IN ({_codes("diastolic_pressure")})) AS diastolic,
    max(normalised_unit) AS unit,
    max(value_text) FILTER (WHERE code IN ({_codes("systolic_pressure")})) AS systolic_text,
    max(value_text) FILTER (WHERE code IN ({_codes("diastolic_pressure")})) AS diastolic_text
  FROM observation_component
  WHERE code_system = 'http://loinc.org'
    AND code IN ({_codes("systolic_pressure")}, {_codes("diastolic_pressure")})
  GROUP BY resource_key"""


def _digits(text: str, number: str) -> str:
    """The digits as written; a long tail of decimals is cut after two, which never crosses a limit."""
    written = f"coalesce({text}, CAST({number} AS VARCHAR))"
    return f"CASE WHEN length({text}) > 8 THEN regexp_extract({text}, '^-?[0-9]+([.][0-9]{{1,2}})?') ELSE {written} END"


_WRITTEN = _digits("r.value_text", "r.value_number")

_WORDS = f"""CASE
    WHEN b.resource_key IS NOT NULL THEN
      coalesce({_digits("b.systolic_text", "b.systolic")}, '?')
        || '/' || coalesce({_digits("b.diastolic_text", "b.diastolic")}, '?') || coalesce(' ' || b.unit, '')
    WHEN r.value_number IS NULL THEN NULL
    WHEN coalesce(r.value_unit, '') IN ({_SCORE_UNITS}) THEN coalesce(r.value_comparator || ' ', '') || {_WRITTEN}
    WHEN r.normalised_unit <> r.value_unit THEN {_WRITTEN} || ' ' || r.value_unit
      || coalesce(' (' || CAST(round(r.normalised_value, 1) AS VARCHAR) || ' ' || r.normalised_unit || ')', '')
    ELSE coalesce(r.value_comparator || ' ', '') || {_WRITTEN} || ' ' || r.value_unit
  END"""

_SAID = """coalesce(b.systolic, r.normalised_value, r.value_number) NULLS FIRST,
    md5(concat_ws('|', r.resource_type, h.source_no, h.code, b.diastolic, r.value_text, r.value_code, r.value_boolean,
      r.value_comparator, r.value_unit, r.on_high, r.until_day, o.outcomes))"""
"""Between facts of one moment what they say decides, the higher number last, never which pseudonym they go by: the
answer is the same under every key, on the identified record, and in every engine that has MD5."""

_OUTCOMES = """
  SELECT s.fact_type, s.resource_key, bit_or(1 << o.outcome_no) AS outcomes, arg_min(o.words, o.outcome_no) AS words
  FROM (
    SELECT 'observation' AS fact_type, resource_key, system, code
    FROM observation_coding WHERE element IN ('value', 'interpretation')
    UNION ALL
    SELECT 'diagnostic_report', resource_key, system, code FROM diagnostic_report_coding WHERE element = 'conclusion'
  ) s JOIN rule_outcome o ON o.system = s.system AND o.code = s.code
  GROUP BY s.fact_type, s.resource_key"""
"""Which sets of results a fact's coded result is in, a bit a set, and the words of the worst."""

FACT_SQL = f"""
WITH {_HITS},
record AS ({_RECORDS}
),
pressure AS ({_PRESSURE}
),
outcome AS ({_OUTCOMES}
)
SELECT {MOST_FACTS} * p.person_no + row_number() OVER (
    PARTITION BY p.person_no
    ORDER BY r.on_day, r.moment, r.issued_at, {_SAID}, r.resource_key, h.source_no, h.code
  ) AS fact_no,
  p.person_no, h.source_no, r.fact_type, r.resource_type, r.resource_key, r.sensitivity, r.on_day, r.on_high,
  r.until_day, h.system, h.code,
  coalesce(b.systolic, r.normalised_value, CASE
    WHEN r.normalised_reason = 'comparator' THEN r.value_number
    WHEN coalesce(r.value_unit, '') IN ({_SCORE_UNITS})
      AND coalesce(r.normalised_reason, 'no_unit') IN ('unlisted_analyte', 'no_unit') THEN r.value_number
  END) AS number,
  b.diastolic,
  CASE WHEN b.resource_key IS NOT NULL THEN b.unit
    WHEN r.normalised_value IS NOT NULL THEN r.normalised_unit
    WHEN r.normalised_reason = 'comparator' THEN r.value_unit
    ELSE '{{score}}' END AS unit,
  r.value_comparator AS comparator,
  coalesce(r.value_boolean, CASE WHEN r.value_code IN ('LA9633-4', 'LA33-6') THEN TRUE
    WHEN r.value_code IN ('LA9634-2', 'LA32-8') THEN FALSE END) AS flag,
  coalesce(o.outcomes, 0) AS outcomes,
  coalesce({_WORDS}, o.words) AS words
FROM hit h JOIN record r ON r.fact_type = h.fact_type AND r.resource_key = h.resource_key
JOIN guideline_person p ON p.patient_key = r.patient_key
LEFT JOIN pressure b ON r.fact_type = 'observation' AND b.resource_key = r.resource_key
LEFT JOIN outcome o ON o.fact_type = r.fact_type AND o.resource_key = r.resource_key
WHERE r.on_day IS NOT NULL
"""

GATHER = {"guideline_person": PERSON_SQL, "guideline_fact": FACT_SQL}
"""The tables of facts, in the order in which they are made, each by the SELECT that says what it is."""
