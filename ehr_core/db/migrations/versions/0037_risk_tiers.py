"""Risk scores, the facts behind them, and care tiers with what people have adjusted. No patient reaches any of it."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, protect_shared, protect_staff_only

revision = "0037"
down_revision = "0035"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA risk;

CREATE TABLE risk.score (
  patient_id text NOT NULL,
  score_id text NOT NULL,
  score_version text NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('payment', 'comorbidity', 'cardiovascular')),
  value double precision,
  tier text,
  unknown_reason text,
  unknown_words text,
  parts text,
  labels text[],
  key_id text NOT NULL,
  as_of date NOT NULL,
  computed_at timestamptz NOT NULL,
  run_id text NOT NULL,
  PRIMARY KEY (patient_id, score_id),
  CONSTRAINT payment_makes_no_tier CHECK ((purpose = 'payment') = (tier IS NULL))
);
COMMENT ON COLUMN risk.score.labels IS
  'Sensitive labels of the facts behind it, as the chart reads them: who may not see one of them sees no value';

CREATE TABLE risk.driver (
  patient_id text NOT NULL,
  score_id text NOT NULL,
  part text NOT NULL,
  evidence_type text NOT NULL,
  evidence_key text NOT NULL,
  evidence_id text,
  evidence_on date,
  evidence_code_system text,
  evidence_code text,
  evidence_value text,
  evidence_sensitivity text,
  key_id text NOT NULL,
  as_of date NOT NULL,
  computed_at timestamptz NOT NULL,
  run_id text NOT NULL,
  PRIMARY KEY (patient_id, score_id, part, evidence_type, evidence_key)
);

CREATE TABLE risk.care_tier (
  patient_id text PRIMARY KEY,
  present boolean NOT NULL DEFAULT true,
  tier text NOT NULL CHECK (tier IN ('low', 'moderate', 'high', 'very_high', 'unknown')),
  basis text,
  evidence_sensitivity text,
  labels text[],
  key_id text,
  as_of date,
  computed_at timestamptz,
  run_id text,
  adjusted_tier text CHECK (adjusted_tier IN ('low', 'moderate', 'high', 'very_high')),
  adjusted_reason text,
  adjusted_note text,
  adjusted_from text,
  adjusted_until date,
  adjusted_by text,
  adjusted_by_name text,
  adjusted_at timestamptz,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT clinical_basis CHECK (basis NOT LIKE '%hcc%'),
  CONSTRAINT adjustment_is_whole CHECK (num_nulls(adjusted_tier, adjusted_reason, adjusted_from, adjusted_until,
    adjusted_by, adjusted_by_name, adjusted_at) IN (0, 7))
);
COMMENT ON COLUMN risk.care_tier.present IS
  'False: the last run said nothing of this person; what somebody adjusted is kept';
COMMENT ON COLUMN risk.care_tier.adjusted_from IS 'The computed tier that was on the screen when it was adjusted';
CREATE INDEX care_tier_by_tier ON risk.care_tier (tier) WHERE present;

CREATE TABLE risk.tier_event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  patient_id text NOT NULL,
  at timestamptz NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  act text NOT NULL CHECK (act IN ('adjusted', 'taken_back', 'carried_over', 'computed')),
  from_tier text,
  to_tier text,
  reason text,
  note text,
  until date
);
CREATE INDEX tier_event_by_patient ON risk.tier_event (patient_id, event_id DESC);

CREATE TABLE risk.night (
  run_id text PRIMARY KEY,
  as_of date NOT NULL,
  taken_at timestamptz NOT NULL
);
COMMENT ON TABLE risk.night IS 'Whose answers the scores are: an answer that stays the same touches no row';
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    op.execute(f"GRANT USAGE ON SCHEMA risk TO {APP_ROLE}")
    for table in ("score", "driver", "care_tier"):
        protect_staff_only(op, f"risk.{table}", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))
    protect_staff_only(op, "risk.tier_event", grants=("SELECT", "INSERT"))
    protect_shared(op, "risk.night")


def downgrade() -> None:
    op.execute("DROP SCHEMA risk CASCADE")
