"""Answers of an earlier version take every label of their facts when they are migrated; on the way back, one."""

from __future__ import annotations

import psycopg
import sqlalchemy
from alembic import command

from ehr_core.db.bootstrap import driver_url, migration_config

RESULT = (
    "INSERT INTO fhir.observation (id, version_id, last_updated, content_hash, body, patient_id, sensitivity) "
    "VALUES (%s, 1, now(), '', '{}', 'ana', %s)"
)
FLAG = (
    "INSERT INTO quality.measure_flag (patient_id, measure_id, measure_version, period_begin, period_end, evaluable, "
    "initial_population, denominator, denominator_exclusion, denominator_exception, numerator, key_id, evidence_type, "
    "evidence_key, evidence_id, evidence_sensitivity, rests_also_on_ids, as_of, computed_at, run_id) VALUES ('ana', "
    "'m', '1', '2026-01-01', '2026-12-31', true, true, true, false, false, true, 'k', 'Observation', 'a', 'a1c', "
    "%s, %s, '2026-11-20', now(), 'run')"
)
FACT = (
    "INSERT INTO quality.measure_evidence (patient_id, measure_id, period_begin, population, definition, holds, "
    "facts_found, key_id, evidence_type, evidence_key, evidence_id, evidence_sensitivity, as_of, computed_at, run_id) "
    "VALUES ('ana', 'm', '2026-01-01', 'numerator', 'Result', true, 1, 'k', 'Observation', 'b', 'kept', 'PSY', "
    "'2026-11-20', now(), 'run')"
)


def labels(admin_url: str) -> str:
    with psycopg.connect(admin_url.replace("+psycopg", "")) as owner:
        return owner.execute("SELECT evidence_sensitivity FROM quality.measure_flag").fetchone()[0]


def test_what_is_stored_takes_every_label(admin_url):
    engine = sqlalchemy.create_engine(driver_url(admin_url), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0041")
        connection.commit()
        with psycopg.connect(admin_url.replace("+psycopg", "")) as owner:
            owner.execute(RESULT, ("a1c", ["R"]))
            owner.execute(RESULT, ("older", ["ETH", "HIV"]))
            owner.execute(FLAG, ("R", ["Observation/older"]))
            owner.execute(FACT)
        command.upgrade(config, "head")
        connection.commit()
        assert labels(admin_url) == "ETH HIV PSY R"
        command.downgrade(config, "0041")
        connection.commit()
        assert labels(admin_url) == "R"
