"""Pseudonym keys can be rotated: in use, then replaced until their write-backs have drained, then retired."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE core.pseudonym_key
  ADD COLUMN replaced_at timestamptz,
  ADD COLUMN replaced_in xid8,
  ADD CONSTRAINT replaced_by_somebody CHECK ((replaced_at IS NULL) = (replaced_in IS NULL)),
  ADD CONSTRAINT replaced_before_retired CHECK (retired_at IS NULL OR replaced_at IS NOT NULL);
COMMENT ON COLUMN core.pseudonym_key.replaced_in IS
  'xid8 of the rotation: a run that had read before it may still be written back under this key';
COMMENT ON COLUMN core.pseudonym_key.retired_at IS 'From now on nothing is written back under this key';
DROP INDEX core.pseudonym_key_in_use;
CREATE UNIQUE INDEX pseudonym_key_in_use ON core.pseudonym_key (zone) WHERE replaced_at IS NULL;
"""

DOWNGRADE = """
DROP INDEX core.pseudonym_key_in_use;
UPDATE core.pseudonym_key SET retired_at = replaced_at WHERE retired_at IS NULL;
ALTER TABLE core.pseudonym_key DROP COLUMN replaced_at, DROP COLUMN replaced_in;
CREATE UNIQUE INDEX pseudonym_key_in_use ON core.pseudonym_key (zone) WHERE retired_at IS NULL;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
