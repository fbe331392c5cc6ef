"""Whatever is edited and whatever day it becomes: what the instant path holds is what a whole night says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.db.database import connect
from ehr_core.kernel.clock import site_date
from ehr_core.population import generate
from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from pipelines.run.nightly import nightly
from pipelines.run.worker import Worker
from tests.integration.loop.panel import HELD
from tests.integration.loop.random_edits import ACTS, UNKNOWN_MODIFIER, Edit, make
from tests.integration.loop.records import AS_OF, ZONE
from tests.lib.api import RunningApi, running_api
from tests.lib.postgres import app_url_of, fresh_database

LOADER = Actor("service:test-load", "service", "Test load", (), frozenset({"fhir.write"}))
PEOPLE = 12
NEXT_LOOK = "SELECT patient_id, next_change_on FROM care_gaps.measured_patient ORDER BY patient_id"
edit = st.builds(Edit, st.sampled_from([*ACTS, "days pass"]), st.integers(0, 2**31))
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def after_a_night(postgres_server, template_database, state) -> Iterator[str]:
    """The name of a database with a dozen people whom one night has measured."""
    with fresh_database(postgres_server, template=template_database) as url:
        database = connect(app_url_of(url))
        lines = generate(PEOPLE, seed=2026, as_of=AS_OF, time_zone=ZONE)
        load_resources(database, LOADER, lines, processes=1, site_time_zone=ZONE)
        with running_api(database, state) as api:
            run_night(api)
        database.dispose()
        yield url.rpartition("/")[2].partition("?")[0]


def run_night(api: RunningApi) -> None:
    """The nightly run through the client; exports are made by a thread, as in the API's own process."""
    over = threading.Event()

    def export() -> None:
        while not over.wait(0.02):
            api.app.state.bulk_runner.run_one()

    exporter = threading.Thread(target=export, daemon=True)
    exporter.start()
    try:
        today = site_date(api.clock, ZONE)
        nightly(api.service("pipeline"), api.parts.settings, as_of=today, deep_checks=False)
    finally:
        over.set()
        exporter.join()


def catch_up(api: RunningApi) -> None:
    """The worker's own work until nothing waits."""
    worker = Worker(api.service("remeasure"), ZONE, 0.01)
    while worker.work_once():
        continue


def held(api: RunningApi) -> dict[str, list[tuple]]:
    with api.work() as work:
        today = site_date(api.clock, ZONE)
        return {
            name: [tuple(row) for row in work.connection.execute(text(said), {"today": today})]
            for name, said in HELD.items()
        }


@settings(max_examples=2, deadline=None, suppress_health_check=SUPPRESSED)
@given(edits=st.lists(edit, min_size=6, max_size=8))
def test_a_night_changes_nothing_that_the_instant_path_has_measured(
    edits, postgres_server, after_a_night, state
):
    assert_a_night_changes_nothing(edits, postgres_server, after_a_night, state)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=40, deadline=None, suppress_health_check=SUPPRESSED)
@given(edits=st.lists(edit, min_size=3, max_size=25))
def test_no_number_of_edits_makes_the_night_say_anything_else(edits, postgres_server, after_a_night, state):
    assert_a_night_changes_nothing(edits, postgres_server, after_a_night, state)


@pytest.mark.parametrize("act", [pytest.param(act, marks=pytest.mark.long) for act in ACTS])
def test_each_kind_of_edit_alone_is_measured_alike(act, postgres_server, after_a_night, state):
    assert_a_night_changes_nothing(
        [Edit(act, seed) for seed in range(12)], postgres_server, after_a_night, state
    )


@pytest.mark.long
def test_who_is_deleted_is_withdrawn_at_once_whatever_of_the_record_nobody_can_read(
    postgres_server, after_a_night, state
):
    """A line with a meaning that nobody can judge stays behind when the person is deleted."""
    acts = ("spoil", "spoil", "record a result", "remove a person")
    edits = [Edit(act, 137925) for act in acts]
    assert_a_night_changes_nothing(edits, postgres_server, after_a_night, state)


@pytest.mark.long
def test_a_change_that_touches_no_tier_leaves_the_day_on_which_time_changes_one(
    postgres_server, after_a_night, state
):
    acts = (
        ("days pass", 13310),
        ("prescribe", 0),
        ("record a result", 0),
        ("record a result", 0),
        ("visit", 0),
    )
    edits = [Edit(act, seed) for act, seed in acts]
    assert_a_night_changes_nothing(edits, postgres_server, after_a_night, state)


def assert_a_night_changes_nothing(
    edits: Sequence[Edit], server: str, after_a_night: str, state: Path
) -> None:
    with fresh_database(server, template=after_a_night) as url:
        database = connect(app_url_of(url))
        try:
            with running_api(database, state) as api:
                for edit in edits:
                    make(api, edit)
                    if edit.seed % 3 == 0:
                        catch_up(api)
                catch_up(api)
                instant, looked_at_again_on = held(api), next_looks(api)
                run_night(api)
                assert instant == held(api)
                assert all(instant.values())
                assert_never_later(looked_at_again_on, next_looks(api))
        finally:
            database.dispose()


def next_looks(api: RunningApi) -> dict[str, date | None]:
    with api.work() as work:
        return dict(tuple(row) for row in work.connection.execute(text(NEXT_LOOK)))


def assert_never_later(instant: Mapping[str, date | None], nightly: Mapping[str, date | None]) -> None:
    """The minute may look at somebody too early, after an answer about a part of the record; never too late."""
    never = date.max
    assert instant.keys() == nightly.keys()
    for patient_id, day in nightly.items():
        assert (instant[patient_id] or never) <= (day or never)


def test_a_record_that_de_identification_refuses_keeps_its_answers_and_says_that_it_was_not_checked(
    postgres_server, after_a_night, state
):
    with fresh_database(postgres_server, template=after_a_night) as url:
        database = connect(app_url_of(url))
        try:
            with running_api(database, state) as api:
                before = held(api)
                patient_id = before["gaps"][0][0]
                with api.work() as work:
                    body = json.loads(Store(work).read("Patient", patient_id).body)
                    spoiled = {**body, "modifierExtension": [UNKNOWN_MODIFIER]}
                    Store(work).update("Patient", patient_id, spoiled)
                for _ in range(3):
                    catch_up(api)
                    api.clock.instant += timedelta(minutes=10)
                after = held(api)
                assert after["gaps"] == before["gaps"]
                judged = [flag for flag in after["flags"] if flag[0] == patient_id and flag[4]]
                assert not any(flag[6] for flag in judged), "measured by half a record"
                staff = api.signed_in("okafor", "clinician")
                assert staff.care_gaps.of_patient(patient_id).unavailable
        finally:
            database.dispose()
