"""Notes: drafts that save themselves, the standing of signed ones, their seals, and people's dot-phrases.

A signed note's words are in its DocumentReference alone; a row here keeps who, when and which.
"""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, protect_staff_only

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NOTES = """
CREATE SCHEMA charting;

CREATE TABLE charting.note (
  note_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  patient_id text NOT NULL,
  encounter_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('note', 'addendum', 'amendment')),
  of_note_id uuid REFERENCES charting.note (note_id),
  template_id text NOT NULL,
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'signed', 'replaced', 'discarded')),
  content jsonb,
  version bigint NOT NULL DEFAULT 1,
  reason text,
  author_id text NOT NULL,
  author_name text NOT NULL,
  author_practitioner_id text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  updated_by_name text NOT NULL,
  signed_at timestamptz,
  signed_by text,
  signed_by_name text,
  signing_key text,
  document_id text,
  cosign_wanted boolean NOT NULL DEFAULT false,
  cosigned_at timestamptz,
  cosigned_by text,
  cosigned_by_name text,
  CONSTRAINT of_another_note CHECK ((kind = 'note') = (of_note_id IS NULL)),
  CONSTRAINT amended_for_a_reason CHECK (kind <> 'amendment' OR reason IS NOT NULL),
  CONSTRAINT signed_whole CHECK ((state IN ('signed', 'replaced')) =
    (signed_at IS NOT NULL AND signed_by IS NOT NULL AND signing_key IS NOT NULL AND document_id IS NOT NULL)),
  CONSTRAINT words_in_one_place CHECK ((state IN ('signed', 'replaced')) = (content IS NULL))
);
COMMENT ON COLUMN charting.note.content IS 'Of a draft; null once signed: the DocumentReference holds the words';
COMMENT ON COLUMN charting.note.signing_key IS 'From the signer''s screen: the same key again gets the same answer';
CREATE UNIQUE INDEX note_open_by_encounter ON charting.note (encounter_id) WHERE state = 'draft' AND kind = 'note';
CREATE UNIQUE INDEX amendment_open_by_note ON charting.note (of_note_id)
  WHERE state = 'draft' AND kind = 'amendment';
CREATE INDEX note_by_patient ON charting.note (patient_id, created_at DESC);
CREATE INDEX note_unfinished ON charting.note (author_id, created_at)
  WHERE state = 'draft' OR (cosign_wanted AND cosigned_at IS NULL);

CREATE TABLE charting.note_seal (
  seal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  note_id uuid NOT NULL REFERENCES charting.note (note_id),
  patient_id text NOT NULL,
  document_id text NOT NULL,
  act text NOT NULL CHECK (act IN ('signed', 'cosigned')),
  sealed_at timestamptz NOT NULL,
  sealed_by text NOT NULL,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE charting.note_seal IS 'What was sealed when; the words are checked against it at every reading';
CREATE INDEX note_seal_by_note ON charting.note_seal (note_id, seal_id);

CREATE FUNCTION charting.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'seals are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON charting.note_seal
  FOR EACH STATEMENT EXECUTE FUNCTION charting.refuse_change();

CREATE TABLE charting.phrase (
  phrase_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text,
  name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,29}$'),
  words text NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL,
  updated_by text NOT NULL
);
COMMENT ON COLUMN charting.phrase.owner_id IS 'Whose phrase it is; null is the site''s';
CREATE UNIQUE INDEX phrase_once ON charting.phrase (coalesce(owner_id, ''), name);
"""


def upgrade() -> None:
    op.execute(NOTES)
    op.execute(f"GRANT USAGE ON SCHEMA charting TO {APP_ROLE}")
    protect_staff_only(op, "charting.note")
    protect_staff_only(op, "charting.note_seal", grants=("SELECT", "INSERT"))
    protect_staff_only(op, "charting.phrase", grants=("SELECT", "INSERT", "UPDATE", "DELETE"))


def downgrade() -> None:
    op.execute("DROP SCHEMA charting CASCADE")
