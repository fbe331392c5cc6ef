"""Cards that were answered to a CDS Hooks call, and what was said about them. Nothing of a patient is kept here."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE TABLE decision_support.hook_card (
  card_id uuid PRIMARY KEY,
  service text NOT NULL,
  client_id text NOT NULL,
  rule_id text NOT NULL,
  shown_at timestamptz NOT NULL,
  outcome text CHECK (outcome IN ('accepted', 'overridden')),
  reason_code text,
  answered_at timestamptz
);
CREATE INDEX hook_card_by_rule ON decision_support.hook_card (rule_id, shown_at);
GRANT SELECT, INSERT, UPDATE ON decision_support.hook_card TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE decision_support.hook_card")
