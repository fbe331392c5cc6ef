"""Keys that clients give their requests, so that a retry is answered and not done again. No body is kept."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0031"
down_revision = "0029"
branch_labels = None
depends_on = None

UPGRADE = f"""
CREATE TABLE access.request_key (
  actor_id text NOT NULL,
  key_hash bytea NOT NULL,
  request_hash bytea NOT NULL,
  status int,
  headers jsonb,
  answer text,
  made_at timestamptz NOT NULL,
  PRIMARY KEY (actor_id, key_hash)
);
COMMENT ON COLUMN access.request_key.answer IS 'Of a Bundle: places and versions of its entries, no resource.';
CREATE INDEX request_key_by_age ON access.request_key (actor_id, made_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.request_key TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE access.request_key")
