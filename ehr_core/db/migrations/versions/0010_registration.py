"""Registration: names by their sound, record numbers, who is known to be two people, and what a merge moved.

The sounds are filled from the names that are stored, in portions, so that a large panel needs little memory.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from ehr_core.db.row_security import APP_ROLE, protect_staff_only
from ehr_core.kernel.name_sounds import sounds

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PATIENTS_AT_ONCE = 20_000

FINDING = """
ALTER TABLE fhir.patient ADD COLUMN name_sounds text[];
COMMENT ON COLUMN fhir.patient.name_sounds IS 'Metaphone of each word of every name: Smyth is found under Smith';
CREATE INDEX patient_by_sound ON fhir.patient USING gin (name_sounds) WITH (fastupdate = off)
  WHERE name_sounds IS NOT NULL;
CREATE INDEX patient_by_phone ON fhir.patient USING gin (phone_digits) WITH (fastupdate = off)
  WHERE phone_digits IS NOT NULL;
CREATE INDEX patient_by_birth_date ON fhir.patient (birth_date) WHERE birth_date IS NOT NULL;
"""

LETTERS = """
DO $$
DECLARE here record;
BEGIN
  FOR here IN SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'fhir' AND column_name IN ('name_text', 'family_text', 'given_text') LOOP
    EXECUTE format(
      'UPDATE fhir.%1$I SET %2$I = replace(replace(replace(translate(%2$I, %3$L, %4$L), %5$L, %6$L), %7$L, %8$L), '
      '%9$L, %10$L) WHERE %2$I ~ %11$L',
      here.table_name, here.column_name, 'øłđðı', 'olddi', 'æ', 'ae', 'œ', 'oe', 'þ', 'th', '[øłđðıæœþ]');
  END LOOP;
END $$
"""
"""Names are folded one step further than before: Søren is found as soren."""

REGISTRATION = """
CREATE SCHEMA registration;

CREATE SEQUENCE registration.record_number START 50000001;

CREATE TABLE registration.mrn (
  mrn text PRIMARY KEY,
  patient_id text NOT NULL,
  assigned_at timestamptz NOT NULL
);
COMMENT ON TABLE registration.mrn IS 'Record numbers that were given out here: one is never given twice';

CREATE TABLE registration.not_the_same (
  one_id text NOT NULL,
  other_id text NOT NULL,
  said_at timestamptz NOT NULL,
  by_id text NOT NULL,
  by_name text NOT NULL,
  reason text,
  PRIMARY KEY (one_id, other_id),
  CONSTRAINT each_pair_once CHECK (one_id < other_id)
);
COMMENT ON TABLE registration.not_the_same IS 'Two records of which a person said that they are two people';

CREATE TABLE registration.merge (
  merge_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  survivor_id text NOT NULL,
  merged_id text NOT NULL,
  merged_at timestamptz NOT NULL,
  by_id text NOT NULL,
  by_name text NOT NULL,
  reason text NOT NULL,
  survivor_version_before bigint NOT NULL,
  survivor_version bigint NOT NULL,
  merged_version_before bigint NOT NULL,
  merged_version bigint NOT NULL,
  undone_at timestamptz,
  undone_by_id text,
  undone_by_name text,
  undone_reason text,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT two_records CHECK (survivor_id <> merged_id),
  CONSTRAINT undone_by_somebody CHECK ((undone_at IS NULL) = (undone_by_id IS NULL))
);
COMMENT ON COLUMN registration.merge.survivor_version IS 'Of the Patient that the merge wrote; before: of the old one';
CREATE UNIQUE INDEX merge_once ON registration.merge (merged_id) WHERE undone_at IS NULL;
CREATE INDEX merge_by_survivor ON registration.merge (survivor_id);

CREATE TABLE registration.merge_item (
  merge_id uuid NOT NULL REFERENCES registration.merge (merge_id),
  resource_type text NOT NULL,
  resource_id text NOT NULL,
  act text NOT NULL CHECK (act IN ('moved', 'set_aside', 'written', 'row', 'assigned')),
  version_before bigint,
  version_after bigint,
  PRIMARY KEY (merge_id, resource_type, resource_id, act)
);
COMMENT ON COLUMN registration.merge_item.act IS
  'moved: a resource that changed its patient; set_aside: a "no known allergies"; written: made by the merge; '
  'row: of another room''s table (resource_type is schema.table); assigned: given back by a person afterwards';
"""

ACTOR = "SELECT set_config('almoner.actor', 'migration', true), set_config('almoner.reach', 'all', true)"
NAMES = text(
    "SELECT id, name_text FROM fhir.patient WHERE id > :after AND name_text IS NOT NULL ORDER BY id LIMIT :some"
)
FILL = text("UPDATE fhir.patient SET name_sounds = :sounds WHERE id = :id")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(FINDING)
    op.execute(ACTOR)
    op.execute(LETTERS)
    _fill_sounds()
    op.execute(REGISTRATION)
    op.execute(f"GRANT USAGE ON SCHEMA registration TO {APP_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE registration.record_number TO {APP_ROLE}")
    protect_staff_only(op, "registration.mrn", grants=("SELECT", "INSERT"))
    protect_staff_only(op, "registration.not_the_same", grants=("SELECT", "INSERT", "DELETE"))
    protect_staff_only(op, "registration.merge")
    protect_staff_only(op, "registration.merge_item", grants=("SELECT", "INSERT"))


def downgrade() -> None:
    op.execute("DROP SCHEMA registration CASCADE")
    op.execute("DROP INDEX fhir.patient_by_birth_date, fhir.patient_by_phone")
    op.execute("ALTER TABLE fhir.patient DROP COLUMN name_sounds")


def _fill_sounds() -> None:
    connection = op.get_bind()
    after = ""
    while rows := connection.execute(NAMES, {"after": after, "some": PATIENTS_AT_ONCE}).all():
        connection.execute(FILL, [{"id": row.id, "sounds": sounds(row.name_text)} for row in rows])
        after = rows[-1].id
