"""The SQL by which the chart is read: each statement takes what one screen needs of one patient."""

from __future__ import annotations

from sqlalchemy import text

SUMMARY = text("""
SELECT 'AllergyIntolerance' AS kind, version_id, body FROM fhir.allergy_intolerance
 WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'Condition', version_id, body FROM fhir.condition WHERE patient_id = :id AND NOT deleted
   AND coalesce(clinical_status, 'active') NOT IN ('resolved', 'inactive', 'remission')
UNION ALL
SELECT 'MedicationRequest', version_id, body FROM fhir.medication_request
 WHERE patient_id = :id AND NOT deleted AND status = ANY(:prescriptions)
UNION ALL
SELECT 'MedicationStatement', version_id, body FROM fhir.medication_statement
 WHERE patient_id = :id AND NOT deleted AND status = ANY(:statements)
UNION ALL
SELECT 'Medication', m.version_id, m.body FROM fhir.medication m WHERE NOT m.deleted AND m.id IN (
  SELECT substr(token, length('medication:Medication/') + 1)
  FROM (SELECT reference_tokens FROM fhir.medication_request
         WHERE patient_id = :id AND NOT deleted AND status = ANY(:prescriptions)
        UNION ALL
        SELECT reference_tokens FROM fhir.medication_statement
         WHERE patient_id = :id AND NOT deleted AND status = ANY(:statements)) AS taken,
       unnest(taken.reference_tokens) AS token
  WHERE token LIKE 'medication:Medication/%')
UNION ALL
(SELECT 'Encounter', version_id, body FROM fhir.encounter
  WHERE patient_id = :id AND NOT deleted AND status NOT IN ('entered-in-error', 'cancelled')
  ORDER BY date_low DESC NULLS LAST, id LIMIT :encounters)
UNION ALL
SELECT 'Immunization', version_id, body FROM fhir.immunization
 WHERE patient_id = :id AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'Observation', version_id, body FROM (
  SELECT version_id, body,
         row_number() OVER (PARTITION BY code_tokens[1] ORDER BY date_low DESC NULLS LAST, id DESC) AS place
  FROM fhir.observation
  WHERE patient_id = :id AND NOT deleted AND category_tokens @> ARRAY[:vital_signs]
    AND status = ANY(:done)) AS newest
 WHERE place <= :shown_vitals
""")

RESULTS = text("""
SELECT 'Observation' AS kind, version_id, body FROM fhir.observation WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'DiagnosticReport', version_id, body FROM fhir.diagnostic_report WHERE patient_id = :id AND NOT deleted
""")

LATE_DAYS = 400
"""An imported result is not issued later than this after it was taken."""

NEWEST_RESULTS = text("""
WITH mine AS MATERIALIZED (
  SELECT id, code_tokens[1] AS code, hashtextextended(code_tokens[1], 0) AS test, date_low, last_updated, imported,
         status, category_tokens
  FROM fhir.observation WHERE patient_id = :id AND NOT deleted),
ranked AS (
  SELECT id, row_number() OVER (PARTITION BY test ORDER BY date_low DESC NULLS LAST, id DESC) AS place FROM mine),
totals AS (SELECT code, count(*) AS total FROM mine GROUP BY code),
may_wait AS (
  SELECT id, date_low IS NULL OR date_low >= last_updated - make_interval(days => :days + 1) AS fresh,
         to_char(last_updated - make_interval(days => :days + 1), 'YYYY-MM-DD') AS issued_from
  FROM mine
  WHERE (date_low IS NULL OR NOT imported OR date_low >= last_updated - make_interval(days => :late_days))
    AND status = ANY(:done)
    AND (coalesce(category_tokens, '{}') && :unseen OR NOT coalesce(category_tokens, '{}') && :seen)),
wanted AS (
  SELECT id FROM ranked WHERE place <= :newest
  UNION
  SELECT id FROM may_wait JOIN fhir.observation o USING (id)
   WHERE strpos(o.body, :review_url) = 0
     AND (fresh OR left(CAST(o.body AS jsonb) ->> 'issued', 10) >= issued_from))
SELECT 'Observation' AS kind, o.version_id, o.body, totals.code, totals.total
FROM wanted JOIN fhir.observation o USING (id) LEFT JOIN totals ON totals.code = o.code_tokens[1]
UNION ALL
SELECT 'DiagnosticReport', version_id, body, NULL, NULL FROM fhir.diagnostic_report
 WHERE patient_id = :id AND NOT deleted
""")
"""The newest of each test, and whatever may wait for review however old it is: a superset of `awaits_review`.

A result of long ago that was issued late waits as well, if it was recorded here or is younger than LATE_DAYS at its
import. The 20,000 rows of a long chart are ranked by narrow columns, tests told apart by a 64-bit hash of their code;
what is dear (words of a day, a look into the body) is asked of the few that are left.
"""

WAITS = """
   NOT r.deleted AND r.status = ANY(:done)
   AND (CAST(:practitioner AS text) IS NULL OR r.patient_id IN (
         SELECT id FROM fhir.patient p WHERE NOT p.deleted AND p.reference_tokens @> ARRAY[:practitioner]))
   AND strpos(r.body, :review_url) = 0
   AND (r.date_low IS NULL
        OR (r.date_low AT TIME ZONE :zone)::date >= (r.last_updated AT TIME ZONE :zone)::date - CAST(:days AS integer)
        OR left(CAST(r.body AS jsonb) ->> 'issued', 10)
           >= ((r.last_updated AT TIME ZONE :zone)::date - CAST(:days AS integer))::text)"""

UNREVIEWED = text(f"""
SELECT (SELECT count(*) FROM fhir.observation r
         WHERE (coalesce(r.category_tokens, '{{}}') && :unseen OR NOT coalesce(r.category_tokens, '{{}}') && :seen)
           AND {WAITS})
     + (SELECT count(*) FROM fhir.diagnostic_report r
         WHERE NOT EXISTS (SELECT 1 FROM unnest(r.category_tokens) AS token
                            WHERE starts_with(token, :document) AND NOT starts_with(token, :service))
           AND {WAITS}
           AND (jsonb_exists_any(CAST(r.body AS jsonb), :own_words)
                OR NOT jsonb_exists(CAST(r.body AS jsonb), 'result')))
""")
"""What `reviews.awaits_review` says of one result, over all of them; a test holds the two together."""

PAST_CARE = text("""
SELECT 'Procedure' AS kind, version_id, body FROM fhir.procedure WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'Immunization', version_id, body FROM fhir.immunization WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'DocumentReference', version_id, body FROM fhir.document_reference WHERE patient_id = :id AND NOT deleted
""")


STORED = """
SELECT '{kind}' AS kind, id, version_id, deleted, patient_id, body FROM fhir.{table} WHERE id = ANY(:ids)"""

STORED_TABLES = {
    "Observation": "observation",
    "DiagnosticReport": "diagnostic_report",
    "Immunization": "immunization",
    "Procedure": "procedure",
    "DocumentReference": "document_reference",
}

EARLIER_VALUES = text("""
SELECT wanted.patient_id, wanted.token, o.version_id, o.body
FROM unnest(CAST(:patients AS text[]), CAST(:tokens AS text[])) AS wanted(patient_id, token)
CROSS JOIN LATERAL (
  SELECT version_id, body, date_low, id FROM fhir.observation
   WHERE patient_id = wanted.patient_id AND NOT deleted AND code_tokens @> ARRAY[wanted.token]
     AND status = ANY(:done) ORDER BY date_low DESC NULLS LAST, id DESC LIMIT :most) AS o
ORDER BY o.date_low NULLS FIRST, o.id
""")
