"""Accounts, sessions, tokens and sign-in attempts: who may come in, and until when.

Nothing here is clinical, so no row-level security; the application role gets just what it needs:
accounts are never deleted (the audit log names them), spent codes and tokens are.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE SCHEMA access;

CREATE TABLE access.account (
  id text PRIMARY KEY,
  username text NOT NULL CHECK (username = lower(username) AND length(username) BETWEEN 1 AND 100),
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
  password_hash text NOT NULL,
  roles text[] NOT NULL CHECK (cardinality(roles) > 0),
  practitioner_id text,
  patient_id text,
  totp_secret bytea,
  totp_enabled boolean NOT NULL DEFAULT false,
  totp_last_step bigint NOT NULL DEFAULT 0,
  disabled boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  password_changed_at timestamptz NOT NULL,
  CONSTRAINT account_username_once UNIQUE (username),
  CONSTRAINT account_totp_has_secret CHECK (NOT totp_enabled OR totp_secret IS NOT NULL),
  CONSTRAINT account_patient_has_record CHECK (('patient' = ANY (roles)) = (patient_id IS NOT NULL))
);
COMMENT ON COLUMN access.account.totp_secret IS 'AES-256-GCM, key from the installation''s secrets';
COMMENT ON COLUMN access.account.totp_last_step IS 'Last 30-second step that was accepted: a code works once';

CREATE TABLE access.session (
  sid text PRIMARY KEY,
  account_id text NOT NULL REFERENCES access.account (id),
  client_id text NOT NULL,
  address text,
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_why text
);
CREATE INDEX session_by_account ON access.session (account_id, created_at DESC);

CREATE TABLE access.authorization_code (
  code_hash bytea PRIMARY KEY,
  sid text NOT NULL REFERENCES access.session (sid),
  client_id text NOT NULL,
  redirect_uri text NOT NULL,
  code_challenge text NOT NULL,
  nonce text,
  scope text NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX authorization_code_by_expiry ON access.authorization_code (expires_at);

CREATE TABLE access.access_token (
  token_hash bytea PRIMARY KEY,
  client_id text NOT NULL,
  sid text REFERENCES access.session (sid),
  audience text NOT NULL CHECK (audience IN ('api', 'userinfo')),
  expires_at timestamptz NOT NULL
);
COMMENT ON COLUMN access.access_token.sid IS 'Null for a service, which signs in as the client itself';
CREATE INDEX access_token_by_expiry ON access.access_token (expires_at);
CREATE INDEX access_token_by_session ON access.access_token (sid) WHERE sid IS NOT NULL;

CREATE TABLE access.sign_in_attempt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name_hash bytea NOT NULL,
  address text NOT NULL,
  at timestamptz NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('failed', 'succeeded'))
);
COMMENT ON COLUMN access.sign_in_attempt.name_hash IS
  'Keyed hash of what was typed as user name: people type passwords there';
CREATE INDEX sign_in_attempt_by_name ON access.sign_in_attempt (name_hash, at);
CREATE INDEX sign_in_attempt_by_address ON access.sign_in_attempt (address, at);
CREATE INDEX sign_in_attempt_by_time ON access.sign_in_attempt (at);

GRANT USAGE ON SCHEMA access TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE ON access.account, access.session TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE
  ON access.access_token, access.authorization_code, access.sign_in_attempt TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP SCHEMA access CASCADE")
