"""Care gaps and measures as the screens read them, and the claims of the re-measure worker.

Computed, workflow and human state are separate columns: a write-back may only touch the computed ones. Nothing here
is a clinical record; every row can be computed again, except what people decided, which `care_gaps.event` keeps.
"""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, protect, protect_shared, protect_staff_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CARE_GAPS = """
CREATE SCHEMA care_gaps;

CREATE TABLE care_gaps.gap (
  patient_id text NOT NULL,
  source_kind text NOT NULL CHECK (source_kind IN ('recommendation', 'measure')),
  source_id text NOT NULL,
  gap_id uuid NOT NULL DEFAULT gen_random_uuid(),
  present boolean NOT NULL DEFAULT true,
  source_version text NOT NULL,
  computed_status text NOT NULL CHECK (computed_status IN ('open', 'closed', 'excluded', 'not_evaluable')),
  gap_kind text NOT NULL CHECK (gap_kind IN ('due', 'above_goal', 'follow_up_due', 'none')),
  reason_code text NOT NULL,
  due_on date,
  priority smallint CHECK (priority BETWEEN 1 AND 5),
  key_id text NOT NULL,
  evidence_type text,
  evidence_key text,
  evidence_id text,
  evidence_on date,
  evidence_code_system text,
  evidence_code text,
  evidence_value text,
  evidence_sensitivity text,
  as_of date NOT NULL,
  next_change_on date,
  computed_at timestamptz NOT NULL,
  run_id text NOT NULL,
  workflow_state text CHECK (workflow_state IN ('outreach_sent', 'scheduled', 'result_pending')),
  workflow_until date,
  workflow_at timestamptz,
  workflow_reference text,
  human_state text CHECK (human_state IN ('excluded', 'declined', 'snoozed')),
  human_until date,
  human_reason text,
  human_note text,
  human_by text,
  human_by_name text,
  human_at timestamptz,
  owner_id text,
  owner_name text,
  attempts integer NOT NULL DEFAULT 0,
  last_attempt_at timestamptz,
  last_attempt_outcome text,
  version bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (patient_id, source_kind, source_id),
  CONSTRAINT gap_id_once UNIQUE (gap_id),
  CONSTRAINT workflow_state_ends CHECK ((workflow_state IS NULL) = (workflow_until IS NULL)),
  CONSTRAINT human_state_ends CHECK ((human_state IS NULL) = (human_until IS NULL))
);
COMMENT ON COLUMN care_gaps.gap.present IS
  'False: the last run said nothing of it (left the population, died, merged away); what people decided is kept';
COMMENT ON COLUMN care_gaps.gap.human_until IS 'First day on which the state no longer holds';

-- The worklist walks open gaps patient by patient without touching the rows themselves.
CREATE INDEX gap_open_by_patient ON care_gaps.gap (patient_id)
  INCLUDE (priority, due_on, human_until, workflow_until, owner_id, last_attempt_at)
  WHERE present AND computed_status = 'open';
CREATE INDEX gap_open_by_source ON care_gaps.gap (source_id, patient_id)
  WHERE present AND computed_status = 'open';
CREATE INDEX gap_by_workflow ON care_gaps.gap (workflow_until) WHERE workflow_state IS NOT NULL;
CREATE INDEX gap_by_human ON care_gaps.gap (human_until) WHERE human_state IS NOT NULL;
CREATE INDEX gap_by_owner ON care_gaps.gap (owner_id) WHERE owner_id IS NOT NULL;

CREATE TABLE care_gaps.event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  gap_id uuid NOT NULL,
  patient_id text NOT NULL,
  at timestamptz NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  act text NOT NULL,
  from_status text,
  to_status text,
  reason text,
  note text
);
CREATE INDEX event_by_gap ON care_gaps.event (gap_id, event_id);

CREATE TABLE care_gaps.contact_attempt (
  attempt_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  patient_id text NOT NULL,
  at timestamptz NOT NULL,
  by_id text NOT NULL,
  by_name text NOT NULL,
  channel text NOT NULL,
  outcome text NOT NULL,
  gap_ids uuid[] NOT NULL,
  interpreter_used boolean,
  try_again_on date,
  note text
);
CREATE INDEX contact_attempt_by_patient ON care_gaps.contact_attempt (patient_id, at DESC);

CREATE TABLE care_gaps.patient_reply (
  reply_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  patient_id text NOT NULL,
  gap_id uuid NOT NULL,
  received_at timestamptz NOT NULL,
  said_when text,
  said_where text,
  reviewed_at timestamptz,
  reviewed_by text,
  review_outcome text
);
CREATE INDEX patient_reply_by_gap ON care_gaps.patient_reply (gap_id);
CREATE INDEX patient_reply_to_review ON care_gaps.patient_reply (received_at) WHERE reviewed_at IS NULL;

CREATE TABLE care_gaps.measured_patient (
  patient_id text PRIMARY KEY,
  computed_at timestamptz,
  as_of date,
  run_id text,
  next_change_on date,
  failures smallint NOT NULL DEFAULT 0,
  failed_at timestamptz,
  quarantined boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN care_gaps.measured_patient.next_change_on IS
  'Never later than the day on which time alone changes one of this patient''s answers';
CREATE INDEX measured_patient_by_time ON care_gaps.measured_patient (computed_at DESC);
CREATE INDEX measured_patient_by_next_change ON care_gaps.measured_patient (next_change_on);
"""

