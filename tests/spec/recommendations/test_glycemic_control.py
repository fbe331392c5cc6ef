"""Glycemic control: rows in, answer out. HbA1c below 8.0 % within 6 months, in diabetes from 18 to 75."""

from __future__ import annotations

from datetime import date

import pytest

HBA1C = "loinc|4548-4"


def with_diabetes(tables, **patient):
    tables.patient(**patient)
    tables.fact("condition", "icd-10-cm|E11.9", "2015-03-01")


@pytest.mark.parametrize(
    ("on", "value", "status", "reason", "due_on"),
    [
        ("2026-05-01", "7.1", "up_to_date", "at_goal", date(2026, 11, 1)),
        ("2026-05-01", "7.9", "up_to_date", "at_goal", date(2026, 11, 1)),
        ("2026-05-01", "8.0", "above_goal", "above_goal", date(2026, 8, 1)),
        ("2026-05-01", "10.2", "above_goal", "above_goal", date(2026, 8, 1)),
        ("2025-12-16", "7.1", "up_to_date", "at_goal", date(2026, 6, 16)),
        ("2025-12-15", "7.1", "due", "interval_lapsed", date(2026, 6, 15)),
        ("2025-12-15", "10.2", "due", "interval_lapsed", date(2026, 6, 15)),
        ("2026-06-15", "7.1", "up_to_date", "at_goal", date(2026, 12, 15)),
        ("2026-06-16", "7.1", "due", "never_done", None),
    ],
)
def test_the_latest_value_within_six_months_decides(tables, ask, on, value, status, reason, due_on):
    with_diabetes(tables)
    tables.number(HBA1C, on, value, "%", float(value))
    answer = ask("glycemic_control")
    assert (answer["status"], answer["reason_code"], answer["due_on"]) == (status, reason, due_on)


@pytest.mark.parametrize(
    ("first", "second", "status"), [("10.2", "7.1", "up_to_date"), ("7.1", "10.2", "above_goal")]
)
def test_of_two_values_of_the_same_minute_the_one_reported_later_decides(tables, ask, first, second, status):
    with_diabetes(tables)
    taken = {"effective_at": "2026-05-01T15:00:00Z"}
    tables.number(HBA1C, "2026-05-01", second, "%", float(second), issued_at="2026-05-01T15:00:41Z", **taken)
    tables.number(HBA1C, "2026-05-01", first, "%", float(first), issued_at="2026-05-01T15:00:09Z", **taken)
    assert ask("glycemic_control")["status"] == status


def test_the_evidence_names_the_result_and_its_value_as_written(tables, ask):
    with_diabetes(tables)
    key = tables.number(HBA1C, "2026-05-01", "10.20", "%", 10.2)
    answer = ask("glycemic_control")
    assert answer["evidence_key"] == key
    assert answer["evidence_type"] == "Observation"
    assert answer["evidence_on"] == date(2026, 5, 1)
    assert answer["evidence_value"] == "10.20 %"
    assert (answer["evidence_code_system"], answer["evidence_code"]) == ("http://loinc.org", "4548-4")


def test_a_value_in_mmol_per_mol_is_judged_in_percent_and_shown_in_both(tables, ask):
    with_diabetes(tables)
    tables.number("loinc|59261-8", "2026-05-01", "86", "mmol/mol", 10.01928)
    answer = ask("glycemic_control")
    assert answer["status"] == "above_goal"
    assert answer["evidence_value"] == "86 mmol/mol (10.0 %)"


@pytest.mark.parametrize(
    "columns",
    [
        {"unit": None},
        {"unit": "furlong"},
        {"unit": "%", "normalised_reason": "implausible"},
    ],
)
def test_a_value_that_cannot_be_read_is_due_and_never_closed(tables, ask, columns):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-05-01", "6.9", columns.pop("unit"), **columns)
    answer = ask("glycemic_control")
    assert (answer["status"], answer["reason_code"]) == ("due", "unreadable_result")


def test_an_unreadable_newest_value_is_not_hidden_by_an_older_one_at_goal(tables, ask):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-04-01", "6.5", "%", 6.5)
    tables.number(HBA1C, "2026-05-01", "6.9", None)
    assert ask("glycemic_control")["reason_code"] == "unreadable_result"


@pytest.mark.parametrize(
    ("comparator", "value", "status"),
    [(">", "14.0", "above_goal"), ("<", "4.0", "up_to_date"), ("<", "9.0", "due"), (">", "5.0", "due")],
)
def test_a_bound_decides_only_where_it_can(tables, ask, comparator, value, status):
    with_diabetes(tables)
    tables.number(
        HBA1C, "2026-05-01", value, "%", value_comparator=comparator, normalised_reason="comparator"
    )
    assert ask("glycemic_control")["status"] == status


