"""Data quality of each night; uploads of official packages; for which days and why a measure is active."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect, protect_shared

revision = "0036"
down_revision = "0037"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE quality.data_finding (
  on_day date NOT NULL,
  check_id text NOT NULL,
  kind text NOT NULL,
  resource_type text NOT NULL,
  element text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('ran', 'nothing_to_check', 'could_not_run')),
  failing bigint CHECK (failing >= 0),
  checked bigint CHECK (checked > 0),
  newest_on date,
  run_id text NOT NULL,
  computed_at timestamptz NOT NULL,
  PRIMARY KEY (check_id, on_day),
  CHECK ((outcome = 'ran') = (failing IS NOT NULL) AND (outcome = 'ran') = (checked IS NOT NULL))
);
COMMENT ON TABLE quality.data_finding IS 'One row a check and day; counts are null unless the check ran';

CREATE TABLE quality.data_touch (
  check_id text NOT NULL,
  measure_id text NOT NULL,
  official boolean NOT NULL,
  records bigint,
  reads text,
  PRIMARY KEY (check_id, measure_id)
);
COMMENT ON TABLE quality.data_touch IS 'Which measures the defects of the newest night touch';

CREATE TABLE quality.data_record (
  patient_id text NOT NULL,
  check_id text NOT NULL,
  key_id text NOT NULL,
  evidence_type text NOT NULL,
  evidence_key text NOT NULL,
  evidence_id text,
  evidence_on date,
  evidence_sensitivity text,
  as_of date NOT NULL,
  computed_at timestamptz NOT NULL,
  run_id text NOT NULL,
  PRIMARY KEY (patient_id, check_id, evidence_type, evidence_key)
);
COMMENT ON TABLE quality.data_record IS 'A few records with each defect of the newest night';

CREATE TABLE quality.official_upload (
  upload_id text PRIMARY KEY,
  file_name text NOT NULL,
  content bytea,
  state text NOT NULL CHECK (state IN ('waiting', 'checking', 'checked', 'refused', 'imported')),
  progress text NOT NULL DEFAULT '',
  report jsonb,
  package bytea,
  uploaded_at timestamptz NOT NULL,
  uploaded_by text NOT NULL,
  claimed_at timestamptz,
  settled_at timestamptz
);
COMMENT ON COLUMN quality.official_upload.report IS 'What the check says: measures, problems, notes';
COMMENT ON COLUMN quality.official_upload.package IS 'What would be kept, packed; null unless it can be imported';

ALTER TABLE quality.official_measure
  ADD COLUMN active_from date,
  ADD COLUMN active_until date,
  ADD COLUMN reason text;
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    protect(op, "quality.data_record", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))
    for table in ("quality.data_finding", "quality.data_touch", "quality.official_upload"):
        protect_shared(op, table, grants=("SELECT", "INSERT", "UPDATE", "DELETE"))


def downgrade() -> None:
    op.execute(
        "ALTER TABLE quality.official_measure DROP COLUMN active_from, DROP COLUMN active_until, DROP COLUMN reason"
    )
    for table in ("official_upload", "data_record", "data_touch", "data_finding"):
        op.execute(f"DROP TABLE quality.{table}")
