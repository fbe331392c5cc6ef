"""Whatever is edited and whatever day it becomes: the minute's official answers are those of a whole night."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ehr_core.db.database import connect
from pipelines.run.importing import import_package, judge
from tests.integration.loop.panel import Panel, panel_of
from tests.integration.loop.random_edits import ACTS, Edit, make
from tests.integration.official.house import cases_of, import_measures, site
from tests.lib.elm import op
from tests.lib.elm_package import adults, library, small_package, written
from tests.lib.postgres import app_url_of, fresh_database
from tests.lib.served_api import served_api

pytestmark = pytest.mark.long

MEASURES = ("CMS122", "CMS951", "CMS124", "CMS165")
NOW_IN_FORCE = "period_begin <= :today AND period_end >= :today"
HELD = {
    "flags": "SELECT patient_id, measure_id, measure_version, period_begin, evaluable, initial_population, "
    "denominator, denominator_exclusion, denominator_exception, numerator, exclusion_reason, "
    "unmet_condition, population_counts, "
    "evidence_type, evidence_id, evidence_on, evidence_value, evidence_sensitivity, next_change_on, "
    "array_to_string(rests_also_on_ids, ',') "
    f"FROM quality.measure_flag WHERE official AND {NOW_IN_FORCE} ORDER BY 1, 2",
    "facts": "SELECT patient_id, measure_id, population, definition, holds, facts_found, evidence_type, evidence_id, "
    "evidence_on, evidence_code, evidence_value, evidence_sensitivity FROM quality.measure_evidence "
    "WHERE period_begin = CAST(date_trunc('year', CAST(:today AS date)) AS date) ORDER BY 1, 2, 3, 4, 7, 8",
    "gaps": "SELECT patient_id, source_id, computed_status, gap_kind, reason_code, due_on, evidence_id, "
    "evidence_sensitivity, next_change_on, array_to_string(rests_also_on_ids, ',') "
    "FROM care_gaps.gap WHERE present AND source_kind = 'measure' ORDER BY 1, 2",
    "cells": "SELECT measure_id, period_begin, stratum_kind, stratum_value, initial_population, denominator, numerator "
    "FROM quality.summary_cell WHERE measure_id LIKE 'CMS%' AND initial_population > 0 ORDER BY 1, 2, 3, 4",
}
edit = st.builds(Edit, st.sampled_from([*ACTS, "days pass"]), st.integers(0, 2**31))
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SEARCH = (Phase.explicit, Phase.generate)
"""A failing example is told as it is: making it smaller would take many nights."""


def held(panel: Panel) -> dict[str, list[tuple]]:
    rows = {
        name: panel.rows(statement, today=panel.today) if ":today" in statement else panel.rows(statement)
        for name, statement in HELD.items()
    }
    return {name: [tuple(row.values()) for row in found] for name, found in rows.items()}


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def after_a_night(postgres_server, template_database, state) -> Iterator[str]:
    """The name of a database with published cases and generated people whom one night has measured."""
    with fresh_database(postgres_server, template=template_database) as url:
        database = connect(app_url_of(url))
        cases = [case for name in MEASURES for case in cases_of(name)[:6]]
        with site(database, state, cases, generated=4) as panel:
            import_measures(panel, *MEASURES)
            panel.night()
        database.dispose()
        yield url.rpartition("/")[2].partition("?")[0]


@settings(max_examples=1, phases=SEARCH, deadline=None, suppress_health_check=SUPPRESSED)
@given(edits=st.lists(edit, min_size=5, max_size=8))
def test_a_night_changes_no_official_answer_that_the_minute_gave(
    edits, postgres_server, after_a_night, state
):
    assert_a_night_changes_nothing(edits, postgres_server, after_a_night, state)


@pytest.mark.timeout(1800)
@settings(max_examples=30, phases=SEARCH, deadline=None, suppress_health_check=SUPPRESSED)
@given(edits=st.lists(edit, min_size=3, max_size=25))
def test_no_number_of_edits_makes_the_night_say_otherwise(edits, postgres_server, after_a_night, state):
    assert_a_night_changes_nothing(edits, postgres_server, after_a_night, state)


def assert_a_night_changes_nothing(
    edits: Sequence[Edit], server: str, after_a_night: str, state: Path
) -> None:
    with fresh_database(server, template=after_a_night) as url:
        database = connect(app_url_of(url))
        try:
            with served_api(database, state) as api:
                panel = Panel(api)
                assert all(held(panel).values())
                for one in edits:
                    make(api, one)
                    if one.seed % 3 == 0:
                        panel.minutes()
                panel.minutes()
                instant = held(panel)
                panel.night()
                assert instant == held(panel)
        finally:
            database.dispose()


BIRTHDAYS = ("2008-02-29", "2010-02-28", "2010-01-01", "2009-12-31", "2010-03-01", "1990-06-15")
moves = st.lists(st.sampled_from((1, 1, 2, 28, 60)), min_size=3, max_size=5)


@settings(max_examples=4, phases=SEARCH, deadline=None, suppress_health_check=SUPPRESSED)
@given(days=moves)
def test_time_alone_brings_the_same_by_the_minute_as_by_a_whole_night(
    days, postgres_server, template_database, tmp_path_factory
):
    """A measure that asks the clock how old people are today, over the turn of two years and a 29 February."""
    with fresh_database(postgres_server, template=template_database) as url:
        database = connect(app_url_of(url))
        try:
            folder = tmp_path_factory.mktemp("clock")
            with panel_of(database, folder / "state", 2, now=datetime(2027, 12, 30, 17, tzinfo=UTC)) as panel:
                for number, born in enumerate(BIRTHDAYS):
                    panel.put("Patient", f"born-{number}", active=True, birthDate=born, gender="female")
                import_clock_measure(panel, folder)
                panel.night()
                for moved in days:
                    panel.pass_days(moved)
                    panel.minutes()
                instant = held(panel)
                panel.night()
                assert instant == held(panel)
                assert instant["flags"]
        finally:
            database.dispose()


def import_clock_measure(panel: Panel, folder: Path) -> None:
    """Adults by their age today, not at the end of the period."""
    package = small_package()
    logic = library(statements={"Adults": adults(on=op("Today"))})
    place = written([package[0], logic, *package[2:]], folder / "package")
    import_package(panel.pipeline, judge(place), "clock", activated=True)


def test_on_the_birthday_itself_a_minute_brings_somebody_into_the_measure(database, tmp_path):
    with panel_of(database, tmp_path / "state", 1, now=datetime(2026, 2, 27, 17, tzinfo=UTC)) as panel:
        panel.put("Patient", "leap", active=True, birthDate="2008-02-29", gender="male")
        import_clock_measure(panel, tmp_path)
        panel.night()
        inside = "SELECT initial_population FROM quality.measure_flag WHERE official AND patient_id = 'leap'"
        assert panel.rows(inside) == [{"initial_population": False}]
        panel.pass_days(1)
        panel.minutes()
        assert panel.rows(inside) == [{"initial_population": True}]
