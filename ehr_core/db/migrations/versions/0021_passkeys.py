"""Passkeys: the public keys by which people sign in without a password."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE TABLE access.passkey (
  credential_id bytea PRIMARY KEY,
  account_id text NOT NULL REFERENCES access.account (id),
  public_key bytea NOT NULL,
  sign_count bigint NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  made_at timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX passkey_by_account ON access.passkey (account_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.passkey TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.passkey")
