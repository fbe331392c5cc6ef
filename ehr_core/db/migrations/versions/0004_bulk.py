"""Bulk export jobs and their files: what was asked, how far it is, what may be fetched, until when."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect_staff_only

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE SCHEMA bulk;

CREATE TABLE bulk.job (
  job_id text PRIMARY KEY,
  client_id text NOT NULL,
  level text NOT NULL CHECK (level IN ('system', 'patient', 'group')),
  group_id text,
  resource_types text[] NOT NULL,
  since timestamptz,
  request_url text NOT NULL,
  state text NOT NULL CHECK (state IN ('accepted', 'running', 'completed', 'failed', 'cancelled')),
  attempt integer NOT NULL DEFAULT 0,
  lease_until timestamptz,
  progress text NOT NULL DEFAULT 'accepted',
  failure text,
  transaction_time timestamptz,
  outbox_transaction text,
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  expires_at timestamptz NOT NULL,
  CONSTRAINT group_level_names_a_group CHECK ((level = 'group') = (group_id IS NOT NULL))
);
COMMENT ON COLUMN bulk.job.client_id IS 'The actor that asked; nobody else may see the job or its files';
COMMENT ON COLUMN bulk.job.lease_until IS 'A runner that dies lets go of the job at this time; it is then run again';
COMMENT ON COLUMN bulk.job.outbox_transaction IS 'xid8: transactions from this one on are not in the files';
CREATE INDEX job_waiting ON bulk.job (created_at) WHERE state IN ('accepted', 'running');
CREATE INDEX job_expiry ON bulk.job (expires_at);

CREATE TABLE bulk.file (
  job_id text NOT NULL REFERENCES bulk.job ON DELETE CASCADE,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('output', 'deleted')),
  resource_type text NOT NULL,
  resources bigint NOT NULL CHECK (resources >= 0),
  bytes bigint NOT NULL CHECK (bytes >= 0),
  PRIMARY KEY (job_id, name)
);

GRANT USAGE ON SCHEMA bulk TO almoner_app;
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    for table in ("bulk.job", "bulk.file"):
        protect_staff_only(op, table, grants=("SELECT", "INSERT", "UPDATE", "DELETE"))


def downgrade() -> None:
    op.execute("DROP SCHEMA bulk CASCADE")
