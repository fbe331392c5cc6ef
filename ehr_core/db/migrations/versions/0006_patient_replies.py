"""What a patient's reply was about, that its record was asked for elsewhere, and what the patient is told."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE care_gaps.patient_reply
  ADD COLUMN gap_kind text NOT NULL DEFAULT 'due',
  ADD COLUMN requested_at timestamptz,
  ADD COLUMN answer text;
COMMENT ON COLUMN care_gaps.patient_reply.gap_kind IS
  'Of the gap when the patient replied: it names the item after the gap has closed';
COMMENT ON COLUMN care_gaps.patient_reply.requested_at IS
  'The record was asked for at the other place; the reply still waits';
COMMENT ON COLUMN care_gaps.patient_reply.answer IS 'Words of the clinic, shown to the patient as written';
COMMENT ON COLUMN care_gaps.patient_reply.review_outcome IS
  'recorded or not_found by staff; taken_back by the patient, whose word it was';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE care_gaps.patient_reply DROP COLUMN gap_kind, DROP COLUMN requested_at, DROP COLUMN answer"
    )
