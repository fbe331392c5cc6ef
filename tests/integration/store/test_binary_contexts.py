"""Binaries of an earlier version find what they belong to when they are migrated."""

from __future__ import annotations

import json

import psycopg
import sqlalchemy
from alembic import command

from ehr_core.db.bootstrap import driver_url, migration_config

RESULT = (
    "INSERT INTO fhir.observation (id, version_id, last_updated, content_hash, body, patient_id, sensitivity) "
    "VALUES ('of-hiv', 1, now(), '', '{}', 'ana', '{HIV}')"
)
BINARY = "INSERT INTO fhir.\"binary\" (id, version_id, last_updated, content_hash, body) VALUES (%s, 1, now(), '', %s)"
NAMED = {
    "of-a-result": {"reference": "Observation/of-hiv/_history/1", "identifier": {"value": "}"}},
    "of-nothing-here": {"reference": "Observation/none"},
    "of-a-patient": {"reference": "Patient/ana"},
    "of-nobody": {"display": "somebody"},
}


def test_what_is_stored_finds_what_it_belongs_to(admin_url):
    engine = sqlalchemy.create_engine(driver_url(admin_url), poolclass=sqlalchemy.NullPool)
    plain = admin_url.replace("+psycopg", "")
    with engine.connect() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0038-1")
        connection.commit()
        with psycopg.connect(plain) as owner:
            owner.execute(RESULT)
            for name, context in NAMED.items():
                owner.execute(BINARY, (name, json.dumps({"securityContext": context})))
        command.upgrade(config, "head")
        connection.commit()
    with psycopg.connect(plain) as owner:
        found = owner.execute('SELECT id, context FROM fhir."binary" ORDER BY id').fetchall()
        kept = owner.execute(
            "SELECT reference, patient_id, sensitivity, deleted FROM fhir.security_context"
        ).fetchall()
    assert found == [
        ("of-a-patient", None),
        ("of-a-result", "Observation/of-hiv"),
        ("of-nobody", None),
        ("of-nothing-here", "Observation/none"),
    ]
    assert kept == [("Observation/of-hiv", "ana", ["HIV"], False)]
