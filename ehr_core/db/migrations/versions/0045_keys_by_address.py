"""Keys of outside applications by an address, and what was fetched from there."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

UPGRADE = f"""
ALTER TABLE access.application ADD COLUMN jwks_uri text, DROP CONSTRAINT application_check,
  ADD CONSTRAINT application_keys CHECK (num_nonnulls(jwks, jwks_uri) = CASE kind WHEN 'public' THEN 0 ELSE 1 END);
COMMENT ON COLUMN access.application.jwks IS 'Public keys that were registered themselves; else jwks_uri says where';
COMMENT ON COLUMN access.application.jwks_uri IS 'Where the application publishes its keys; see access.fetched_keys';

CREATE TABLE access.fetched_keys (
  client_id text PRIMARY KEY REFERENCES access.application (client_id),
  jwks_uri text NOT NULL,
  keys jsonb,
  fetched_at timestamptz,
  good_until timestamptz,
  asked_at timestamptz NOT NULL,
  settled boolean NOT NULL,
  failure text
);
COMMENT ON TABLE access.fetched_keys IS 'Public keys of applications as their addresses showed them';
COMMENT ON COLUMN access.fetched_keys.jwks_uri IS 'Where they are from: keys of an earlier address open nothing';
COMMENT ON COLUMN access.fetched_keys.good_until IS 'From then on they open nothing, whatever the address answers';
COMMENT ON COLUMN access.fetched_keys.asked_at IS 'Beginning of the last fetch: the next waits some seconds';
COMMENT ON COLUMN access.fetched_keys.settled IS 'False while somebody fetches';
COMMENT ON COLUMN access.fetched_keys.failure IS 'Why the last fetch brought no keys';
GRANT SELECT, INSERT, UPDATE, DELETE ON access.fetched_keys TO {APP_ROLE};
"""

DOWNGRADE = """
DROP TABLE access.fetched_keys;
ALTER TABLE access.application DROP CONSTRAINT application_keys;
UPDATE access.application SET disabled = true, jwks = '{"keys": []}' WHERE jwks_uri IS NOT NULL;
ALTER TABLE access.application DROP COLUMN jwks_uri, ADD CONSTRAINT application_check
  CHECK ((jwks IS NULL) = (kind = 'public'));
COMMENT ON COLUMN access.application.jwks IS 'Public keys alone, kept here: nothing is fetched from an address';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
