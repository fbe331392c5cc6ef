"""Recovery codes for a lost phone, and invitations: links for a single use by which somebody chooses a password."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE TABLE access.recovery_code (
  account_id text NOT NULL REFERENCES access.account (id),
  code_hash bytea NOT NULL,
  made_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (account_id, code_hash)
);
COMMENT ON COLUMN access.recovery_code.code_hash IS 'Keyed hash: a plain one could be guessed back';

CREATE TABLE access.invitation (
  token_hash bytea PRIMARY KEY,
  account_id text NOT NULL REFERENCES access.account (id),
  purpose text NOT NULL CHECK (purpose IN ('invite', 'reset')),
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX invitation_by_account ON access.invitation (account_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON access.recovery_code TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE ON access.invitation TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.invitation, access.recovery_code")
