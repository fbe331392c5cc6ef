"""Each kind of broken table is found, and the breach says which table, column, expectation, rows and keys."""

# ruff: noqa: E501 - the cases are a drawn table, one line each

from __future__ import annotations

import duckdb
import pytest

from data_contracts.expectations import Breach, ContractBreached, check_tables, require_sound
from data_contracts.tables import TABLES
from ehr_core.kernel.errors import NotFound
from tests.contract.conftest import AS_OF

SOMEBODY = "patient_key = (SELECT min(patient_key) FROM patient)"
ONE_DONE = "rowid = (SELECT min(rowid) FROM recommendation_results WHERE status = 'up_to_date' AND due_on IS NOT NULL)"
ONE_CLOSED = "rowid = (SELECT min(rowid) FROM care_gaps WHERE computed_status = 'closed')"
ONE_OPEN = "rowid = (SELECT min(rowid) FROM care_gaps WHERE computed_status = 'open')"
ONE_MET = "rowid = (SELECT min(rowid) FROM measure_results WHERE numerator)"
ONE_UNMET = "rowid = (SELECT min(rowid) FROM measure_results WHERE NOT initial_population AND evaluable)"
ONE_OFFICIAL = "rowid = (SELECT min(rowid) FROM official_results WHERE denominator)"
ONE_FACT = "rowid = (SELECT min(rowid) FROM official_evidence WHERE population = 'numerator')"
ONE_ASKED = "rowid = (SELECT min(rowid) FROM official_gaps WHERE computed_status = 'open')"
ONE_READ = "rowid = (SELECT min(rowid) FROM official_records WHERE resource_type = 'Observation')"
ONE_FOUND = "rowid = (SELECT min(rowid) FROM data_quality_findings WHERE failing > 0 AND kind <> 'freshness')"
ONE_TOUCH = "rowid = (SELECT min(rowid) FROM data_quality_touches)"
ONE_RECORD = "rowid = (SELECT min(rowid) FROM data_quality_records)"
ONE_RESULT = "rowid = (SELECT min(rowid) FROM observation WHERE normalised_value IS NOT NULL)"


def breaches(tables: duckdb.DuckDBPyConnection, name: str) -> list[Breach]:
    return check_tables(tables, [name], as_of=AS_OF, great_expectations=False)


