"""Whole records through flatten: the population's answer key, and the Synthea patients that no one here wrote."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from datetime import date

import duckdb
import pytest

from data_contracts.guidelines import definitions
from data_contracts.tables import TABLES
from ehr_core.population import answer_key, generate
from pipelines import gaps, measures, recommendations
from pipelines.flatten import flatten
from tests.lib.shared_data import shared_data

AS_OF = date(2026, 11, 22)
SYNTHEA_AS_OF = date(2018, 1, 1)
PEOPLE, SEED, ZONE = 500, 2026, "America/New_York"


def evaluated(lines: dict[str, list[bytes]], as_of: date) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    flatten(connection, lines, key_id="test-key", site_time_zone=ZONE)
    recommendations.evaluate(connection, as_of=as_of)
    gaps.derive(connection, as_of=as_of)
    measures.evaluate(connection, as_of=as_of)
    return connection


@pytest.fixture(scope="module")
def panel() -> duckdb.DuckDBPyConnection:
    lines = defaultdict(list)
    for resource_type, line in generate(PEOPLE, seed=SEED, as_of=AS_OF, time_zone=ZONE):
        lines[resource_type].append(line)
    return evaluated(lines, AS_OF)


@pytest.fixture(scope="module")
def synthea() -> duckdb.DuckDBPyConnection:
    lines = defaultdict(list)
    for path in sorted(shared_data("synthea-r4").glob("*.json.gz")):
        text = gzip.decompress(path.read_bytes()).decode()
        for entry in json.loads(text)["entry"]:
            resource = entry["resource"]
            text = text.replace(entry["fullUrl"], f"{resource['resourceType']}/{resource['id']}")
        for entry in json.loads(text)["entry"]:
            lines[entry["resource"]["resourceType"]].append(json.dumps(entry["resource"]).encode())
    return evaluated(lines, SYNTHEA_AS_OF)


def statuses(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        "SELECT patient_key, recommendation_id, status FROM recommendation_results"
    ).fetchall()
    return {(patient, topic): status for patient, topic, status in rows}


def test_the_answers_are_those_of_the_answer_key(panel):
    found = statuses(panel)
    expected = {
        (line.patient_id, line.recommendation_id): line.status
        for line in answer_key(PEOPLE, seed=SEED, as_of=AS_OF)
    }
    differences = {
        key: (status, found.get(key)) for key, status in expected.items() if found.get(key) != status
    }
    assert not differences


def test_every_synthea_patient_alive_has_an_answer_to_every_topic(synthea):
    people = synthea.execute(
        "SELECT count(*) FROM patient WHERE deceased IS DISTINCT FROM TRUE AND deceased_low IS NULL"
    ).fetchone()[0]
    counted = Counter(topic for _, topic in statuses(synthea))
    assert counted == dict.fromkeys(definitions(), people)


@pytest.mark.parametrize(
    ("topic", "status"),
    [
        ("blood_pressure_control", "above_goal"),
        ("glycemic_control", "up_to_date"),
        ("colorectal_cancer_screening", "up_to_date"),
        ("influenza_immunization", "up_to_date"),
        ("kidney_health_diabetes", "up_to_date"),
        ("statin_therapy", "up_to_date"),
        ("tobacco_screening", "up_to_date"),
    ],
)
def test_synthea_patients_get_real_answers(synthea, topic, status):
    assert status in {found for (_, asked), found in statuses(synthea).items() if asked == topic}


@pytest.mark.parametrize("table", ["recommendation_results", "measure_results", "care_gaps"])
def test_results_keep_their_contract(panel, table):
    contract = TABLES[table]
    keys = ", ".join(contract.key)
    rows, distinct = panel.execute(
        f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM (SELECT DISTINCT {keys} FROM {table}))"
    ).fetchone()
    assert rows == distinct > 0
    for column in contract.columns:
        if column.values:
            listed = ", ".join(f"'{value}'" for value in column.values)
            wrong = panel.execute(
                f"SELECT count(*) FROM {table} WHERE {column.name} NOT IN ({listed})"
            ).fetchone()[0]
            assert wrong == 0, column.name
