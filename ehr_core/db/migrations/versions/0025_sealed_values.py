"""Encrypted values: whose key ring it is, how far a rotation has come, and the one change that a rotation may make."""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

OF_THE_HOUSE = {"core.key_ring": "SELECT, INSERT", "core.key_rotation": "SELECT, INSERT, UPDATE"}
"""Rows of no patient, which the API reads and writes before anybody has signed in."""

UPGRADE = f"""
CREATE TABLE core.key_ring (
  is_the_one boolean PRIMARY KEY DEFAULT true CHECK (is_the_one),
  fingerprint text NOT NULL,
  known_since timestamptz NOT NULL
);
COMMENT ON TABLE core.key_ring IS 'sha256 of a word hashed with the search key: another ring would find no identifier';

CREATE TABLE core.key_rotation (
  id text PRIMARY KEY,
  key_id text NOT NULL,
  place text,
  after text,
  wrapped bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL,
  finished_at timestamptz
);
COMMENT ON TABLE core.key_rotation IS 'Where a rotation stands: the table, and the last id that is done';

CREATE FUNCTION core.wrap_again(kept_in text, row_id text, version bigint, old text, new text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  changed bigint;
BEGIN
  IF kept_in !~ '^[a-z_]+$' OR regexp_replace(old, '"almoner-sealed:[^"]*"', '""', 'g')
      IS DISTINCT FROM regexp_replace(new, '"almoner-sealed:[^"]*"', '""', 'g') THEN
    RAISE EXCEPTION 'only sealed values may be wrapped again' USING ERRCODE = 'check_violation';
  END IF;
  EXECUTE format('UPDATE fhir.%I SET body = $1 WHERE id = $2 AND version_id = $3 AND body = $4', kept_in)
    USING new, row_id, version, old;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed = 1;
END $$;
COMMENT ON FUNCTION core.wrap_again IS
  'The application may not change what is stored, history least of all; the wrapping of sealed values alone';
REVOKE ALL ON FUNCTION core.wrap_again FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.wrap_again TO {APP_ROLE};
"""


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(UPGRADE)
    for table, grants in OF_THE_HOUSE.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY of_the_house ON {table} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT {grants} ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    op.execute("DROP FUNCTION core.wrap_again")
    op.execute("DROP TABLE core.key_rotation, core.key_ring")
