"""What goes out to other systems: subscriptions and their events, outside decision support, and the keys that sign."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, protect_staff_only

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

UPGRADE = f"""
ALTER TABLE core.outbox ADD COLUMN resources text[];
COMMENT ON COLUMN core.outbox.resources IS 'Type/id of each resource, where a row stands for many';

CREATE TABLE access.outside_key (
  generation integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  begun_at timestamptz NOT NULL,
  begun_by text NOT NULL
);
COMMENT ON TABLE access.outside_key IS 'Generations of the key that signs what goes out; each is derived';
GRANT SELECT, INSERT ON access.outside_key TO {APP_ROLE};

CREATE SCHEMA outside;
GRANT USAGE ON SCHEMA outside TO {APP_ROLE};

CREATE TABLE outside.subscription (
  id text PRIMARY KEY,
  version_id bigint NOT NULL,
  body text NOT NULL,
  sealed_headers bytea,
  actor_id text NOT NULL,
  client_id text NOT NULL,
  grant_id text,
  scopes text[] NOT NULL,
  patient_id text,
  topic text NOT NULL,
  filters jsonb NOT NULL,
  endpoint text NOT NULL,
  content text NOT NULL CHECK (content IN ('empty', 'id-only', 'full-resource')),
  heartbeat_seconds integer,
  timeout_seconds integer NOT NULL,
  most_events integer NOT NULL,
  ends_at timestamptz,
  status text NOT NULL CHECK (status IN ('requested', 'active', 'error', 'off')),
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  last_event bigint NOT NULL DEFAULT 0,
  delivered_through bigint NOT NULL DEFAULT 0,
  last_sent_at timestamptz,
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL,
  failure text,
  failed_at timestamptz,
  lease text,
  lease_until timestamptz,
  CHECK (delivered_through <= last_event)
);
COMMENT ON COLUMN outside.subscription.grant_id IS 'What the application acts by; null for a backend service';
COMMENT ON COLUMN outside.subscription.lease_until IS 'A courier that dies lets go of the subscription at this time';
CREATE INDEX subscription_by_owner ON outside.subscription (client_id, actor_id);
CREATE INDEX subscription_due ON outside.subscription (next_try_at) WHERE status IN ('requested', 'active');

CREATE TABLE outside.subscription_event (
  subscription_id text NOT NULL REFERENCES outside.subscription ON DELETE CASCADE,
  number bigint NOT NULL,
  at timestamptz NOT NULL,
  act text NOT NULL CHECK (act IN ('create', 'update', 'delete')),
  resource_type text NOT NULL,
  resource_id text NOT NULL,
  PRIMARY KEY (subscription_id, number)
);
CREATE INDEX subscription_event_by_resource
  ON outside.subscription_event (resource_type, resource_id, subscription_id);

CREATE TABLE outside.follower (
  name text PRIMARY KEY,
  transaction_id xid8 NOT NULL,
  position bigint NOT NULL
);
COMMENT ON TABLE outside.follower IS 'How far the outbox has been looked through; moves with the events';
INSERT INTO outside.follower (name, transaction_id, position)
  SELECT 'subscriptions', pg_snapshot_xmin(pg_current_snapshot()), 0;
GRANT SELECT, UPDATE ON outside.follower TO {APP_ROLE};

CREATE TABLE outside.cds_service (
  service_id text PRIMARY KEY,
  hook text NOT NULL CHECK (hook IN ('patient-view', 'order-select', 'order-sign')),
  title text NOT NULL,
  url text NOT NULL,
  prefetch jsonb NOT NULL,
  disabled boolean NOT NULL DEFAULT false,
  added_at timestamptz NOT NULL,
  added_by text NOT NULL,
  failures integer NOT NULL DEFAULT 0,
  rests_until timestamptz,
  last_failure text,
  last_failed_at timestamptz,
  last_answered_at timestamptz
);
COMMENT ON COLUMN outside.cds_service.rests_until IS 'After several failures in a row it is not asked until then';
GRANT SELECT, INSERT, UPDATE ON outside.cds_service TO {APP_ROLE};

CREATE TABLE outside.cds_card (
  card_id uuid PRIMARY KEY,
  outside_id text NOT NULL,
  service_id text NOT NULL REFERENCES outside.cds_service,
  account_id text NOT NULL,
  shown_at timestamptz NOT NULL,
  outcome text CHECK (outcome IN ('accepted', 'overridden')),
  reason jsonb,
  answered_at timestamptz,
  told_at timestamptz,
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz
);
COMMENT ON TABLE outside.cds_card IS 'Cards from outside that somebody saw; what was on them is kept nowhere';
CREATE INDEX cds_card_to_tell ON outside.cds_card (next_try_at) WHERE outcome IS NOT NULL AND told_at IS NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON outside.cds_card TO {APP_ROLE};
"""

DOWNGRADE = """
DROP SCHEMA outside CASCADE;
DROP TABLE access.outside_key;
ALTER TABLE core.outbox DROP COLUMN resources;
"""


def upgrade() -> None:
    op.execute(UPGRADE)
    for table in ("outside.subscription", "outside.subscription_event"):
        protect_staff_only(op, table, grants=("SELECT", "INSERT", "UPDATE", "DELETE"))


def downgrade() -> None:
    op.execute(DOWNGRADE)