# fmt: off
ONE_ROW_BREAKS = [
    # table                    what is broken                                            column                  should …
    ("patient",                f"SET key_id = NULL WHERE {SOMEBODY}",                    "key_id",               "be present"),
    ("patient",                f"SET patient_key = 'mrn-10021' WHERE {SOMEBODY}",        "patient_key",          "be a pseudonym"),
    ("patient",                f"SET replaced_by_key = patient_key WHERE {SOMEBODY}",    "replaced_by_key",      "not be the person's own record"),
    ("patient",                f"SET birth_low = birth_high + 1 WHERE {SOMEBODY}",       "birth_low",            "not lie after birth_high"),
    ("patient",                f"SET birth_precision = 'about' WHERE {SOMEBODY}",        "birth_precision",      "be one of its listed values"),
    ("observation",            f"SET normalised_reason = 'no_unit' WHERE {ONE_RESULT}",  "normalised_reason",    "be absent where the value was normalised"),
    ("observation",            f"SET normalised_unit = NULL WHERE {ONE_RESULT}",         "normalised_unit",      "be present where the value was normalised"),
    ("observation",            f"SET value_text = NULL WHERE {ONE_RESULT}",              "value_text",           "keep the digits as written where there is a number"),
    ("recommendation_results", f"SET status = 'done' WHERE {ONE_DONE}",                  "status",               "be one of its listed values"),
    ("recommendation_results", f"SET reason_code = 'who_knows' WHERE {ONE_DONE}",        "reason_code",          "be a reason that has words for a screen"),
    ("recommendation_results", f"SET evidence_key = NULL WHERE {ONE_DONE}",              "evidence_key",         "be present for an answer that rests on a fact"),
    ("recommendation_results", f"SET evidence_type = NULL WHERE {ONE_DONE}",             "evidence_type",        "be present with evidence_key"),
    ("recommendation_results", f"SET evidence_on = as_of + 1 WHERE {ONE_DONE}",          "evidence_on",          "not lie after as_of"),
    ("recommendation_results", f"SET next_change_on = as_of WHERE {ONE_DONE}",           "as_of",                "lie before next_change_on"),
    ("recommendation_results", f"SET due_on = DATE '2999-01-01' WHERE {ONE_DONE}",       "due_on",               "be a day in a lifetime"),
    ("recommendation_results", f"SET as_of = as_of - 1 WHERE {ONE_DONE}",                "as_of",                "be the day that was asked about"),
    ("measure_results",        f"SET measure_id = 'wishful_thinking' WHERE {ONE_MET}",   "measure_id",           "be a guideline that there is"),
    ("measure_results",        f"SET denominator = FALSE WHERE {ONE_MET}",               "denominator",          "be true where the numerator is"),
    ("measure_results",        f"SET initial_population = FALSE WHERE {ONE_MET}",        "initial_population",   "be true where the denominator is"),
    ("measure_results",        f"SET denominator_exclusion = TRUE WHERE {ONE_MET}",      "numerator",            "be false for the excluded"),
    ("measure_results",        f"SET denominator_exception = TRUE WHERE {ONE_MET}",      "exclusion_reason",     "be present for the excepted"),
    ("measure_results",        f"SET evaluable = FALSE WHERE {ONE_UNMET}",               "not_evaluable_reason", "be present for whoever could not be judged"),
    ("measure_results",        f"SET not_evaluable_reason = 'x' WHERE {ONE_UNMET}",      "not_evaluable_reason", "be absent for whoever could be judged"),
    ("measure_results",        f"SET period_begin = period_end WHERE {ONE_MET}",         "period_begin",         "lie before period_end"),
    ("care_gaps",              f"SET evidence_key = NULL WHERE {ONE_CLOSED}",            "evidence_key",         "be present for a closed gap"),
    ("care_gaps",              f"SET gap_kind = 'due' WHERE {ONE_CLOSED}",               "gap_kind",             "be none where nothing is to be done"),
    ("care_gaps",              f"SET gap_kind = 'none' WHERE {ONE_OPEN}",                "gap_kind",             "say what an open gap wants"),
    ("care_gaps",              f"SET priority = 6 WHERE {ONE_OPEN}",                     "priority",             "be at least 1 and at most 5"),
    ("care_gaps",              f"SET priority = NULL WHERE {ONE_OPEN}",                  "priority",             "be present for an open gap"),
    ("care_gaps",              f"SET computed_status = 'open' WHERE {ONE_CLOSED}",       "source_id",            "be due, met or excluded just as recommendation_results says"),
    ("patient_strata",         f"SET age_band = 'old' WHERE {SOMEBODY}",                 "age_band",             "be one of its listed values"),
    ("official_results",       f"SET initial_population = FALSE WHERE {ONE_OFFICIAL}",   "initial_population",   "be true where the denominator is"),
    ("official_results",       f"SET evaluable = FALSE WHERE {ONE_OFFICIAL}",            "not_evaluable_reason", "be present for whoever could not be judged"),
    ("official_results",       f"SET denominator_exclusion = TRUE WHERE {ONE_OFFICIAL}", "exclusion_reason",     "be present for the excluded"),
    ("official_results",       f"SET as_of = as_of - 1 WHERE {ONE_OFFICIAL}",            "as_of",                "be the day that was asked about"),
    ("official_evidence",      f"SET population = 'everybody' WHERE {ONE_FACT}",         "population",           "be one of its listed values"),
    ("official_evidence",      f"SET evidence_key = 'obs-17' WHERE {ONE_FACT}",          "evidence_key",         "be a pseudonym"),
    ("official_evidence",      f"SET facts_found = 0 WHERE {ONE_FACT}",                  "facts_found",          "be at least 1"),
    ("official_gaps",          f"SET source_kind = 'recommendation' WHERE {ONE_ASKED}",  "source_kind",          "be that of a measure"),
    ("official_gaps",          f"SET priority = NULL WHERE {ONE_ASKED}",                 "priority",             "be present for an open gap"),
    ("official_value_sets",    "SET codes = 0",                                          "codes",                "be at least 1"),
    ("official_reads",         "SET is_there = FALSE WHERE resource_type = 'Patient'",   "is_there",             "hold the lines that de-identification let pass"),
    ("official_records",       f"SET said_type = 'Flag' WHERE {ONE_READ}",               "said_type",            "be the type whose file holds the record"),
    ("data_quality_findings",  f"SET failing = NULL WHERE {ONE_FOUND}",                  "failing",              "be counted where the check ran"),
    ("data_quality_findings",  f"SET outcome = 'could_not_run' WHERE {ONE_FOUND}",       "failing",              "be unknown where the check did not run"),
    ("data_quality_touches",   f"SET check_id = 'nothing' WHERE {ONE_TOUCH}",            "check_id",             "name a check that found something"),
    ("data_quality_records",   f"SET patient_key = repeat('0', 32) WHERE {ONE_RECORD}",  "patient_key",          "name a row of patient that is there"),
]
# fmt: on


