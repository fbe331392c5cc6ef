"""Who an account is at the site's own identity provider."""

from __future__ import annotations

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE TABLE access.outside_identity (
  issuer text NOT NULL,
  subject text NOT NULL,
  account_id text NOT NULL REFERENCES access.account (id),
  linked_at timestamptz NOT NULL,
  last_used_at timestamptz,
  PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX outside_identity_by_account ON access.outside_identity (issuer, account_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.outside_identity TO {APP_ROLE};
"""


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.outside_identity")
