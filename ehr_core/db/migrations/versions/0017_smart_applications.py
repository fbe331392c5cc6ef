"""Outside applications: who is registered, what somebody allowed them, and the tokens that carry it on."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE TABLE access.application (
  client_id text PRIMARY KEY,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('public', 'confidential', 'backend')),
  redirect_uris text[] NOT NULL,
  launch_uri text,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  jwks jsonb,
  audience text[] NOT NULL,
  sees text[] NOT NULL,
  bulk boolean NOT NULL DEFAULT false,
  disabled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  CHECK ((jwks IS NULL) = (kind = 'public'))
);
COMMENT ON COLUMN access.application.jwks IS 'Public keys alone, kept here: nothing is fetched from an address';
COMMENT ON COLUMN access.application.sees IS 'Sensitive labels that a backend service reads; * for all';

CREATE TABLE access.app_grant (
  id text PRIMARY KEY,
  client_id text NOT NULL REFERENCES access.application (client_id),
  sid text REFERENCES access.session (sid),
  scopes text[] NOT NULL,
  patient_id text,
  encounter_id text,
  created_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_why text
);
CREATE INDEX app_grant_by_session ON access.app_grant (sid) WHERE sid IS NOT NULL;

CREATE TABLE access.refresh_token (
  token_hash bytea PRIMARY KEY,
  grant_id text NOT NULL REFERENCES access.app_grant (id),
  used_at timestamptz
);
CREATE INDEX refresh_token_by_grant ON access.refresh_token (grant_id);

CREATE TABLE access.launch (
  launch_hash bytea PRIMARY KEY,
  client_id text NOT NULL REFERENCES access.application (client_id),
  account_id text NOT NULL REFERENCES access.account (id),
  patient_id text NOT NULL,
  encounter_id text,
  expires_at timestamptz NOT NULL
);

CREATE TABLE access.assertion_used (
  client_id text NOT NULL,
  jti text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, jti)
);
CREATE INDEX assertion_used_by_expiry ON access.assertion_used (expires_at);

ALTER TABLE access.access_token ADD COLUMN grant_id text REFERENCES access.app_grant (id), ADD COLUMN scopes text[];
ALTER TABLE access.authorization_code ADD COLUMN grant_id text REFERENCES access.app_grant (id);

GRANT SELECT, INSERT, UPDATE ON access.application, access.app_grant, access.refresh_token TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON access.launch, access.assertion_used TO {APP_ROLE};
"""

DOWNGRADE = """
ALTER TABLE access.authorization_code DROP COLUMN grant_id;
ALTER TABLE access.access_token DROP COLUMN grant_id, DROP COLUMN scopes;
DROP TABLE access.assertion_used, access.launch, access.refresh_token, access.app_grant, access.application;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
