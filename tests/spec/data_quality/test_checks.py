"""Data checks by table: a record with the defect is found, one beside it that has none is not, and unknown stays so."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from data_contracts.data_quality import data_checks, described_check
from data_contracts.data_requirements import own_needs
from data_contracts.expectations import check_tables
from data_contracts.tables.data_quality import DATA_QUALITY_TABLES
from pipelines.data_quality import RECORDS_A_CHECK, find_defects
from pipelines.data_quality.checking import DEFECTIVE, look_at
from tests.lib.flat_tables import KEY_ID, FlatTables
from tests.spec.data_quality.planted import A1C, DAY, DIABETES, PLANTED

AS_OF = date(2026, 11, 22)
ANN, BOB = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def kept() -> FlatTables:
    return FlatTables()


@pytest.fixture
def tables(kept) -> FlatTables:
    return kept.empty()


def looked(tables: FlatTables, check_id: str):
    tables.connection.execute(DEFECTIVE)
    return look_at(tables.connection, data_checks()[check_id], AS_OF)


@pytest.mark.parametrize("check_id", sorted(PLANTED))
def test_the_defect_is_found_once_and_the_sound_record_beside_it_is_not(tables, check_id):
    with_defect, sound = PLANTED[check_id]
    sound(tables, ANN)
    alone = looked(tables, check_id)
    assert (alone.outcome, alone.failing) == ("ran", 0)
    with_defect(tables, BOB)
    found = looked(tables, check_id)
    assert (found.outcome, found.failing) == ("ran", 1)
    assert found.checked > found.failing
    (record,) = tables.connection.execute("SELECT patient_key, check_id FROM defective").fetchall()
    assert record == (BOB, check_id)


def test_every_check_of_records_has_a_planted_defect():
    of_records = {one.id for one in data_checks().values() if one.failing}
    assert of_records == PLANTED.keys()


def test_where_there_is_nothing_to_check_nothing_is_counted_and_certainly_not_zero(tables):
    for check in data_checks().values():
        found = looked(tables, check.id)
        assert (found.outcome, found.failing, found.checked) == ("nothing_to_check", None, None), check.id


def test_a_check_that_breaks_down_is_unknown_and_the_others_go_on(tables):
    tables.patient(ANN, born=None)
    with duckdb.connect() as broken:
        broken.execute("SET TimeZone = 'UTC'")
        for name in ("patient",):
            rows = tables.connection.sql(f"SELECT * FROM {name}").to_arrow_table()
            broken.register("rows", rows)
            broken.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
        findings = find_defects(broken, own_needs(), key_id=KEY_ID, as_of=AS_OF, unreadable={})
    by_id = {one.check.id: one for one in findings}
    assert (by_id["birth_date_missing"].failing, by_id["birth_date_missing"].checked) == (1, 1)
    assert by_id["visit_without_a_day"].outcome == "could_not_run"
    assert by_id["visit_without_a_day"].failing is None


@pytest.mark.parametrize(
    ("newest", "silent", "is_defect"),
    [("2026-11-22", 0, False), ("2026-11-15", 7, False), ("2026-11-14", 8, True), ("2025-01-01", 28, True)],
)
def test_a_feed_is_stale_when_more_days_than_usual_have_passed_without_news(
    tables, newest, silent, is_defect
):
    tables.fact("observation", A1C, newest, patient=ANN)
    tables.fact("observation", A1C, "2027-05-01", patient=ANN)
    found = looked(tables, "results_fresh")
    assert (found.failing, found.checked, found.newest_on) == (silent, 28, date.fromisoformat(newest))
    assert found.is_defect is is_defect


def made(tables: FlatTables, needs=None, unreadable=None):
    for table in DATA_QUALITY_TABLES:
        tables.connection.execute(f"DROP TABLE IF EXISTS {table.name}")
    connection = tables.connection
    needs = own_needs() if needs is None else needs
    find_defects(connection, needs, key_id=KEY_ID, as_of=AS_OF, unreadable=unreadable or {})
    names = [table.name for table in DATA_QUALITY_TABLES]
    breaches = check_tables(connection, names, as_of=AS_OF, great_expectations=False)
    assert [one for one in breaches if one.column != "evidence_key"] == [], "keys here are names for the eye"
    touched: dict[str, dict[str, tuple]] = {}
    for check, measure, records, reads in connection.execute(
        "SELECT check_id, measure_id, records, reads FROM data_quality_touches"
    ).fetchall():
        touched.setdefault(check, {})[measure] = (records, reads)
    return touched


def test_a_defect_touches_the_measures_that_read_its_type_its_codes_and_its_element(tables):
    tables.patient(ANN, race="2106-3", ethnicity="2186-5")
    tables.number(A1C, DAY, "7.1", None, patient=ANN)
    tables.number("loinc|2085-9", DAY, "50", None, patient=ANN)
    touched = made(tables)
    assert touched["number_without_a_unit"] == {"glycemic_control": (1, "hba1c")}, "no measure reads HDL"


def test_what_spoils_a_day_touches_whoever_reads_the_day_and_what_spoils_a_value_does_not(tables):
    tables.patient(ANN, race="2106-3", ethnicity="2186-5")
    tables.fact("observation", "loinc|85354-9", None, patient=ANN)
    touched = made(tables)
    assert touched["result_without_a_day"] == {"blood_pressure_control": (1, "blood_pressure")}
    assert "number_without_a_unit" not in touched


def test_a_missing_birth_date_touches_every_measure_and_a_missing_sex_those_of_one_sex(tables):
    tables.patient(ANN, born=None, sex=None, race=None, ethnicity="2186-5")
    touched = made(tables)
    assert touched["birth_date_missing"].keys() == {need.measure_id for need in own_needs()}
    assert touched["sex_missing"].keys() == {"breast_cancer_screening", "cervical_cancer_screening"}
    assert "race_missing" not in touched


def test_a_record_without_a_mapped_code_touches_any_measure_of_its_type_and_says_that_it_cannot_tell_which(
    tables,
):
    tables.patient(ANN, race="2106-3", ethnicity="2186-5")
    PLANTED["vaccination_unmapped"][0](tables, ANN)
    touched = made(tables)["vaccination_unmapped"]
    assert touched.keys() == {"influenza_immunization", "pneumococcal_immunization"}
    assert {records for records, _ in touched.values()} == {None}


def test_lines_that_could_not_be_read_are_told_by_type_with_all_that_came(tables):
    tables.patient(ANN, race="2106-3", ethnicity="2186-5")
    touched = made(tables, unreadable={"Immunization": (2, 90), "Observation": (0, 700), "Flag": (0, 0)})
    rows = tables.connection.execute(
        "SELECT check_id, failing, checked FROM data_quality_findings WHERE starts_with(check_id, 'unreadable_')"
    ).fetchall()
    assert sorted(rows) == [("unreadable_Immunization", 2, 90), ("unreadable_Observation", 0, 700)]
    assert "influenza_immunization" in touched["unreadable_Immunization"]
    assert described_check("unreadable_Immunization").title == "Immunization lines that could not be read"


def test_all_defects_are_counted_and_only_some_records_told_of_many_people_before_many_of_one(tables):
    tables.patient(ANN, race="2106-3", ethnicity="2186-5")
    for _ in range(RECORDS_A_CHECK + 20):
        tables.fact("condition", DIABETES, None, patient=ANN)
    tables.fact("condition", DIABETES, None, patient=BOB)
    tables.patient(BOB, race="2106-3", ethnicity="2186-5")
    made(tables)
    failing, told, people = tables.connection.execute(
        "SELECT (SELECT failing FROM data_quality_findings WHERE check_id = 'problem_without_a_day'), count(*), "
        "count(DISTINCT patient_key) FROM data_quality_records WHERE check_id = 'problem_without_a_day'"
    ).fetchall()[0]
    assert (failing, told, people) == (RECORDS_A_CHECK + 21, RECORDS_A_CHECK, 2)


def test_planted_together_each_defect_is_found_once_and_nothing_else(tables):
    """Each in people of its own; what one defect makes of another check's denominators is no defect."""
    for number, (_, plants) in enumerate(sorted(PLANTED.items())):
        for place, plant in enumerate(plants):
            who = f"{2 * number + place:032x}"
            plant(tables, who)
            if not tables.connection.execute("SELECT 1 FROM patient WHERE patient_key = ?", [who]).fetchall():
                tables.patient(who, race="2106-3", ethnicity="2186-5")
    made(tables)
    found = dict(
        tables.connection.execute(
            "SELECT check_id, failing FROM data_quality_findings WHERE kind <> 'freshness'"
        ).fetchall()
    )
    assert found == dict.fromkeys(PLANTED, 1)
