"""Audit rows in hash chains, one a writer: a row that is changed, taken out or moved breaks the chain after it.

A writer is a connection of the application. Its chain's end is a setting of the connection, which a rollback takes back
with the rows; so writers never wait for each other.
"""

from __future__ import annotations

from alembic import op

from ehr_core.db.audit_content import content_sql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FUNCTION = f"""
CREATE FUNCTION audit.append_to_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  tail text := coalesce(current_setting('almoner.audit_tail', true), '');
  previous bytea := ''::bytea;
BEGIN
  IF tail = '' THEN
    NEW.writer := gen_random_uuid()::text;
    NEW.sequence := 1;
  ELSE
    NEW.writer := split_part(tail, ':', 1);
    NEW.sequence := split_part(tail, ':', 2)::bigint + 1;
    previous := decode(split_part(tail, ':', 3), 'hex');
  END IF;
  NEW.chain := sha256(previous || convert_to({content_sql("NEW")}, 'UTF8'));
  PERFORM set_config('almoner.audit_tail', NEW.writer || ':' || NEW.sequence || ':' || encode(NEW.chain, 'hex'), false);
  RETURN NEW;
END $$;
CREATE TRIGGER append_to_chain BEFORE INSERT ON audit.event
  FOR EACH ROW EXECUTE FUNCTION audit.append_to_chain();
"""

CHAIN_WHAT_IS_THERE = f"""
DO $$
DECLARE
  one audit.event;
  previous bytea := ''::bytea;
  place bigint := 0;
BEGIN
  FOR one IN SELECT * FROM audit.event ORDER BY at, id LOOP
    place := place + 1;
    one.writer := 'before-chains';
    one.sequence := place;
    previous := sha256(previous || convert_to({content_sql("one")}, 'UTF8'));
    UPDATE audit.event SET writer = one.writer, sequence = place, chain = previous WHERE id = one.id;
  END LOOP;
END $$;
"""

COLUMNS = """
ALTER TABLE audit.event ADD COLUMN writer text, ADD COLUMN sequence bigint, ADD COLUMN chain bytea;
COMMENT ON COLUMN audit.event.chain IS 'sha256 of the chain so far and this row''s content, see audit_content.py';
"""
CLOSE = """
ALTER TABLE audit.event ALTER COLUMN writer SET NOT NULL, ALTER COLUMN sequence SET NOT NULL,
  ALTER COLUMN chain SET NOT NULL;
CREATE UNIQUE INDEX event_by_place ON audit.event (writer, sequence);
"""


def upgrade() -> None:
    connection = op.get_bind()
    op.execute(COLUMNS)
    op.execute("ALTER TABLE audit.event DISABLE TRIGGER append_only")
    op.execute("ALTER TABLE audit.event DISABLE ROW LEVEL SECURITY")
    connection.connection.driver_connection.execute(CHAIN_WHAT_IS_THERE)
    op.execute("ALTER TABLE audit.event ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE audit.event ENABLE TRIGGER append_only")
    op.execute(CLOSE)
    connection.connection.driver_connection.execute(FUNCTION)


def downgrade() -> None:
    op.execute("DROP TRIGGER append_to_chain ON audit.event")
    op.execute("DROP FUNCTION audit.append_to_chain")
    op.execute("DROP INDEX audit.event_by_place")
    op.execute("ALTER TABLE audit.event DROP COLUMN writer, DROP COLUMN sequence, DROP COLUMN chain")
