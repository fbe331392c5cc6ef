"""Fills an empty demonstration database: the synthetic population, and accounts for the people who show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from sqlalchemy import text

from ehr_core.access.accounts import create_account
from ehr_core.access.actor import Actor
from ehr_core.access.demonstration import claim_for_demonstration, note_loaded
from ehr_core.access.roles import permissions_of
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database, connect
from ehr_core.kernel.clock import SystemClock, site_date
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.settings import Settings
from ehr_core.order_seeding import seed_orders
from ehr_core.population import demo_people, generate
from ehr_core.population.panel import plan_patient
from ehr_core.population.stories import stories
from ehr_core.schedule_seeding import seed_schedule
from ehr_core.store.importer import load_resources
from ehr_core.supervisor.demo import DemoSignIn, write_demo_sign_ins
from ehr_core.workflows.demonstration_notes import write_demonstration_notes

SEEDER = Actor(
    "service:seed",
    "service",
    "Demonstration seed",
    (),
    frozenset(
        {"fhir.write", "account.manage", "schedule.manage", "schedule.book", "visit.check_in", "visit.room"}
    ),
)
DEMO_PASSWORD = "demo-almoner-2026"  # noqa: S105  meant to be known: it opens synthetic records only
PORTAL_ROLES = ("patient",)
NOTED_PATIENTS = 3
NOTED_FROM_YEARS = 45
"""Their notes tell of an operation in 1998."""


def seed(settings: Settings, report: Callable[[str], None]) -> None:
    """Seeds an empty database, once. Refused in production, and where anybody else's patients or accounts are."""
    if settings.environment == "production":
        raise StartupFailed(
            "Synthetic patients are refused in production. Import your own with `almoner import`."
        )
    if settings.app_database_url is None:
        raise StartupFailed("The seed step does not know its database. It is run by `almoner up`.")
    database = connect(settings.app_database_url)
    try:
        are_new = _seed_people(database, settings, report)
        _seed_schedule(database, settings, report)
        _seed_accounts(database, settings, report)
        if are_new:
            _seed_notes(database, settings, report)
    finally:
        database.dispose()


def _seed_people(database: Database, settings: Settings, report: Callable[[str], None]) -> bool:
    """Whether they were loaded now."""
    clock = SystemClock()
    with begin(database, SEEDER, clock, settings.site_time_zone) as work:
        to_load = claim_for_demonstration(work)
    if not to_load:
        report("the synthetic patients are there already")
        return False
    as_of = site_date(clock, settings.site_time_zone)
    people = generate(settings.patients, seed=settings.seed, as_of=as_of, time_zone=settings.site_time_zone)
    loaded = load_resources(database, SEEDER, people)
    seed_orders(database, settings.site_time_zone)
    with begin(database, SEEDER, clock, settings.site_time_zone) as work:
        note_loaded(work)
    report(f"{settings.patients:,} synthetic patients, {loaded.stored:,} resources")
    return True


def _seed_notes(database: Database, settings: Settings, report: Callable[[str], None]) -> None:
    """Notes and plans of the demonstration's clinician, for the first patients of whom no story is told."""
    clinician = next((person for person in demo_people() if person.role == "clinician"), None)
    patient_ids = list(islice(_grown_and_alive(settings), NOTED_PATIENTS))
    if clinician is None or len(patient_ids) < NOTED_PATIENTS:
        return
    with begin(database, SEEDER, SystemClock(), settings.site_time_zone) as work:
        if work.connection.execute(text("SELECT 1 FROM charting.note LIMIT 1")).first():
            return
        found = text("SELECT id FROM access.account WHERE username = :name")
        account_id = work.connection.execute(found, {"name": clinician.username}).scalar_one()
    actor = Actor(
        account_id,
        "user",
        clinician.name,
        (clinician.role,),
        permissions_of([clinician.role]),
        practitioner_id=clinician.practitioner_id,
    )
    with begin(database, actor, SystemClock(), settings.site_time_zone) as work:
        coverage = [(clinician.practitioner_id, clinician.name)] if clinician.practitioner_id else []
        written = write_demonstration_notes(work, patient_ids, coverage)
    report(f"{written} notes")


def _grown_and_alive(settings: Settings) -> Iterator[str]:
    """Patients of whom no story is told, old enough for the history that their notes tell."""
    as_of = site_date(SystemClock(), settings.site_time_zone)
    for index in range(len(stories()), settings.patients):
        person, _ = plan_patient(index, settings.seed, as_of)
        if person.standing == "active" and not person.deceased_on and (person.age or 0) >= NOTED_FROM_YEARS:
            yield person.patient_id


def _seed_schedule(database: Database, settings: Settings, report: Callable[[str], None]) -> None:
    with begin(database, SEEDER, SystemClock(), settings.site_time_zone) as work:
        made = seed_schedule(work, settings.patients)
    report(f"{made} calendars" if made else "the calendars are there already")


def _seed_accounts(database: Database, settings: Settings, report: Callable[[str], None]) -> None:
    people = demo_people()
    with begin(database, SEEDER, SystemClock(), settings.site_time_zone) as work:
        known = set(work.connection.execute(text("SELECT username FROM access.account")).scalars())
        for person in people:
            if person.username not in known:
                create_account(
                    work,
                    username=person.username,
                    display_name=person.name,
                    password=DEMO_PASSWORD,
                    known_to="everybody",
                    roles=[person.role],
                    practitioner_id=person.practitioner_id,
                    patient_id=person.patient_id,
                )
    sign_ins = [
        DemoSignIn(
            app="portal" if person.role in PORTAL_ROLES else "staff",
            role=person.role,
            name=person.name,
            user_name=person.username,
            password=DEMO_PASSWORD,
        )
        for person in people
    ]
    write_demo_sign_ins(settings.state_folder, sign_ins)
    report(f"{len(sign_ins)} demo sign-ins")
