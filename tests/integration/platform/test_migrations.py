"""Every migration can be taken back: the catalogue is then what it was before, and afterwards again what it was."""

from __future__ import annotations

import pytest
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from ehr_core.db.bootstrap import driver_url, ensure_app_role, migration_config
from tests.lib.postgres import fresh_database

NOT_THE_SYSTEMS = "nspname !~ '^pg_' AND nspname <> 'information_schema'"
CATALOGUE = {
    "schemas": f"SELECT nspname FROM pg_namespace WHERE {NOT_THE_SYSTEMS}",
    "columns": f"""
        SELECT nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull,
               pg_get_expr(adbin, adrelid), attgenerated
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
        LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
        WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm') AND {NOT_THE_SYSTEMS}""",
    "indexes": f"SELECT indexdef FROM pg_indexes WHERE {NOT_THE_SYSTEMS.replace('nspname', 'schemaname')}",
    "constraints": f"""
        SELECT nspname, conrelid::regclass::text, pg_get_constraintdef(c.oid)
        FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace
        WHERE contype <> 'n' AND {NOT_THE_SYSTEMS}""",
    "policies": "SELECT schemaname, tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies",
    "guarded": f"""
        SELECT nspname, relname, relrowsecurity, relforcerowsecurity FROM pg_class
        JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p') AND {NOT_THE_SYSTEMS}""",
    "grants": """
        SELECT table_schema, table_name, grantee, privilege_type FROM information_schema.role_table_grants
        WHERE table_schema !~ '^pg_' AND table_schema <> 'information_schema'""",
    "functions": f"""
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
        WHERE prokind <> 'a' AND {NOT_THE_SYSTEMS}
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')""",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
}
BOOKKEEPING = "alembic_version"


@pytest.fixture
def connection(postgres_server, secrets):
    with fresh_database(postgres_server) as url:
        ensure_app_role(url, secrets)
        engine = sqlalchemy.create_engine(driver_url(url), poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            yield connection


def catalogue(connection: sqlalchemy.Connection) -> set[tuple]:
    found = {(kind, *row) for kind, sql in CATALOGUE.items() for row in connection.execute(text(sql))}
    return {row for row in found if not any(BOOKKEEPING in str(value) for value in row)}


@pytest.mark.long
def test_each_migration_is_taken_back_without_a_trace(connection):
    config = migration_config()
    config.attributes["connection"] = connection
    revisions = [
        script.revision for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))
    ]
    stages = ["base", *revisions]
    after = {"base": catalogue(connection)}
    for revision in revisions:
        command.upgrade(config, revision)
        after[revision] = catalogue(connection)
    for earlier in reversed(stages[:-1]):
        command.downgrade(config, earlier)
        now = catalogue(connection)
        assert now - after[earlier] == set(), f"left behind on the way down to {earlier}"
        assert after[earlier] - now == set(), f"lost on the way down to {earlier}"
    command.upgrade(config, "head")
    assert catalogue(connection) == after[revisions[-1]]
