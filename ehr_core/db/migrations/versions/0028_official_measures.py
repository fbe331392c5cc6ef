"""Official measures: imported packages, which of their measures are active, and the facts behind their results."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect, protect_shared

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE quality.official_package (
  package_id text PRIMARY KEY CHECK (package_id ~ '^[0-9a-f]{64}$'),
  source text NOT NULL,
  content bytea NOT NULL,
  imported_at timestamptz NOT NULL,
  imported_by text NOT NULL
);
COMMENT ON COLUMN quality.official_package.package_id IS 'SHA-256 of the content';

CREATE TABLE quality.official_measure (
  package_id text NOT NULL REFERENCES quality.official_package (package_id),
  measure_id text NOT NULL,
  version text NOT NULL,
  measure jsonb NOT NULL,
  active boolean NOT NULL DEFAULT false,
  changed_at timestamptz,
  changed_by text,
  PRIMARY KEY (package_id, measure_id)
);
CREATE UNIQUE INDEX official_measure_active_once ON quality.official_measure (measure_id) WHERE active;

ALTER TABLE quality.measure_flag
  ADD COLUMN official boolean NOT NULL DEFAULT false,
  ADD COLUMN unmet_condition text,
  ADD COLUMN population_counts text;
COMMENT ON COLUMN quality.measure_flag.population_counts IS
  'JSON: members by population id, within strata, and observations; null where the flags say all of it';

CREATE TABLE care_gaps.measure_source (
  source_id text PRIMARY KEY,
  name text NOT NULL,
  title text NOT NULL,
  source_name text NOT NULL,
  why_it_matters text NOT NULL,
  lower_is_better boolean NOT NULL
);
COMMENT ON TABLE care_gaps.measure_source IS 'What a gap says of the official measure that it comes from';

ALTER TABLE quality.run DROP CONSTRAINT run_kind_check,
  ADD CONSTRAINT run_kind_check CHECK (kind IN ('nightly', 'incremental', 'official'));

CREATE TABLE quality.measure_evidence (
  patient_id text NOT NULL,
  measure_id text NOT NULL,
  period_begin date NOT NULL,
  population text NOT NULL,
  definition text NOT NULL,
  holds boolean NOT NULL,
  facts_found integer NOT NULL,
  key_id text NOT NULL,
  evidence_type text NOT NULL,
  evidence_key text NOT NULL,
  evidence_id text,
  evidence_on date,
  evidence_code_system text,
  evidence_code text,
  evidence_value text,
  evidence_sensitivity text,
  as_of date NOT NULL,
  computed_at timestamptz NOT NULL,
  run_id text NOT NULL,
  PRIMARY KEY (patient_id, measure_id, period_begin, population, definition, evidence_type, evidence_key)
);
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    protect(op, "quality.measure_evidence", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))
    protect_shared(op, "care_gaps.measure_source", grants=("SELECT", "INSERT", "UPDATE"))
    protect_shared(op, "quality.official_package", grants=("SELECT", "INSERT"))
    protect_shared(op, "quality.official_measure", grants=("SELECT", "INSERT", "UPDATE"))


def downgrade() -> None:
    op.execute("DROP TABLE care_gaps.measure_source")
    for table in ("measure_evidence", "official_measure", "official_package"):
        op.execute(f"DROP TABLE quality.{table}")
    op.execute(
        "DELETE FROM quality.rate_point WHERE run_id IN (SELECT run_id FROM quality.run WHERE kind = 'official')"
    )
    op.execute("DELETE FROM quality.run WHERE kind = 'official'")
    op.execute(
        "ALTER TABLE quality.run DROP CONSTRAINT run_kind_check, "
        "ADD CONSTRAINT run_kind_check CHECK (kind IN ('nightly', 'incremental'))"
    )
    op.execute(
        "ALTER TABLE quality.measure_flag DROP COLUMN official, DROP COLUMN unmet_condition, "
        "DROP COLUMN population_counts"
    )
