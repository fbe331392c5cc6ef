"""Disclosures that are recorded by hand, and the alerts of the watch over the audit log."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import protect, protect_staff_only

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

DISCLOSURE = """
CREATE TABLE access.disclosure (
  id text PRIMARY KEY,
  patient_id text NOT NULL,
  disclosed_on date NOT NULL,
  recipient text NOT NULL CHECK (length(recipient) BETWEEN 1 AND 200),
  recipient_address text,
  what text NOT NULL CHECK (length(what) BETWEEN 1 AND 500),
  purpose text NOT NULL CHECK (purpose IN ('public_health', 'law', 'court', 'oversight', 'research', 'other')),
  basis text NOT NULL CHECK (length(basis) BETWEEN 1 AND 500),
  recorded_by text NOT NULL,
  recorded_at timestamptz NOT NULL
);
CREATE INDEX disclosure_by_patient ON access.disclosure (patient_id, disclosed_on DESC);
COMMENT ON TABLE access.disclosure IS '45 CFR 164.528: what left the house on paper, by telephone or by letter';
"""

ALERT = """
CREATE TABLE access.alert (
  id text PRIMARY KEY,
  rule text NOT NULL,
  about text NOT NULL,
  account_id text,
  address text,
  patient_ids text[] NOT NULL,
  severity text NOT NULL CHECK (severity IN ('look', 'serious')),
  acts bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  raised_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'raised' CHECK (state IN ('raised', 'acknowledged', 'closed')),
  acknowledged_by text,
  acknowledged_at timestamptz,
  closed_by text,
  closed_at timestamptz,
  outcome text CHECK (outcome IN ('explained', 'follow_up', 'incident')),
  words text
);
CREATE UNIQUE INDEX alert_once ON access.alert (rule, about) WHERE state <> 'closed';
CREATE INDEX alert_by_time ON access.alert (raised_at DESC);
COMMENT ON COLUMN access.alert.about IS 'Whom or what the rule found: while an alert about it is open, it grows';

CREATE TABLE access.watch (
  is_the_one boolean PRIMARY KEY DEFAULT true CHECK (is_the_one),
  watched_until timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(DISCLOSURE)
    protect(op, "access.disclosure")
    op.get_bind().connection.driver_connection.execute(ALERT)
    protect_staff_only(op, "access.alert")
    protect_staff_only(op, "access.watch")


def downgrade() -> None:
    op.execute("DROP TABLE access.watch, access.alert, access.disclosure")