@pytest.mark.parametrize(("table", "broken", "column", "should"), ONE_ROW_BREAKS)
def test_one_broken_row_is_found_and_named(tables, table, broken, column, should):
    tables.execute(f"UPDATE {table} {broken}")
    found = [
        breach
        for breach in breaches(tables, table)
        if (breach.column, breach.expectation) == (column, should)
    ]
    assert [breach.rows_failing for breach in found] == [1]


def test_results_without_any_fact_behind_them_are_a_broken_night(tables):
    tables.execute("DELETE FROM official_evidence")
    (breach,) = breaches(tables, "official_results")
    assert (breach.column, breach.rows_failing) == (
        "denominator",
        tables.execute("SELECT count(*) FROM official_results WHERE denominator").fetchall()[0][0],
    )


def test_the_sample_keys_are_those_of_the_failing_rows(tables):
    tables.execute(f"UPDATE observation SET normalised_unit = NULL WHERE {ONE_RESULT}")
    (key,) = tables.execute(f"SELECT resource_key FROM observation WHERE {ONE_RESULT}").fetchall()
    (breach,) = breaches(tables, "observation")
    assert breach.sample_keys == key


def test_at_most_five_keys_are_given_whatever_the_count(tables):
    tables.execute("UPDATE care_gaps SET as_of = as_of - 1")
    breach = next(found for found in breaches(tables, "care_gaps") if found.column == "as_of")
    assert breach.rows_failing == tables.execute("SELECT count(*) FROM care_gaps").fetchall()[0][0] > 5
    assert len(breach.sample_keys) == 5


def test_a_doubled_row_is_found_with_both_rows_counted(tables):
    tables.execute(f"INSERT INTO care_gaps SELECT * FROM care_gaps WHERE {ONE_OPEN}")
    (breach,) = breaches(tables, "care_gaps")
    assert (breach.column, breach.expectation) == (
        "source_id",
        "be unique together with patient_key, source_kind",
    )
    assert breach.rows_failing == 2
    assert len(breach.sample_keys) == 1


def test_a_coding_without_its_resource_is_found(tables):
    tables.execute("DELETE FROM procedure WHERE resource_key = (SELECT min(resource_key) FROM procedure)")
    (breach,) = breaches(tables, "procedure_coding")
    assert (breach.column, breach.expectation) == ("resource_key", "name a row of procedure that is there")


def test_a_result_about_nobody_is_found(tables):
    tables.execute(f"DELETE FROM patient WHERE {SOMEBODY}")
    for name in ("recommendation_results", "measure_results"):
        expectations = {(breach.column, breach.expectation) for breach in breaches(tables, name)}
        assert ("patient_key", "name a row of patient that is there") in expectations


def test_a_person_who_was_dropped_is_found(tables):
    tables.execute(
        "DELETE FROM recommendation_results WHERE patient_key = (SELECT min(patient_key) FROM recommendation_results)"
    )
    (breach,) = breaches(tables, "recommendation_results")
    assert breach.expectation == "leave out nobody who is alive, active and not merged away"


def test_an_unanswered_topic_is_found(tables):
    tables.execute(
        "DELETE FROM recommendation_results WHERE rowid = (SELECT min(rowid) FROM recommendation_results)"
    )
    (breach,) = breaches(tables, "recommendation_results")
    assert (breach.column, breach.expectation) == (
        "recommendation_id",
        "be answered for every person who has an answer to any",
    )


def test_a_gap_of_somebody_who_died_is_found(tables):
    tables.execute(
        "UPDATE patient SET deceased = TRUE WHERE patient_key = (SELECT min(patient_key) FROM care_gaps)"
    )
    expectations = [breach.expectation for breach in breaches(tables, "care_gaps")]
    assert expectations == ["name somebody who is alive, active and not merged away"]


def test_a_conversion_that_stopped_working_is_found(tables):
    tables.execute(
        "UPDATE observation SET normalised_value = NULL, normalised_unit = NULL, normalised_reason = 'unknown_unit'"
    )
    (breach,) = breaches(tables, "observation")
    assert breach.column == "normalised_value"
    assert "HbA1c" in breach.expectation


