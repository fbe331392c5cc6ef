"""De-identification changes no answer: computed from the identified record and from `limited`, person by person, alike.

The road of identified lines exists in this test alone. Everything else is the pipeline's own: the same flatten, the
same definitions. The keys of one side are turned into those of the other, and then nothing may differ, evidence and
its key included.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

import duckdb
import pytest

from data_contracts.tables.results import RESULT_TABLES
from ehr_core.kernel.pseudonym import derive_key
from ehr_core.population import generate
from ehr_core.store.references import rewrite
from pipelines import gaps, measures, recommendations
from pipelines.deidentify import Deidentifier, load_profile
from pipelines.flatten import flatten
from pipelines.write_back import derive_strata
from tests.integration.doors.records import AS_OF, ZONE, rows, synthea_files

KEY = derive_key("7e" * 32, "limited-1")
HALF_A_YEAR = timedelta(days=183)
"""Until a day on which other answers hold: a new influenza season, another year, half of the intervals lapsed."""

PEOPLE = [pytest.param(120, id="some"), pytest.param(1500, id="many", marks=pytest.mark.long)]
Lines = dict[str, list[bytes]]


def generated(people: int) -> Lines:
    return by_type(generate(people, seed=17, as_of=AS_OF, time_zone=ZONE))


def synthea() -> Lines:
    """As the store would export them: the references of a transaction bundle resolved."""
    return by_type(entry for path in synthea_files() for entry in entries(path))


def entries(path) -> Iterable[tuple[str, bytes]]:
    bundle = json.loads(gzip.decompress(path.read_bytes()))["entry"]
    targets = {one["fullUrl"]: f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle}
    for one in bundle:
        yield one["resource"]["resourceType"], rewrite(json.dumps(one["resource"]).encode(), targets.get)


def by_type(found: Iterable[tuple[str, bytes]]) -> Lines:
    """Lines by type, one a resource: Synthea's bundles share some organizations."""
    lines: dict[str, dict[str, bytes]] = defaultdict(dict)
    for kind, line in found:
        lines[kind][json.loads(line)["id"]] = line
    return {kind: list(of_kind.values()) for kind, of_kind in lines.items()}


def flattened(lines: Lines) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    flatten(connection, lines, key_id=KEY.key_id, site_time_zone=ZONE)
    return connection


def limited(lines: Lines) -> Lines:
    scrubber = Deidentifier(load_profile("limited"), KEY)
    return {kind: list(scrubber.scrub_lines(kind, found)) for kind, found in lines.items()}


def evaluate(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    recommendations.evaluate(connection, as_of=as_of)
    measures.evaluate(connection, as_of=as_of)
    gaps.derive(connection, as_of=as_of)
    derive_strata(connection, as_of=as_of)


def under_pseudonyms(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes pseudonyms available to SQL, so that a table of identified keys reads like one of the limited zone."""
    connection.create_function(
        "pseudonym",
        lambda kind, key: KEY.pseudonym(kind, key) if kind and key else None,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
        null_handling="special",
    )
    connection.create_function("named", _named, ["VARCHAR"], "VARCHAR")


def _named(facts: str) -> str:
    """Each Type/id/day of a list under its pseudonym, in the order that they then have."""
    parts = (fact.split("/") for fact in facts.split(","))
    return ",".join(sorted(f"{kind}/{KEY.pseudonym(kind, key)}/{day}" for kind, key, day in parts))


KINDS = {
    "patient_key": "'Patient'",
    "evidence_key": "evidence_type",
    "clinic_key": "'Organization'",
    "clinician_key": "'Practitioner'",
}


def answers(connection: duckdb.DuckDBPyConnection, name: str, *, identified: bool) -> set[tuple]:
    columns = next(table for table in RESULT_TABLES if table.name == name).column_names
    shown = [
        f"named({column})"
        if identified and column == "rests_also_on"
        else f"pseudonym({KINDS[column]}, {column})"
        if identified and column in KINDS
        else f'"{column}"'
        for column in columns
    ]
    return set(rows(connection, f'SELECT {", ".join(shown)} FROM "{name}"'))


def assert_nobody_s_answer_differs(lines: Lines, days: Iterable[date]) -> int:
    """Compares every results table on each day; returns how many answers were compared."""
    compared = 0
    with flattened(lines) as open_side, flattened(limited(lines)) as closed_side:
        under_pseudonyms(open_side)
        for day in days:
            evaluate(open_side, day)
            evaluate(closed_side, day)
            for table in RESULT_TABLES:
                identified = answers(open_side, table.name, identified=True)
                de_identified = answers(closed_side, table.name, identified=False)
                assert identified - de_identified == set(), table.name
                assert de_identified - identified == set(), table.name
                compared += len(identified)
    return compared


@pytest.mark.parametrize("people", PEOPLE)
def test_the_population_gets_the_same_answers_from_the_limited_zone(people):
    assert assert_nobody_s_answer_differs(generated(people), (AS_OF, AS_OF + HALF_A_YEAR)) > 50 * people


def test_synthea_s_people_get_the_same_answers_from_the_limited_zone():
    assert assert_nobody_s_answer_differs(synthea(), (AS_OF, AS_OF - HALF_A_YEAR)) > 40 * 80


@pytest.mark.long
def test_between_two_results_of_one_day_no_key_decides():
    """Without a time of day nothing says which came last; then the higher one counts, whatever the pseudonyms are."""
    lines = [
        {
            "resourceType": "Patient",
            "id": "ana",
            "birthDate": "1972-03-14",
            "gender": "female",
            "active": True,
        },
        {
            "resourceType": "Condition",
            "id": "diabetes",
            "subject": {"reference": "Patient/ana"},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}]},
            "onsetDateTime": "2020-01-01",
        },
        *(a1c(number, value) for number, value in enumerate((7.1, 9.0, 6.8))),
    ]
    given = by_type((line["resourceType"], json.dumps(line).encode()) for line in lines)
    found = set()
    for number in range(12):
        key = derive_key("7e" * 32, f"limited-{number}")
        scrubber = Deidentifier(load_profile("limited"), key)
        closed = {kind: list(scrubber.scrub_lines(kind, of_kind)) for kind, of_kind in given.items()}
        with duckdb.connect() as connection:
            flatten(connection, closed, key_id=key.key_id, site_time_zone=ZONE)
            recommendations.evaluate(connection, as_of=AS_OF, only=["glycemic_control"])
            found |= set(rows(connection, "SELECT status, evidence_value FROM recommendation_results"))
    assert found == {("above_goal", "9.0 %")}


def a1c(number: int, value: float) -> dict:
    return {
        "resourceType": "Observation",
        "id": f"a1c-{number}",
        "status": "final",
        "subject": {"reference": "Patient/ana"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "effectiveDateTime": "2026-11-01",
        "valueQuantity": {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
    }


def test_a_clinical_fact_that_de_identification_lost_would_be_seen():
    """The comparison can fail: without its HbA1c results the limited zone says something else."""
    lines = generated(40)
    poorer = dict(lines)
    poorer["Observation"] = [line for line in lines["Observation"] if b'"4548-4"' not in line]
    assert len(poorer["Observation"]) < len(lines["Observation"])
    with flattened(lines) as whole, flattened(poorer) as poor:
        for side in (whole, poor):
            evaluate(side, AS_OF)
        assert answers(whole, "care_gaps", identified=False) != answers(poor, "care_gaps", identified=False)
