"""What was planted is what the pipeline finds: the answer key against flatten, recommendations and gaps."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import duckdb
import pytest

from ehr_core.population import answer_key, generate, people_without_gaps
from pipelines.flatten import flatten
from pipelines.gaps import derive
from pipelines.recommendations import evaluate

ZONE = "America/New_York"
SEED = 2026

# Today at the demo's time of year, on New Year's Eve, on a leap day, and before the first influenza vaccine.
DAYS = [date(2026, 11, 22), date(2026, 12, 31), date(2028, 2, 29), date(2026, 7, 2)]
EVERY_DAY = [DAYS[0], *(pytest.param(day, marks=pytest.mark.long) for day in DAYS[1:])]


def pipeline(people: int, as_of: date) -> duckdb.DuckDBPyConnection:
    """The population through flatten and recommendations, with its own ids in place of pseudonyms."""
    lines = defaultdict(list)
    for resource_type, line in generate(people, seed=SEED, as_of=as_of, time_zone=ZONE):
        lines[resource_type].append(line)
    connection = duckdb.connect()
    flatten(connection, lines, key_id="test", site_time_zone=ZONE)
    evaluate(connection, as_of=as_of)
    return connection


@pytest.mark.parametrize("as_of", EVERY_DAY)
def test_recommendations_say_what_the_key_says(as_of):
    with pipeline(400, as_of) as connection:
        found = connection.execute(
            "SELECT patient_key, recommendation_id, status FROM recommendation_results"
        ).fetchall()
    answers = {(patient, recommendation): status for patient, recommendation, status in found}
    expected = answer_key(400, seed=SEED, as_of=as_of)
    wrong = [line for line in expected if answers.get(line[:2]) != line.status]
    assert wrong == []


def test_people_who_get_no_gap_get_none_and_others_do():
    as_of = DAYS[0]
    with pipeline(400, as_of) as connection:
        derive(connection, as_of=as_of)
        rows = {patient for (patient,) in connection.execute("SELECT patient_key FROM care_gaps").fetchall()}
    without = {person.patient_id for person in people_without_gaps(400, seed=SEED, as_of=as_of)}
    assert without
    assert not rows & without
    assert len(rows) > 330  # young children have none: nothing is asked for them
