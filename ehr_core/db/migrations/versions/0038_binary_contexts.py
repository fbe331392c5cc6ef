"""What a Binary belongs to, kept as it is today: a Binary is judged by it in every query, and by the database.

One small row for each resource that a Binary names as its security context; a trigger of every resource table keeps it.
"""

from __future__ import annotations

import json
import re

from alembic import op
from sqlalchemy import text

from ehr_core.db.row_security import APP_ROLE, CONTEXT_SEEN, label_condition, protect

revision = "0038"
down_revision = "0036"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE fhir.security_context (
  reference text PRIMARY KEY,
  patient_id text,
  sensitivity text[],
  category_tokens text[],
  deleted boolean NOT NULL
);
COMMENT ON TABLE fhir.security_context IS
  'The resources that a Binary names as its security context, as they are today; access.follow_context keeps them';
ALTER TABLE fhir."binary" ADD COLUMN context text;
ALTER TABLE fhir.binary_history ADD COLUMN context text;
COMMENT ON COLUMN fhir."binary".context IS 'Type/id of what it belongs to; null where it names a Patient or nothing';
COMMENT ON COLUMN fhir.binary_history.context IS 'Type/id of what this version belonged to';
"""
FUNCTIONS = """
CREATE FUNCTION access.follow_context() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' SET almoner.labels = 'whole'
SET search_path = pg_catalog, public AS $$
BEGIN
  UPDATE fhir.security_context SET patient_id = NEW.patient_id, sensitivity = NEW.sensitivity,
    category_tokens = NEW.category_tokens, deleted = NEW.deleted
  WHERE reference = TG_ARGV[0] || '/' || NEW.id;
  RETURN NULL;
END $$;

CREATE FUNCTION access.hold_context(place text, type_name text, resource_id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' SET almoner.labels = 'whole'
SET search_path = pg_catalog, public AS $$
BEGIN
  EXECUTE format('SELECT FROM fhir.%I WHERE id = $1 FOR SHARE', place) USING resource_id;
  EXECUTE format(
    'INSERT INTO fhir.security_context SELECT $1, patient_id, sensitivity, category_tokens, deleted FROM fhir.%I '
    'WHERE id = $2 ON CONFLICT (reference) DO NOTHING', place) USING type_name || '/' || resource_id, resource_id;
END $$;
COMMENT ON FUNCTION access.hold_context IS
  'Before a Binary that names it: whoever changes this resource meanwhile waits, so that no change is missed';
"""
TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'fhir'
  AND (tablename !~ '_history$' OR tablename = 'family_member_history')
  AND tablename NOT IN ('binary', 'security_context') ORDER BY 1
"""
CHANGED = " OR ".join(
    f"OLD.{name} IS DISTINCT FROM NEW.{name}"
    for name in ("patient_id", "sensitivity", "category_tokens", "deleted")
)
TRIGGER = (
    'CREATE TRIGGER follow_context AFTER UPDATE ON fhir."{table}" FOR EACH ROW WHEN ({changed}) '
    "EXECUTE FUNCTION access.follow_context('{type_name}')"
)
LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
NAMED = 'SELECT id, version_id FROM fhir."{table}" WHERE body LIKE \'%%"securityContext"%%\''
BODY = 'SELECT body FROM fhir."{table}" WHERE id = :id AND version_id = :version'
KEEP = 'UPDATE fhir."{table}" SET context = :context WHERE id = :id AND version_id = :version'


def upgrade() -> None:
    connection = op.get_bind()
    driver = connection.connection.driver_connection
    op.execute(
        "SELECT set_config('almoner.actor', 'migration', true), set_config('almoner.reach', 'all', true)"
    )
    op.execute("SELECT set_config('almoner.labels', 'whole', true)")
    op.execute(UPGRADE)
    driver.execute(FUNCTIONS)
    protect(op, "fhir.security_context", grants=("SELECT",))
    op.execute(
        "CREATE POLICY by_label ON fhir.security_context AS RESTRICTIVE "
        f"USING ({label_condition('sensitivity', 'patient_id')}) WITH CHECK (true)"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION access.hold_context FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION access.hold_context TO {APP_ROLE}")
    for table in connection.exec_driver_sql(TABLES).scalars().all():
        op.execute(TRIGGER.format(table=table, changed=CHANGED, type_name=_type_name(table)))
    for table in ("binary", "binary_history"):
        _fill(connection, table)
        op.execute(
            f'CREATE POLICY by_context ON fhir."{table}" AS RESTRICTIVE '
            f"USING ({CONTEXT_SEEN.format(table=table)}) WITH CHECK (true)"
        )


def _fill(connection, table: str) -> None:
    """What was stored before there was a column for it; one body at a time, as they may be large."""
    there = set(connection.exec_driver_sql(TABLES).scalars())
    for row in connection.exec_driver_sql(NAMED.format(table=table)).all():
        this = {"id": row.id, "version": row.version_id}
        body = json.loads(connection.execute(text(BODY.format(table=table)), this).scalar_one())
        found = LOCAL.fullmatch((body.get("securityContext") or {}).get("reference") or "")
        if found is None or found[1] == "Patient":
            continue
        place = {"place": _snake(found[1]), "type": found[1], "id": found[2]}
        if place["place"] in there:
            connection.execute(text("SELECT access.hold_context(:place, :type, :id)"), place)
        connection.execute(text(KEEP.format(table=table)), this | {"context": f"{found[1]}/{found[2]}"})


def _type_name(table: str) -> str:
    return "".join(part.capitalize() for part in table.split("_"))


def _snake(resource_type: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", resource_type).lower()


def downgrade() -> None:
    connection = op.get_bind()
    for table in ("binary", "binary_history"):
        op.execute(f'DROP POLICY by_context ON fhir."{table}"')
        op.execute(f'ALTER TABLE fhir."{table}" DROP COLUMN context')
    for table in connection.exec_driver_sql(TABLES).scalars().all():
        op.execute(f'DROP TRIGGER follow_context ON fhir."{table}"')
    op.execute("DROP FUNCTION access.follow_context, access.hold_context")
    op.execute("DROP TABLE fhir.security_context")
