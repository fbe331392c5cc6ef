"""What decision support showed and what came of it, what the site has decided about its rules, and imported RxNorm."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, protect, protect_shared, protect_staff_only

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA decision_support;

CREATE TABLE decision_support.checked (
  check_id uuid PRIMARY KEY,
  patient_id text NOT NULL,
  at timestamptz NOT NULL,
  actor_id text NOT NULL,
  moment text NOT NULL,
  proposal text NOT NULL,
  rxcui text,
  interrupted boolean NOT NULL,
  signed_at timestamptz
);
CREATE INDEX checked_by_time ON decision_support.checked (at);
COMMENT ON TABLE decision_support.checked IS
  'One row a check; a proposal that is checked again while it is written keeps its name and is counted once';

CREATE TABLE decision_support.shown (
  check_id uuid NOT NULL REFERENCES decision_support.checked (check_id),
  card_key text NOT NULL,
  rule_id text NOT NULL,
  patient_id text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('fires', 'could_not_check')),
  tier smallint NOT NULL,
  severity text NOT NULL,
  answer text CHECK (answer IN ('accepted', 'overridden')),
  reason_code text,
  reason_words text,
  answered_at timestamptz,
  answered_by text,
  PRIMARY KEY (check_id, card_key)
);
CREATE INDEX shown_by_rule ON decision_support.shown (rule_id);
COMMENT ON COLUMN decision_support.shown.answer IS
  'overridden: signed all the same; accepted: the proposal was dropped or changed after the card. Null: no answer yet';

CREATE TABLE decision_support.choice (
  choice_id uuid PRIMARY KEY,
  rule_id text NOT NULL,
  tier smallint CHECK (tier BETWEEN 1 AND 3),
  reason text NOT NULL,
  chosen_by text NOT NULL,
  chosen_by_name text NOT NULL,
  chosen_on date NOT NULL,
  until date NOT NULL,
  approved_by text,
  approved_by_name text,
  approved_on date,
  ended_on date,
  ended_by text,
  CHECK (until >= chosen_on),
  CHECK (approved_by IS NULL OR approved_by <> chosen_by)
);
CREATE UNIQUE INDEX choice_that_holds ON decision_support.choice (rule_id) WHERE ended_on IS NULL;
COMMENT ON COLUMN decision_support.choice.tier IS 'Null: the rule is retired';

CREATE SCHEMA medications;

CREATE TABLE medications.rxnorm_release (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  version text NOT NULL,
  sha256 text NOT NULL,
  concepts integer NOT NULL,
  imported_at timestamptz NOT NULL,
  imported_by text NOT NULL
);
COMMENT ON TABLE medications.rxnorm_release IS 'The one monthly release that is imported; its concepts stand beside it';

CREATE TABLE medications.rxnorm_concept (
  rxcui text PRIMARY KEY,
  tty text NOT NULL,
  name text NOT NULL,
  form text,
  strengths text NOT NULL,
  ingredients text[] NOT NULL,
  brands text[] NOT NULL,
  generic_rxcui text,
  schedule text CHECK (schedule IN ('II', 'III', 'IV', 'V')),
  is_product boolean NOT NULL,
  search_text text NOT NULL
);
COMMENT ON COLUMN medications.rxnorm_concept.strengths IS
  'ingredient=amount unit, separated by ; and empty where a strength of one ingredient is not known';
COMMENT ON COLUMN medications.rxnorm_concept.generic_rxcui IS 'Of a branded drug: the generic that it is';
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    op.execute(f"GRANT USAGE ON SCHEMA decision_support TO {APP_ROLE}")
    for table in ("checked", "shown"):
        protect(op, f"decision_support.{table}")
    protect_staff_only(op, "decision_support.choice")
    op.execute(f"GRANT USAGE ON SCHEMA medications TO {APP_ROLE}")
    for table in ("rxnorm_release", "rxnorm_concept"):
        protect_shared(op, f"medications.{table}", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))


def downgrade() -> None:
    op.execute("DROP SCHEMA medications CASCADE")
    op.execute("DROP SCHEMA decision_support CASCADE")
