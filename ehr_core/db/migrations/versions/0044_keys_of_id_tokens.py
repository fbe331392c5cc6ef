"""The RSA keys that sign ID tokens for outside applications, sealed under the installation's secret."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0044"
down_revision = "0042"
branch_labels = None
depends_on = None

UPGRADE = f"""
CREATE TABLE access.id_token_key (
  kid text PRIMARY KEY,
  sealed bytea NOT NULL,
  made_at timestamptz NOT NULL
);
COMMENT ON TABLE access.id_token_key IS
  'Keys of ID tokens for outside applications; the newest signs, a replaced one is published for a day';
COMMENT ON COLUMN access.id_token_key.sealed IS 'The private key, sealed under the installation''s secret';
GRANT SELECT, INSERT ON access.id_token_key TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.id_token_key")
