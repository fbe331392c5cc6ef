"""A panel of an earlier version is found by sound after the migration, and the migration can be taken back."""

from __future__ import annotations

import psycopg
import sqlalchemy
from alembic import command

from ehr_core.db.bootstrap import driver_url, migration_config

PATIENT = (
    "INSERT INTO fhir.patient (id, version_id, last_updated, content_hash, body, name_text, family_text, given_text) "
    "VALUES (%s, 1, now(), '', '{}', %s, %s, %s)"
)


def test_names_that_are_stored_get_their_sounds_and_are_folded_further(admin_url):
    engine = sqlalchemy.create_engine(driver_url(admin_url), poolclass=sqlalchemy.NullPool)
    plain = admin_url.replace("+psycopg", "")
    with engine.connect() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
        connection.commit()
        with psycopg.connect(plain) as owner:
            owner.execute(PATIENT, ("smyth", " ann smyth", " smyth", " ann"))
            owner.execute(PATIENT, ("soren", " søren sørensen", " sørensen", " søren"))
            owner.execute(PATIENT, ("nobody", None, None, None))
        command.upgrade(config, "head")
        connection.commit()
    with psycopg.connect(plain) as owner:
        found = owner.execute("SELECT id, name_text, family_text, name_sounds FROM fhir.patient ORDER BY id")
        assert found.fetchall() == [
            ("nobody", None, None, None),
            ("smyth", " ann smyth", " smyth", ["AN", "SM0"]),
            ("soren", " soren sorensen", " sorensen", ["SRN", "SRNSN"]),
        ]
