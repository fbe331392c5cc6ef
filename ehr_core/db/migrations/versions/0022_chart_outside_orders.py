"""Orders that came over FHIR are found by patient among the checks."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX checked_outside_orders ON decision_support.checked (patient_id) "
        "WHERE moment = 'outside_order' AND signed_at IS NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX decision_support.checked_outside_orders")
