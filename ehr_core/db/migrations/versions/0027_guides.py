"""Implementation guides: what imported packages ask of resources, and the search parameters that they bring."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

APP_ROLE = "almoner_app"

UPGRADE = f"""
CREATE SCHEMA guide;
GRANT USAGE ON SCHEMA guide TO {APP_ROLE};
CREATE TABLE guide.state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  revision bigint NOT NULL
);
COMMENT ON COLUMN guide.state.revision IS 'Grows with every change; a process that sees another number reads again';
INSERT INTO guide.state (revision) VALUES (0);
CREATE TABLE guide.package (
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  version text NOT NULL CHECK (length(version) BETWEEN 1 AND 50),
  title text NOT NULL,
  digest bytea NOT NULL,
  imported_at timestamptz NOT NULL,
  imported_by text NOT NULL,
  revision bigint NOT NULL,
  left_out jsonb NOT NULL,
  PRIMARY KEY (name, version)
);
COMMENT ON COLUMN guide.package.revision IS 'Of one name, the version with the highest is in force';
COMMENT ON COLUMN guide.package.left_out IS 'What of it is not used, in words';
CREATE TABLE guide.part (
  name text NOT NULL,
  version text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('profile', 'value_set', 'code_system', 'search')),
  url text NOT NULL,
  part_version text NOT NULL,
  facts jsonb NOT NULL,
  PRIMARY KEY (name, version, kind, url),
  FOREIGN KEY (name, version) REFERENCES guide.package ON DELETE CASCADE
);
CREATE TABLE guide.search (
  resource_type text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  paths jsonb NOT NULL,
  url text NOT NULL,
  since bigint NOT NULL,
  indexed boolean NOT NULL,
  done bigint NOT NULL DEFAULT 0,
  total bigint,
  PRIMARY KEY (resource_type, name)
);
COMMENT ON COLUMN guide.search.since IS 'The revision from which on every write fills it';
COMMENT ON COLUMN guide.search.indexed IS 'What was stored before is gone through; until then nothing is answered';
CREATE TABLE guide.required (
  resource_type text NOT NULL,
  url text NOT NULL,
  PRIMARY KEY (resource_type, url)
);
COMMENT ON TABLE guide.required IS 'Profiles that every resource of a type must keep, whatever it claims';
GRANT SELECT, UPDATE ON guide.state TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON guide.package, guide.part, guide.search, guide.required TO {APP_ROLE};
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP SCHEMA guide CASCADE")
