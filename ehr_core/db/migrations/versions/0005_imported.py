"""Marks what an import wrote, so that a later run leaves alone what somebody here has changed; long names sort too."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EVERY_CURRENT_TABLE = """
DO $$
DECLARE kind text;
BEGIN
  FOR kind IN SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'fhir' AND column_name = 'identifier_tokens' LOOP
    EXECUTE format('ALTER TABLE fhir.%I {change}', kind);
  END LOOP;
END $$
"""
"""Known by a column that a history table does not have: `family_member_history` is a current table."""
ADDED = "ADD COLUMN imported boolean NOT NULL DEFAULT false"
"""What is stored already counts as written here: an import then asks its history before it writes over it."""

BY_FAMILY = "CREATE INDEX patient_by_family ON fhir.patient ({family}, {given}, id) WHERE NOT deleted"
"""An index takes 2,704 bytes: the first hundred characters of a name are its place in a list."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(EVERY_CURRENT_TABLE.replace("{change}", ADDED))
    op.execute("DROP INDEX fhir.patient_by_family")
    op.execute(BY_FAMILY.format(family="left(family_text, 100)", given="left(given_text, 100)"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP INDEX fhir.patient_by_family")
    op.execute(BY_FAMILY.format(family="family_text", given="given_text"))
    op.execute(EVERY_CURRENT_TABLE.replace("{change}", "DROP COLUMN imported"))
