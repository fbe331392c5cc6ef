"""Bringing a database to this version's schema, and refusing what this version does not know."""

from __future__ import annotations

import threading

import psycopg
import pytest

from ehr_core.db.bootstrap import prepare_database
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.secrets import Secrets
from tests.lib.postgres import fresh_database


@pytest.fixture
def empty_url(postgres_server):
    with fresh_database(postgres_server) as url:
        yield url


def test_an_empty_database_gets_the_schema_and_a_second_time_changes_nothing(empty_url, secrets):
    said: list[str] = []
    prepare_database(empty_url, secrets, said.append)
    prepare_database(empty_url, secrets, said.append)
    assert said[0].startswith("migrating the schema from empty")
    assert said[-1].startswith("schema is current")


def test_the_application_role_signs_in_and_owns_nothing(database_url):
    with psycopg.connect(database_url[1]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("almoner_app",)
        role = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = 'almoner_app'::regrole"
        ).fetchone()
    assert (role, owned) == ((False,) * 4, (0,))


def test_two_that_migrate_at_once_both_succeed(empty_url, secrets):
    failures: list[Exception] = []

    def prepare():
        try:
            prepare_database(empty_url, secrets)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_schema_from_a_newer_version_is_refused_in_one_sentence_and_left_alone(admin_url, secrets):
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartupFailed, match=r"revision 9999, which this Almoner .* newer version wrote it"):
        prepare_database(admin_url, secrets)
    with psycopg.connect(admin_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


@pytest.mark.parametrize("url", ["postgresql://nobody:wrong@127.0.0.1:1/nothing", "not a url"])
def test_a_database_that_cannot_be_reached_is_one_sentence_without_the_password(url):
    with pytest.raises(StartupFailed, match="DATABASE_URL") as refused:
        prepare_database(url, Secrets())
    assert "wrong" not in refused.value.message
