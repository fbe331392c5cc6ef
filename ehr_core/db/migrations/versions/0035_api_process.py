"""The processes of the API that answer now: each keeps to its share of the rate limits. Nothing of a patient."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

UPGRADE = f"""
CREATE UNLOGGED TABLE access.api_process (
  process_id text PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
COMMENT ON TABLE access.api_process IS 'Written every few seconds; empty after a crash of the server, and right again';
GRANT SELECT, INSERT, UPDATE, DELETE ON access.api_process TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.api_process")