@pytest.mark.parametrize("status", ["preliminary", "registered", "entered-in-error", "cancelled", "unknown"])
def test_a_result_that_is_not_final_is_no_evidence(tables, ask, status):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-05-01", "7.1", "%", 7.1, status=status)
    assert ask("glycemic_control")["reason_code"] == "never_done"


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_a_corrected_result_is_evidence(tables, ask, status):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-05-01", "7.1", "%", 7.1, status=status)
    assert ask("glycemic_control")["status"] == "up_to_date"


def test_an_order_is_no_evidence(tables, ask):
    with_diabetes(tables)
    tables.fact("service_request", HBA1C, "2026-05-01")
    assert ask("glycemic_control")["reason_code"] == "never_done"


def test_a_result_with_only_a_reason_for_its_absence_is_no_evidence(tables, ask):
    with_diabetes(tables)
    tables.fact("observation", HBA1C, "2026-05-01", data_absent_reason="error")
    assert ask("glycemic_control")["reason_code"] == "never_done"


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({}, "due"),
        ({"clinical_status": None, "verification_status": None}, "due"),
        ({"verification_status": "refuted"}, "not_applicable"),
        ({"verification_status": "entered-in-error"}, "not_applicable"),
        ({"verification_status": "provisional"}, "not_applicable"),
        ({"clinical_status": "resolved"}, "not_applicable"),
        ({"abatement_low": "2026-06-15", "abatement_high": "2026-06-15"}, "not_applicable"),
        ({"abatement_low": "2026-06-16", "abatement_high": "2026-06-16"}, "due"),
        ({"onset_low": None, "onset_high": None}, "due"),
        ({"onset_low": "2026-06-16"}, "not_applicable"),
    ],
)
def test_only_confirmed_and_present_diabetes_counts(tables, ask, columns, status):
    tables.patient()
    tables.fact("condition", "icd-10-cm|E11.65", "2015-03-01", **columns)
    assert ask("glycemic_control")["status"] == status


@pytest.mark.parametrize(
    "code", ["icd-10-cm|E08.9", "icd-10-cm|E10.10", "icd-10-cm|E13.9", "snomed|44054006", "snomed|46635009"]
)
def test_any_diabetes_code_counts(tables, ask, code):
    tables.patient()
    tables.fact("condition", code, "2015-03-01")
    assert ask("glycemic_control")["status"] == "due"


def test_a_code_that_merely_looks_alike_does_not_count(tables, ask):
    tables.patient()
    tables.fact("condition", "icd-10-cm|E16.2", "2015-03-01")
    assert ask("glycemic_control")["reason_code"] == "no_condition"


@pytest.mark.parametrize(
    ("born", "status", "reason", "next_change"),
    [
        ("2008-06-15", "due", "never_done", date(2084, 6, 15)),
        ("2008-06-16", "not_applicable", "outside_age", date(2026, 6, 16)),
        ("1950-06-16", "due", "never_done", date(2026, 6, 16)),
        ("1950-06-15", "not_applicable", "outside_age", None),
        (None, "not_evaluable", "missing_birth_date", None),
        (("1970-01-01", "1970-12-31"), "due", "never_done", date(2046, 1, 1)),
        (("2008-01-01", "2008-12-31"), "not_evaluable", "imprecise_birth_date", date(2026, 12, 31)),
    ],
)
def test_age_counts_from_the_birthday_and_a_missing_one_is_said(
    tables, ask, born, status, reason, next_change
):
    with_diabetes(tables, born=born)
    answer = ask("glycemic_control")
    assert (answer["status"], answer["reason_code"]) == (status, reason)
    assert answer["next_change_on"] == next_change


def test_without_diabetes_a_missing_birth_date_changes_nothing(tables, ask):
    tables.patient(born=None)
    assert ask("glycemic_control")["reason_code"] == "no_condition"


@pytest.mark.parametrize(
    "gone",
    [{"deceased": True}, {"deceased_low": "2026-01-01"}, {"active": False}, {"replaced_by_key": "other"}],
)
def test_the_deceased_inactive_and_merged_away_have_no_row(tables, ask, gone):
    with_diabetes(tables, **gone)
    with pytest.raises(AssertionError, match="0 rows"):
        ask("glycemic_control")


def test_sensitivity_is_the_strictest_of_the_facts_that_were_used(tables, ask):
    tables.patient()
    tables.fact("condition", "icd-10-cm|E11.9", "2015-03-01", sensitivity="R")
    tables.number(HBA1C, "2026-05-01", "7.1", "%", 7.1, sensitivity="SEX")
    assert ask("glycemic_control")["evidence_sensitivity"] == "R"


def test_the_day_on_which_time_alone_changes_the_answer_is_given(tables, ask):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-05-01", "7.1", "%", 7.1)
    assert ask("glycemic_control")["next_change_on"] == date(2026, 11, 1)
    assert ask("glycemic_control", as_of="2026-10-31")["status"] == "up_to_date"
    assert ask("glycemic_control", as_of="2026-11-01")["status"] == "due"
