"""The database itself says whether it is the demonstration's: a password that everybody knows opens no real record."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import sqlalchemy
from alembic import command

from ehr_core.access.accounts import create_account, set_disabled, set_password
from ehr_core.access.demonstration import (
    claim_for_demonstration,
    refuse_demonstration_in_production,
    somebody_can_sign_in,
)
from ehr_core.access.unit_of_work import begin
from ehr_core.api.app import create_app
from ehr_core.db.bootstrap import driver_url, migration_config
from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.settings import Settings
from ehr_core.population import demo_people
from ehr_core.seeding import SEEDER as SEED
from ehr_core.seeding import seed
from ehr_core.store.importer import load_resources
from ehr_core.supervisor.demo import demo_sign_ins
from tests.lib.api import SEEDER

PEOPLE = 12
OWN_PASSWORD = "a long enough password"


@pytest.fixture
def open_from(database_url, tmp_path):
    """Settings of a state folder by name, all on the test's own database."""

    def chosen(folder: str = "state", environment: str = "demo") -> Settings:
        state = tmp_path / folder
        state.mkdir(exist_ok=True)
        return Settings(
            state=state, environment=environment, patients=PEOPLE, app_database_url=database_url[1]
        )

    return chosen


@pytest.fixture
def work(database):
    """A unit of work of somebody who may make accounts."""
    return lambda: begin(database, SEEDER, SystemClock(), "America/New_York")


def count(database_url, what: str) -> int:
    with psycopg.connect(database_url[0]) as connection:
        return connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]


def somebodys_patient(database) -> None:
    load_resources(database, SEEDER, [("Patient", b'{"resourceType":"Patient","id":"real"}')], processes=1)


def robin(work, known_to: str = "everybody") -> str:
    return create_account(
        work,
        username="robin.ashby",
        display_name="Robin Ashby",
        password=OWN_PASSWORD,
        known_to=known_to,
        roles=["admin"],
    )


def refused(database, settings: Settings) -> str:
    with pytest.raises(StartupFailed) as error:
        refuse_demonstration_in_production(database, settings)
    return error.value.message


def test_an_empty_database_is_seeded_once_and_a_seed_that_was_stopped_is_finished_by_the_next(
    database_url, open_from
):
    """Whichever state folder it is opened from."""
    said: list[str] = []
    seed(open_from(), said.append)
    accounts = len(demo_people())
    with psycopg.connect(database_url[0]) as connection:
        connection.execute("UPDATE core.demonstration SET finished_at = NULL")
    seed(open_from("another"), said.append)
    seed(open_from("another"), said.append)
    assert [line for line in said if "synthetic patients" in line][1:] == [
        f"{PEOPLE} synthetic patients, 0 resources",
        "the synthetic patients are there already",
    ]
    assert (count(database_url, "fhir.patient"), count(database_url, "access.account")) == (PEOPLE, accounts)
    assert len(demo_sign_ins(open_from("another"))) == accounts


@pytest.mark.parametrize("holds", ["patients", "accounts"])
def test_a_database_that_holds_anybody_else_gets_neither_patients_nor_accounts(
    database_url, database, open_from, work, holds
):
    if holds == "patients":
        somebodys_patient(database)
    else:
        with work() as opened:
            robin(opened, known_to="owner")
    before = count(database_url, "fhir.patient"), count(database_url, "access.account")
    settings = open_from()
    (settings.state_folder / "seeding").touch()
    with pytest.raises(StartupFailed, match=r"nothing was added .* ALMONER_ENVIRONMENT=production"):
        seed(settings, lambda _: None)
    assert (count(database_url, "fhir.patient"), count(database_url, "access.account")) == before
    assert demo_sign_ins(settings) == []


def test_production_refuses_the_demonstrations_database_from_a_fresh_state_folder_too(
    database, open_from, work
):
    with work() as opened:
        claim_for_demonstration(opened)
        robin(opened)
    said = refused(database, open_from("fresh", "production"))
    assert "its patients are synthetic, and everybody knows the password of robin.ashby." in said
    assert "choose another with ALMONER_STATE or DATABASE_URL" in said
    refuse_demonstration_in_production(database, open_from("fresh", "demo"))


def test_an_api_that_is_started_on_its_own_in_production_refuses_it_as_well(database, open_from, work):
    with work() as opened:
        claim_for_demonstration(opened)
    api = create_app(open_from("fresh", "production"), database)

    async def come_up() -> None:
        async with api.router.lifespan_context(api):
            raise AssertionError("it opened its doors")

    with pytest.raises(StartupFailed, match="its patients are synthetic"):
        asyncio.run(come_up())


@pytest.mark.parametrize("way_out", ["closed", "a password of its own"])
def test_production_refuses_demonstration_accounts_among_real_patients_until_they_are_closed(
    database, open_from, work, way_out
):
    somebodys_patient(database)
    with work() as opened:
        account_id = robin(opened)
    production = open_from("fresh", "production")
    said = refused(database, production)
    assert "these accounts, which the demonstration made: robin.ashby." in said
    assert "`almoner account close robin.ashby`" in said
    with work() as opened:
        if way_out == "closed":
            set_disabled(opened, account_id, True)
        else:
            set_password(opened, account_id, "another long password")
    refuse_demonstration_in_production(database, production)


def test_whether_somebody_can_sign_in_is_known(database, open_from, work):
    settings = open_from("fresh", "production")
    refuse_demonstration_in_production(database, settings)
    assert not somebody_can_sign_in(database, settings)
    with work() as opened:
        account_id = robin(opened, known_to="owner")
    assert somebody_can_sign_in(database, settings)
    with work() as opened:
        set_disabled(opened, account_id, True)
    assert not somebody_can_sign_in(database, settings)


def test_what_an_earlier_version_seeded_is_known_as_the_demonstration(database_url, database, open_from):
    """Its accounts and patients are recognised by their audit rows when the schema comes to say so."""
    with begin(database, SEED, SystemClock(), "America/New_York") as seeding:
        robin(seeding)
        seeding.audit("import", patient_ids=["ana"])
    engine = sqlalchemy.create_engine(driver_url(database_url[0]), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        command.upgrade(config, "head")
        connection.commit()
    assert "its patients are synthetic, and everybody knows" in refused(
        database, open_from("fresh", "production")
    )