QUALITY = """
CREATE SCHEMA quality;

CREATE TABLE quality.measure_flag (
  patient_id text NOT NULL,
  measure_id text NOT NULL,
  period_begin date NOT NULL,
  period_end date NOT NULL,
  measure_version text NOT NULL,
  evaluable boolean NOT NULL,
  not_evaluable_reason text,
  initial_population boolean NOT NULL,
  denominator boolean NOT NULL,
  denominator_exclusion boolean NOT NULL,
  denominator_exception boolean NOT NULL,
  numerator boolean NOT NULL,
  exclusion_reason text,
  key_id text NOT NULL,
  evidence_type text,
  evidence_key text,
  evidence_id text,
  evidence_on date,
  evidence_code_system text,
  evidence_code text,
  evidence_value text,
  evidence_sensitivity text,
  as_of date NOT NULL,
  next_change_on date,
  computed_at timestamptz NOT NULL,
  run_id text NOT NULL,
  PRIMARY KEY (patient_id, measure_id, period_begin)
);
CREATE INDEX measure_flag_drill ON quality.measure_flag (measure_id, period_begin, patient_id)
  WHERE initial_population OR NOT evaluable;

CREATE TABLE quality.patient_stratum (
  patient_id text PRIMARY KEY,
  clinic text,
  clinician text,
  sex text,
  age_band text,
  race text,
  ethnicity text,
  payer text,
  language text
);

CREATE TABLE quality.summary_cell (
  measure_id text NOT NULL,
  period_begin date NOT NULL,
  stratum_kind text NOT NULL,
  stratum_value text NOT NULL,
  initial_population integer NOT NULL DEFAULT 0,
  denominator integer NOT NULL DEFAULT 0,
  exclusions integer NOT NULL DEFAULT 0,
  exceptions integer NOT NULL DEFAULT 0,
  numerator integer NOT NULL DEFAULT 0,
  not_evaluable integer NOT NULL DEFAULT 0,
  PRIMARY KEY (measure_id, period_begin, stratum_kind, stratum_value)
);
COMMENT ON COLUMN quality.summary_cell.denominator IS 'After exclusions and exceptions';

CREATE TABLE quality.run (
  run_id text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('nightly', 'incremental')),
  snapshot_id text NOT NULL,
  key_id text NOT NULL,
  as_of date NOT NULL,
  outbox_transaction bigint NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  code_version text NOT NULL,
  counts jsonb NOT NULL,
  failure text
);
CREATE INDEX run_by_finish ON quality.run (finished_at DESC);

CREATE TABLE quality.rate_point (
  measure_id text NOT NULL,
  period_begin date NOT NULL,
  stratum_kind text NOT NULL,
  stratum_value text NOT NULL,
  on_day date NOT NULL,
  initial_population integer NOT NULL,
  denominator integer NOT NULL,
  exclusions integer NOT NULL,
  exceptions integer NOT NULL,
  numerator integer NOT NULL,
  not_evaluable integer NOT NULL,
  run_id text NOT NULL REFERENCES quality.run (run_id),
  PRIMARY KEY (measure_id, stratum_kind, stratum_value, on_day, period_begin)
);
"""

NAME_ORDER = """
-- The worklist sorted by name, without reading a hundred thousand charts.
CREATE INDEX patient_by_family ON fhir.patient (family_text, given_text, id) WHERE NOT deleted;
"""

CLAIMS = """
ALTER TABLE core.outbox
  ADD COLUMN claim_batch uuid,
  ADD COLUMN claimed_until timestamptz,
  ADD COLUMN tries smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN core.outbox.claimed_until IS
  'A worker that dies lets go of the row at this time; another takes it up';
CREATE INDEX outbox_by_claim ON core.outbox (claim_batch) WHERE remeasured_at IS NULL;
"""


def upgrade() -> None:
    for part in (CARE_GAPS, QUALITY, NAME_ORDER, CLAIMS):
        op.execute(part)
    op.execute(f"GRANT USAGE ON SCHEMA care_gaps, quality TO {APP_ROLE}")
    for table in ("gap", "patient_reply", "measured_patient"):
        protect(op, f"care_gaps.{table}", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))
    for table in ("event", "contact_attempt"):
        protect(op, f"care_gaps.{table}", grants=("SELECT", "INSERT"))
    for table in ("measure_flag", "patient_stratum"):
        protect(op, f"quality.{table}", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))
    protect_staff_only(op, "quality.summary_cell", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))
    protect_staff_only(op, "quality.rate_point")
    protect_shared(op, "quality.run")


def downgrade() -> None:
    op.execute("DROP SCHEMA quality CASCADE")
    op.execute("DROP SCHEMA care_gaps CASCADE")
    op.execute("DROP INDEX fhir.patient_by_family")
    op.execute(
        "ALTER TABLE core.outbox DROP COLUMN claim_batch, DROP COLUMN claimed_until, DROP COLUMN tries"
    )
