"""Bulk export: asked for by patient, with what could not be exported told, and complete since an earlier one."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect_staff_only

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE bulk.job ADD COLUMN patient_ids text[];
COMMENT ON COLUMN bulk.job.patient_ids IS 'Only these patients were asked for; null: all of the level';

ALTER TABLE bulk.file DROP CONSTRAINT file_kind_check;
ALTER TABLE bulk.file ADD CONSTRAINT file_kind_check CHECK (kind IN ('output', 'deleted', 'error'));

CREATE TABLE bulk.watermark (
  transaction_time timestamptz PRIMARY KEY,
  unseen_from xid8 NOT NULL,
  written_by xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE bulk.watermark IS 'What a finished export had seen, by the transactionTime that it gave out';
COMMENT ON COLUMN bulk.watermark.unseen_from IS 'Transactions from this one on may not be in its files';
COMMENT ON COLUMN bulk.watermark.written_by IS
  'Differs from the row''s own transaction once it was restored from a dump: its numbers then mean nothing here';
"""

DOWNGRADE = """
DROP TABLE bulk.watermark;
DELETE FROM bulk.file WHERE kind = 'error';
ALTER TABLE bulk.file DROP CONSTRAINT file_kind_check;
ALTER TABLE bulk.file ADD CONSTRAINT file_kind_check CHECK (kind IN ('output', 'deleted'));
ALTER TABLE bulk.job DROP COLUMN patient_ids;
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    protect_staff_only(op, "bulk.watermark")


def downgrade() -> None:
    op.execute(DOWNGRADE)