def test_a_missing_column_is_found(tables):
    tables.execute("ALTER TABLE care_gaps DROP COLUMN due_on")
    rows = tables.execute("SELECT count(*) FROM care_gaps").fetchall()[0][0]
    assert Breach("care_gaps", "due_on", "be a column of the table", rows) in breaches(tables, "care_gaps")


def test_a_wrong_type_is_found_and_stops_no_other_check(tables):
    tables.execute("ALTER TABLE measure_results ALTER COLUMN period_end TYPE VARCHAR")
    tables.execute(f"UPDATE measure_results SET denominator = FALSE WHERE {ONE_MET}")
    found = {(breach.column, breach.expectation) for breach in breaches(tables, "measure_results")}
    assert ("period_end", "be of type date (DATE)") in found
    assert ("denominator", "be true where the numerator is") in found


def test_a_column_that_the_contract_does_not_know_is_found(tables):
    """It could hold anything: a name, a number, a note."""
    tables.execute("ALTER TABLE patient ADD COLUMN family_name VARCHAR DEFAULT 'Whitcombe'")
    (breach,) = breaches(tables, "patient")
    assert breach.expectation == "have no columns beyond its contract (1 more)"
    assert "Whitcombe" not in breach.sentence()


def test_a_missing_table_is_found(tables):
    tables.execute("DROP TABLE care_gaps")
    assert breaches(tables, "care_gaps") == [Breach("care_gaps", "*", "be there", 0)]


def test_an_empty_flat_table_is_sound(tables):
    tables.execute("DELETE FROM service_request_coding")
    assert breaches(tables, "service_request_coding") == []


def test_a_few_wrong_recorded_words_do_not_stop_everybody_but_many_do(tables):
    tables.execute(f"UPDATE patient SET sex = 'F' WHERE {SOMEBODY}")
    assert breaches(tables, "patient") == []
    tables.execute("UPDATE patient SET sex = 'F'")
    (breach,) = breaches(tables, "patient")
    assert (breach.column, breach.expectation) == ("sex", "be one of its listed values")


def test_a_few_mistyped_days_do_not_stop_everybody_but_many_do(tables):
    mistyped = "UPDATE patient SET birth_low = DATE '2099-01-01', birth_high = DATE '2099-01-01' WHERE deceased_low IS NULL"
    tables.execute(f"{mistyped} AND {SOMEBODY}")
    assert breaches(tables, "patient") == []
    tables.execute(mistyped)
    (breach,) = breaches(tables, "patient")
    assert (breach.column, breach.expectation) == ("birth_low", "not lie in the far future")


def test_require_sound_returns_the_rows_of_sound_tables(tables):
    rows = require_sound(tables, ["patient", "flag"], as_of=AS_OF, great_expectations=False)
    assert rows == {name: tables.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in rows}
    assert rows["patient"] == 300


def test_require_sound_refuses_with_a_sentence_that_says_what_to_do(tables):
    tables.execute(f"UPDATE care_gaps SET evidence_key = NULL WHERE {ONE_CLOSED}")
    with pytest.raises(ContractBreached) as refused:
        require_sound(tables, ["patient", "care_gaps"], as_of=AS_OF, great_expectations=False)
    (breach,) = refused.value.breaches
    assert (breach.table, breach.column, breach.rows_failing) == ("care_gaps", "evidence_key", 1)
    assert "'care_gaps.evidence_key' should be present for a closed gap: 1 row fails" in refused.value.message
    assert "run again" in refused.value.message
    assert breach.sample_keys[0] in refused.value.message
    assert breach.sample_keys[0] not in refused.value.short


def test_a_table_without_a_contract_is_refused(tables):
    with pytest.raises(NotFound, match="no contract for a table 'patients'"):
        check_tables(tables, ["patients"], as_of=AS_OF)


def test_a_breach_holds_no_value_of_any_column(tables):
    """Every text of a table is one planted word; whatever is wrong, the word is in no breach."""
    for name in ("patient", "observation", "recommendation_results", "measure_results", "care_gaps"):
        for column in TABLES[name].columns:
            if column.type == "text":
                tables.execute(f"UPDATE {name} SET \"{column.name}\" = 'Ana-Reyes-1974'")
        found = check_tables(tables, [name], as_of=AS_OF)
        assert any(breach.expectation == "be a pseudonym" for breach in found)
        assert not any("Ana-Reyes" in breach.sentence() for breach in found)
