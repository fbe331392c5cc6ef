"""Who knows an account's password, and whether the patients here are the demonstration's: said by the database.

What an earlier version seeded is recognised by its audit rows, so that it is known as the demonstration from now on.
"""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect_staff_only

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SEED = "service:seed"

UPGRADE = """
ALTER TABLE access.account ADD COLUMN known_to text NOT NULL DEFAULT 'owner'
  CHECK (known_to IN ('owner', 'everybody', 'maker'));
COMMENT ON COLUMN access.account.known_to IS
  'Who knows the password. everybody: the demonstration''s. maker: good for one sign-in, at which it is replaced';

CREATE TABLE core.demonstration (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  begun_at timestamptz NOT NULL,
  finished_at timestamptz
);
COMMENT ON TABLE core.demonstration IS
  'One row when the patients here are synthetic; without finished_at they are still being loaded';
"""

RECOGNISE = f"""
SELECT set_config('almoner.reach', 'all', true), set_config('almoner.actor', 'migration', true);

UPDATE access.account SET known_to = 'everybody' WHERE id IN (
  SELECT resource_id FROM audit.event WHERE act = 'account_created' AND actor_id = '{SEED}');

INSERT INTO core.demonstration (begun_at, finished_at)
  SELECT min(at), max(at) FROM audit.event WHERE act = 'import' AND actor_id = '{SEED}' HAVING count(*) > 0;

SELECT set_config('almoner.reach', '', true), set_config('almoner.actor', '', true);
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    protect_staff_only(op, "core.demonstration")
    op.execute(RECOGNISE)


def downgrade() -> None:
    op.execute("DROP TABLE core.demonstration")
    op.execute("ALTER TABLE access.account DROP COLUMN known_to")
