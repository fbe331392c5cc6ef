"""Bulk imports that applications ask for: the jobs, and the files that they upload for one."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect_staff_only

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE bulk.import_file (
  file_id text PRIMARY KEY,
  client_id text NOT NULL,
  bytes bigint NOT NULL CHECK (bytes >= 0),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX import_file_expiry ON bulk.import_file (expires_at);

CREATE TABLE bulk.import_job (
  job_id text PRIMARY KEY,
  client_id text NOT NULL,
  scopes text[] NOT NULL,
  inputs jsonb NOT NULL,
  request_url text NOT NULL,
  state text NOT NULL CHECK (state IN ('accepted', 'running', 'completed', 'failed', 'cancelled')),
  inputs_done integer NOT NULL DEFAULT 0,
  results jsonb NOT NULL DEFAULT '[]',
  attempt integer NOT NULL DEFAULT 0,
  lease_until timestamptz,
  progress text NOT NULL DEFAULT 'accepted',
  failure text,
  created_at timestamptz NOT NULL,
  finished_at timestamptz,
  expires_at timestamptz NOT NULL
);
COMMENT ON COLUMN bulk.import_job.inputs_done IS 'A runner that takes over begins with the next one';
COMMENT ON COLUMN bulk.import_job.results IS 'Counts of each input that is done';
CREATE INDEX import_job_waiting ON bulk.import_job (created_at) WHERE state IN ('accepted', 'running');
CREATE INDEX import_job_expiry ON bulk.import_job (expires_at);
"""

DOWNGRADE = "DROP TABLE bulk.import_job, bulk.import_file;"


def upgrade() -> None:
    op.execute(UPGRADE)
    for table in ("bulk.import_file", "bulk.import_job"):
        protect_staff_only(op, table, grants=("SELECT", "INSERT", "UPDATE", "DELETE"))


def downgrade() -> None:
    op.execute(DOWNGRADE)
