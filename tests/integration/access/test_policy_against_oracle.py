"""Random policies, panels and emergencies: what the database shows is what the oracle says, row by row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import select, text

from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.access.chart_policy import rows_open_to
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import ENTER_STAFF, Database, connect
from ehr_core.db.twin import twin_of
from ehr_core.kernel.clock import FixedClock
from ehr_core.store.repository import Store
from ehr_core.store.tables import current_table
from tests.integration.access.policy_oracle import LABELS, Rule, World, chart_opens, item_opens
from tests.lib import postgres

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
SITE = "America/New_York"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PATIENTS = [f"p{number}" for number in range(8)]
ITEMS = [(), ("HIV",), ("SUD",), ("PSY",), ("HIV", "SUD")]
SEEDER = Actor("service:seed", "service", "Seed", (), frozenset({"fhir.write"}))
ROUNDS = 60


@pytest.fixture(scope="module")
def databases(postgres_server, template_database) -> Iterator[tuple[Database, Database]]:
    """(as the application, as the server's owner, whom row-level security does not bind) of one small clinic."""
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        app, owner = connect(postgres.app_url_of(url)), connect(url)
        with begin(app, SEEDER, FixedClock(NOW), SITE) as work:
            store = Store(work)
            for number, name in enumerate(PATIENTS):
                store.create("Patient", _patient(number), id=name)
                for place, labels in enumerate(ITEMS):
                    store.create("Observation", _observation(name, labels), id=f"{name}-{place}")
            store.create("CareTeam", _care_team("p3"), id="team")
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO access.account (id, username, display_name, password_hash, roles, practitioner_id, sites, "
                "created_at, password_changed_at) VALUES ('me', 'me', 'Me', 'x', '{nurse}', 'doc', "
                "'{Organization/north}', now(), now())"
            )
        yield app, owner
        app.dispose()
        owner.dispose()


def _patient(number: int) -> dict:
    """The first three are on the panel, the even ones of the site."""
    body = {"resourceType": "Patient", "name": [{"family": f"Family{number}"}]}
    if number < 3:
        body["generalPractitioner"] = [{"reference": "Practitioner/doc"}]
    if number % 2 == 0:
        body["managingOrganization"] = {"reference": "Organization/north"}
    return body


def _observation(patient: str, labels: tuple[str, ...]) -> dict:
    security = [{"system": ACT_CODE, "code": label} for label in labels]
    return {
        "resourceType": "Observation",
        "status": "final",
        **({"meta": {"security": security}} if security else {}),
        "code": {"text": "something"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _care_team(patient: str) -> dict:
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": f"Patient/{patient}"},
        "participant": [{"member": {"reference": "Practitioner/doc"}}],
    }


def draw(chance: random.Random) -> World:
    roles = chance.choice([("nurse",), ("nurse", "care_manager"), ("clinician",)])
    world = World(
        account="me",
        roles=roles,
        reach=chance.choice(["all", "all", "site", "panel", "none"]),
        sees=frozenset(chance.choice([["*"], [], ["HIV"], ["HIV", "PSY"]])),
        one=chance.choice([None, None, chance.choice(PATIENTS)]),
        panel={"p0", "p1", "p2", "p3"},
        site={name for number, name in enumerate(PATIENTS) if number % 2 == 0},
        broken=set(chance.sample(PATIENTS, chance.choice([0, 0, 1, 2]))),
    )
    for _ in range(chance.randrange(9)):
        kind = chance.choice(["account", "role", "everyone"])
        subject = {"account": ["me", "another"], "role": ["nurse", "clinician", "biller"], "everyone": [None]}
        world.rules.append(
            Rule(
                patient=chance.choice(PATIENTS),
                effect=chance.choice(["allow", "deny"]),
                subject_kind=kind,
                subject=chance.choice(subject[kind]),
                label=chance.choice([None, *LABELS]),
                even_in_emergency=chance.random() < 0.3,
                in_force=chance.random() < 0.8,
            )
        )
    return world


def put_up(owner: Database, world: World, chance: random.Random) -> None:
    """The world's rules and emergencies; what is not in force has ended, is over, or has not begun."""
    out_of_force = [
        {"ended": NOW, "starts": NOW - timedelta(days=9), "ends": None},
        {"ended": None, "starts": NOW - timedelta(days=9), "ends": NOW},
        {"ended": None, "starts": NOW + timedelta(seconds=1), "ends": None},
    ]
    good = {"ended": None, "starts": NOW, "ends": NOW + timedelta(days=1)}
    with owner.engine.begin() as connection:
        connection.execute(text("DELETE FROM access.chart_rule"))
        connection.execute(text("DELETE FROM access.break_glass"))
        for number, rule in enumerate(world.rules):
            connection.execute(
                text(
                    "INSERT INTO access.chart_rule (id, patient_id, effect, subject_kind, subject, label, "
                    "even_in_emergency, asked_by, reason, starts_at, ends_at, made_by, made_at, ended_at) VALUES "
                    "(:id, :patient, :effect, :subject_kind, :subject, :label, :even_in_emergency, 'site', 'test', "
                    ":starts, :ends, 'x', :starts, :ended)"
                ),
                vars(rule) | {"id": str(number)} | (good if rule.in_force else chance.choice(out_of_force)),
            )
        for name in PATIENTS:
            over = name not in world.broken
            connection.execute(
                text(
                    "INSERT INTO access.break_glass (id, account_id, patient_id, reason, words, opened_at, ends_at) "
                    "VALUES (:id, 'me', :id, 'emergency', 'words enough', :opened, :ends)"
                ),
                {
                    "id": name,
                    "opened": NOW - timedelta(hours=1),
                    "ends": NOW if over else NOW + timedelta(hours=1),
                },
            )


def actor_of(world: World) -> Actor:
    application = ApplicationGrant("app", ("patient/*.rs",), world.one, world.one) if world.one else None
    return Actor(
        "me",
        "user",
        "Me",
        world.roles,
        frozenset(),
        practitioner_id="doc",
        chart_reach=world.reach,
        sees=world.sees,
        application=application,
    )


def shown(database: Database, actor: Actor, *, first_wall: bool) -> set[tuple[str, str]]:
    """(type, id) of the rows that come back: by the query's condition, or without it by the database's own wall."""
    found = set()
    with begin(database, actor, FixedClock(NOW), SITE) as work:
        for type_name in ("Patient", "Observation"):
            table = current_table(type_name)
            query = select(table.c.id)
            if first_wall:
                query = query.where(rows_open_to(actor, table))
            found |= {(type_name, row.id) for row in work.connection.execute(query)}
    return found


def shown_to_a_twin(database: Database, actor: Actor) -> set[tuple[str, str]]:
    """What an export's second connection is shown by the database's own wall."""
    with (
        begin(database, actor, FixedClock(NOW), SITE, isolation="REPEATABLE READ") as work,
        twin_of(work.connection) as twin,
    ):
        return {
            (type_name, name)
            for type_name in ("Patient", "Observation")
            for batch in twin.read(f"SELECT id FROM fhir.{type_name.lower()}")
            for name in batch.column(0).to_pylist()
        }


def shown_chart_by_chart(database: Database, actor: Actor) -> set[tuple[str, str]]:
    """The same when each chart is judged once, one after the other in one transaction."""
    found = set()
    with begin(database, actor, FixedClock(NOW), SITE) as work:
        for name in PATIENTS:
            for type_name in ("Patient", "Observation"):
                table = current_table(type_name)
                query = select(table.c.id).where(rows_open_to(actor, table, of_patient=name))
                found |= {(type_name, row.id) for row in work.connection.execute(query)}
    return found


def expected(world: World) -> set[tuple[str, str]]:
    charts = {("Patient", name) for name in PATIENTS if chart_opens(world, name)}
    items = {
        ("Observation", f"{name}-{place}")
        for name in PATIENTS
        for place, labels in enumerate(ITEMS)
        if item_opens(world, name, labels)
    }
    return charts | items


def test_each_wall_alone_shows_exactly_what_the_policy_says(databases) -> None:
    app, owner = databases
    chance = random.Random(20261120)
    seen_something = hidden_something = 0
    for number in range(ROUNDS):
        world = draw(chance)
        put_up(owner, world, chance)
        actor, due = actor_of(world), expected(world)
        assert shown(app, actor, first_wall=False) == due, f"row-level security, round {number}: {world}"
        assert shown_to_a_twin(app, actor) == due, f"an export's second connection, round {number}: {world}"
        assert shown(owner, actor, first_wall=True) == due, f"the query's condition, round {number}: {world}"
        assert shown_chart_by_chart(owner, actor) == due, f"charts judged once, round {number}: {world}"
        assert shown_chart_by_chart(app, actor) == due, (
            f"judged once behind both walls, round {number}: {world}"
        )
        seen_something += bool(due)
        hidden_something += len(due) < len(PATIENTS) * (1 + len(ITEMS))
    assert seen_something > ROUNDS / 2
    assert hidden_something > ROUNDS / 2


class Undone(Exception):
    """Takes back what a test has written."""


ALL_ROWS = text("SELECT id FROM fhir.observation")
OPEN_CHART = text("SELECT access.open_chart(:patient)")


def opened(work, patient: str) -> bool:
    return work.connection.execute(OPEN_CHART, {"patient": patient}).scalar_one()


def rows_of(work) -> set[str]:
    return {row.id.partition("-")[0] for row in work.connection.execute(ALL_ROWS)}


def test_a_chart_that_was_judged_is_known_to_nobody_else(databases) -> None:
    """Not to the next transaction of the same connection, and not to another actor in the same transaction."""
    app, owner = databases
    panel = World("me", ("nurse",), "panel", frozenset(), None, panel={"p0", "p1", "p2", "p3"})
    put_up(owner, panel, random.Random(1))
    nobody = World("another", ("nurse",), "panel", frozenset(), None)
    with begin(app, actor_of(panel), FixedClock(NOW), SITE) as work:
        assert opened(work, "p1")
        assert not opened(work, "p5")
        assert opened(work, "p1")
        assert rows_of(work) == panel.panel
        outsider = {"roles": "nurse", "base": "panel", "labels": "", "one": "", "at": NOW.isoformat()}
        driver = work.connection.connection.driver_connection
        driver.execute(ENTER_STAFF, outsider | {"actor": "another"})
        assert rows_of(work) == set()
    with begin(app, replace(actor_of(nobody), actor_id="another"), FixedClock(NOW), SITE) as work:
        assert rows_of(work) == set()


def test_a_chart_that_leaves_the_panel_is_judged_anew_at_once(databases) -> None:
    app, owner = databases
    world = World("me", ("nurse",), "panel", frozenset(), None, panel={"p0", "p1", "p2", "p3"})
    put_up(owner, world, random.Random(1))
    actor = replace(actor_of(world), permissions=frozenset({"fhir.write"}))
    with suppress(Undone), begin(app, actor, FixedClock(NOW), SITE) as work:
        assert opened(work, "p1")
        work.connection.execute(text("UPDATE fhir.patient SET reference_tokens = NULL WHERE id = 'p1'"))
        assert rows_of(work) == {"p0", "p2", "p3"}
        raise Undone


def test_a_patients_own_chart_opens_no_row_that_is_the_staffs_alone(databases) -> None:
    app, owner = databases
    with owner.engine.begin() as connection:
        connection.execute(text("INSERT INTO core.pseudonym_key (key_id, zone) VALUES ('k', 'limited')"))
        connection.execute(
            text(
                "INSERT INTO core.crosswalk (key_id, patient_id, pseudonym, zone) VALUES ('k', 'p1', 'x', 'limited')"
            )
        )
    patient = Actor("p", "patient", "P", ("patient",), frozenset(), patient_id="p1")
    with begin(app, patient, FixedClock(NOW), SITE) as work:
        assert opened(work, "p1")
        assert not opened(work, "p2")
        assert opened(work, "p1")
        assert rows_of(work) == {"p1"}
        assert work.connection.execute(text("SELECT count(*) FROM core.crosswalk")).scalar_one() == 0


def test_a_wall_that_is_taken_down_is_noticed(databases) -> None:
    """The oracle is no mirror: without the condition the owner sees what the policy shuts."""
    _, owner = databases
    world = World("me", ("nurse",), "panel", frozenset(), None, panel={"p0", "p1", "p2", "p3"})
    put_up(owner, world, random.Random(1))
    assert shown(owner, actor_of(world), first_wall=False) != expected(world)
    assert shown(owner, actor_of(world), first_wall=True) == expected(world)
