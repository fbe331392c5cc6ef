"""A sensitive label that is put on a fact restricts at once what rests on it: care tiers, gaps, answers of measures.

Answers keep the labels of their evidence, so that lists and filters need not look at every fact. A trigger takes a new
label along within the transaction that puts it on; the next run says the same.
"""

from __future__ import annotations

from alembic import op

from data_contracts.guidelines.sql import sensitivity_rank
from ehr_core.db.row_security import APP_ROLE

revision = "0040"
down_revision = "0038"
branch_labels = None
depends_on = None

OF_RISK = {
    "Condition": "condition",
    "Observation": "observation",
    "MedicationRequest": "medication_request",
    "Procedure": "procedure",
}
"""What a score may rest on, by its table."""
KEEP_THE_STRICTEST = (
    "care_gaps.gap",
    "quality.measure_flag",
    "quality.measure_evidence",
    "quality.data_record",
)
"""Answers that carry one label, the strictest of their evidence."""
OF_PATIENTS = (
    "SELECT tablename FROM pg_policies WHERE schemaname = 'fhir' AND policyname = 'by_patient' "
    "AND to_regclass('fhir.' || quote_ident(tablename || '_history')) IS NOT NULL ORDER BY 1"
)
"""Tables of what stands now; that of its history is none of them."""
AS_THE_WHOLE_RECORD = """LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' SET almoner.labels = 'whole'
  SET search_path = pg_catalog, public"""
"""Who puts a label on may thereby lose sight of what rests on the fact; it has to follow all the same."""

OF_FACTS = " ".join(
    "UNION ALL SELECT driver.patient_id, driver.score_id, unnest(fact.sensitivity) FROM risk.driver AS driver "
    f"JOIN fhir.{table} AS fact ON fact.id = driver.evidence_id AND fact.patient_id = driver.patient_id "
    f"WHERE driver.evidence_type = '{kind}' AND fact.sensitivity IS NOT NULL"
    for kind, table in OF_RISK.items()
)
RAISE = " ".join(
    f"UPDATE {table} AS held SET evidence_sensitivity = strictest WHERE held.patient_id = NEW.patient_id "
    "AND held.evidence_type = TG_ARGV[0] AND held.evidence_id = NEW.id "
    f"AND ({sensitivity_rank('held.evidence_sensitivity')} < {sensitivity_rank('strictest')} "
    "OR held.evidence_sensitivity IS NULL);"
    for table in KEEP_THE_STRICTEST
)

UPGRADE = f"""
CREATE VIEW risk.score_label WITH (security_invoker = true) AS
SELECT patient_id, score_id, array_agg(DISTINCT label ORDER BY label) AS labels FROM (
  SELECT patient_id, score_id, evidence_sensitivity AS label FROM risk.driver WHERE evidence_sensitivity IS NOT NULL
  {OF_FACTS}) AS said GROUP BY patient_id, score_id;
COMMENT ON VIEW risk.score_label IS 'Sensitive labels of the facts behind a score, as run and chart say them now';

CREATE FUNCTION risk.relabel(whose text[]) RETURNS void {AS_THE_WHOLE_RECORD} AS $$
BEGIN
  UPDATE risk.score AS score SET labels = found.labels FROM (
    SELECT patient_id, score_id, said.labels FROM risk.score AS held
      LEFT JOIN risk.score_label AS said USING (patient_id, score_id)
    WHERE held.patient_id = ANY (whose) AND held.labels IS DISTINCT FROM said.labels) AS found
  WHERE found.patient_id = score.patient_id AND found.score_id = score.score_id;
  UPDATE risk.care_tier AS tier SET labels = found.labels FROM (
    SELECT patient_id, said.labels FROM risk.care_tier AS held LEFT JOIN (
      SELECT patient_id, array_agg(DISTINCT label ORDER BY label) AS labels
      FROM risk.score AS score, unnest(score.labels) AS label
      WHERE purpose <> 'payment' AND patient_id = ANY (whose) GROUP BY patient_id) AS said USING (patient_id)
    WHERE held.patient_id = ANY (whose) AND held.labels IS DISTINCT FROM said.labels) AS found
  WHERE found.patient_id = tier.patient_id;
END $$;
COMMENT ON FUNCTION risk.relabel IS 'Labels of these people''s scores and tiers, as their facts have them now';

CREATE FUNCTION access.labels_follow() RETURNS trigger {AS_THE_WHOLE_RECORD} AS $$
DECLARE
  strictest text := (
    SELECT label FROM unnest(NEW.sensitivity) AS label ORDER BY {sensitivity_rank("label")} DESC LIMIT 1);
BEGIN
  IF strictest IS NOT NULL THEN
    {RAISE}
  END IF;
  IF EXISTS (SELECT FROM risk.driver AS held WHERE held.patient_id = NEW.patient_id
      AND held.evidence_type = TG_ARGV[0] AND held.evidence_id = NEW.id) THEN
    PERFORM risk.relabel(ARRAY[NEW.patient_id]);
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION access.labels_follow IS 'A label restricts what rests on the fact in the same transaction';

ALTER TABLE risk.care_tier ADD COLUMN next_change_on date;
COMMENT ON COLUMN risk.care_tier.next_change_on IS 'First day on which time alone may change it';
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    op.execute(f"GRANT SELECT ON risk.score_label TO {APP_ROLE}")
    for table in op.get_bind().exec_driver_sql(OF_PATIENTS).scalars().all():
        kind = "".join(word.capitalize() for word in table.split("_"))
        op.execute(
            f'CREATE TRIGGER labels_follow AFTER UPDATE ON fhir."{table}" FOR EACH ROW '
            "WHEN (NEW.sensitivity IS DISTINCT FROM OLD.sensitivity) "
            f"EXECUTE FUNCTION access.labels_follow('{kind}')"
        )


def downgrade() -> None:
    op.execute("ALTER TABLE risk.care_tier DROP COLUMN next_change_on")
    op.execute("DROP FUNCTION access.labels_follow CASCADE")
    op.execute("DROP FUNCTION risk.relabel")
    op.execute("DROP VIEW risk.score_label")
