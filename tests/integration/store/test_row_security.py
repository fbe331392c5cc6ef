"""The second wall: what the application's role can reach when the code in front of it is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.audit import seal
from ehr_core.access.unit_of_work import audit_refusal, begin
from ehr_core.db.database import connect
from ehr_core.kernel.clock import SystemClock
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.tables import current_table, history_table
from tests.integration.store.conftest import SITE, observation, patient
from tests.lib import postgres

SET = "SELECT set_config('almoner.actor', %s, true), set_config('almoner.reach', %s, true), set_config('almoner.patient', %s, true)"  # fmt: skip # noqa: E501


@pytest.fixture(scope="module")
def urls(postgres_server, template_database) -> Iterator[tuple[str, str]]:
    """(owner's URL, application's URL) of one database for these tests: they try, and change nothing."""
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        nurse = Actor("u-1", "user", "Nurse", (), frozenset())
        with begin(database, nurse, SystemClock(), SITE) as work:
            store = Store(work)
            for name in ("ana", "ben"):
                created = store.create("Patient", patient(), id=name)
                store.update("Patient", name, created.body.replace(b"Rivera", b"Rivers"))
                store.create("Observation", observation(name))
            store.create("Organization", {"resourceType": "Organization", "name": "Clinic"})
        yield url, postgres.app_url_of(url)
        database.dispose()


def seen(url: str, table: str, actor: str = "", reach: str = "", patient_id: str = "") -> int:
    with psycopg.connect(url) as connection:
        if actor:
            connection.execute(SET, (actor, reach, patient_id))
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@pytest.mark.parametrize(
    "table",
    ["fhir.patient", "fhir.patient_history", "fhir.observation", "fhir.organization", "core.outbox", "audit.event"],
)  # fmt: skip
def test_without_an_actor_there_are_no_rows(urls, table: str) -> None:
    assert seen(urls[1], table) == 0
    assert seen(urls[1], table, "someone", "all") > 0


@pytest.mark.parametrize(
    ("reach", "patient_id", "patients", "organizations"),
    [("all", "", 2, 1), ("own", "ana", 1, 1), ("own", "", 0, 1), ("none", "ana", 0, 1), ("ALL", "ana", 0, 1)],
)
def test_reach_decides_which_rows(
    urls, reach: str, patient_id: str, patients: int, organizations: int
) -> None:
    url = urls[1]
    assert seen(url, "fhir.patient", "someone", reach, patient_id) == patients
    assert seen(url, "fhir.patient_history", "someone", reach, patient_id) == patients
    assert seen(url, "fhir.observation", "someone", reach, patient_id) == patients
    assert seen(url, "fhir.organization", "someone", reach, patient_id) == organizations


def test_the_setting_ends_with_its_transaction(urls) -> None:
    with psycopg.connect(urls[1], autocommit=True) as connection:
        with connection.transaction():
            connection.execute(SET, ("someone", "all", ""))
            assert connection.execute("SELECT count(*) FROM fhir.patient").fetchone()[0] == 2
        assert connection.execute("SELECT count(*) FROM fhir.patient").fetchone()[0] == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit.event SET act = 'nothing'",
        "DELETE FROM audit.event",
        "TRUNCATE audit.event",
        "DELETE FROM fhir.patient",
        "UPDATE fhir.patient_history SET body = ''",
        "DELETE FROM fhir.patient_history",
        "DELETE FROM core.outbox",
        "ALTER TABLE fhir.patient DISABLE ROW LEVEL SECURITY",
        "DROP POLICY by_patient ON fhir.patient",
        "ALTER TABLE audit.event DISABLE TRIGGER append_only",
        "SET ROLE postgres",
        "CREATE TABLE fhir.mine (id text)",
        "COPY fhir.patient TO PROGRAM 'cat'",
    ],
)
def test_the_application_role_may_not(urls, sql: str) -> None:
    with psycopg.connect(urls[1]) as connection:
        connection.execute(SET, ("someone", "all", ""))
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
            connection.execute(sql)


@pytest.mark.parametrize(
    "sql", ["UPDATE audit.event SET act = 'nothing'", "DELETE FROM audit.event", "TRUNCATE audit.event"]
)
def test_even_the_owner_does_not_change_the_audit_log(urls, sql: str) -> None:
    with psycopg.connect(urls[0]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(sql)


def test_turning_row_security_off_shows_nothing_more(urls) -> None:
    with psycopg.connect(urls[1]) as connection:
        connection.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM fhir.patient")


def test_every_table_with_records_is_protected_by_force(urls) -> None:
    with psycopg.connect(urls[0]) as connection:
        found = dict(
            connection.execute(
                "SELECT n.nspname || '.' || c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname IN ('fhir', 'core', 'audit') AND c.relkind = 'r'"
            ).fetchall()
        )
    assert all(found.values()), [name for name, protected in found.items() if not protected]
    expected = {f"fhir.{row.table}{end}" for row in RESOURCE_TYPES.values() for end in ("", "_history")}
    assert expected <= set(found)


def test_the_tables_have_the_columns_that_the_store_promotes(urls) -> None:
    with psycopg.connect(urls[0]) as connection:
        rows = connection.execute(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns "
            "WHERE table_schema = 'fhir' AND is_generated = 'NEVER' GROUP BY 1"
        ).fetchall()
    columns = {name: set(names) for name, names in rows}
    for name in RESOURCE_TYPES:
        for table in (current_table(name), history_table(name)):
            assert columns[table.name] == {column.name for column in table.c}, table.name


def test_a_refusal_before_sign_in_is_recorded_on_its_own(database, count) -> None:
    audit_refusal(database, None, "sign_in", "WrongPassword", detail={"account": "x"})
    assert count("audit.event", "act = 'sign_in' AND outcome = 'refused' AND actor_id IS NULL") == 1


def test_a_sealed_list_does_not_depend_on_order_or_repeats() -> None:
    assert seal(["b", "a", "b"]) == seal(["a", "b"])
    assert seal(["a", "b"])[1] != seal(["ab"])[1]


def test_a_function_with_its_owners_rights_is_not_everybodys_and_looks_names_up_in_no_callers_place(urls):
    """What is named last is looked up last: left out of the path, a caller's temporary tables and types come first."""
    with psycopg.connect(urls[0]) as connection:
        made = connection.execute(
            "SELECT made.oid::regprocedure::text, EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', "
            "proowner))) AS given WHERE given.grantee = 0), (SELECT one FROM unnest(proconfig) AS one "
            "WHERE one LIKE 'search_path=%') FROM pg_proc AS made "
            "JOIN pg_namespace AS space ON space.oid = pronamespace WHERE prosecdef AND nspname !~ '^pg_'"
        ).fetchall()
    assert {"risk.relabel(text[])", "access.hold_context(text,text,text)"} <= {name for name, _, _ in made}
    assert [name for name, everybodys, _ in made if everybodys] == []
    assert [name for name, _, path in made if not (path or "").endswith(", pg_temp")] == []
