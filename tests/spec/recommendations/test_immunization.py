"""Influenza and pneumococcal vaccines: rows in, answer out."""

from __future__ import annotations

from datetime import date

import pytest

FLU, PNEUMO = "influenza_immunization", "pneumococcal_immunization"


@pytest.mark.parametrize(
    ("on", "as_of", "status", "due_on"),
    [
        ("2025-10-10", "2026-06-30", "up_to_date", date(2026, 9, 1)),
        ("2025-10-10", "2026-07-01", "not_applicable", None),
        ("2025-10-10", "2026-08-31", "not_applicable", None),
        ("2025-10-10", "2026-09-01", "due", date(2026, 9, 1)),
        ("2025-10-10", "2027-06-30", "due", date(2026, 9, 1)),
        ("2025-07-01", "2026-06-30", "up_to_date", date(2026, 9, 1)),
        ("2025-06-30", "2025-09-01", "due", date(2025, 9, 1)),
        ("2026-01-05", "2026-06-15", "up_to_date", date(2026, 9, 1)),
        ("2026-07-10", "2026-07-20", "up_to_date", date(2027, 9, 1)),
    ],
)
def test_a_flu_vaccine_counts_for_its_season(tables, ask, on, as_of, status, due_on):
    tables.patient()
    tables.fact("immunization", "cvx|140", on)
    answer = ask(FLU, as_of)
    assert (answer["status"], answer["due_on"]) == (status, due_on)


@pytest.mark.parametrize(
    ("as_of", "status", "reason", "next_change_on"),
    [
        ("2026-06-30", "due", "never_done", date(2026, 7, 1)),
        ("2026-07-01", "not_applicable", "out_of_season", date(2026, 9, 1)),
        ("2026-08-31", "not_applicable", "out_of_season", date(2026, 9, 1)),
        ("2026-09-01", "due", "never_done", date(2027, 7, 1)),
        ("2027-01-01", "due", "never_done", date(2027, 7, 1)),
    ],
)
def test_nobody_is_asked_to_come_for_a_flu_vaccine_in_july_and_august(
    tables, ask, as_of, status, reason, next_change_on
):
    tables.patient()
    answer = ask(FLU, as_of)
    assert (answer["status"], answer["reason_code"]) == (status, reason)
    assert answer["next_change_on"] == next_change_on


@pytest.mark.parametrize(
    ("born", "as_of", "status"),
    [
        ("2017-10-15", "2026-10-15", "due"),
        ("2017-10-16", "2026-10-15", "not_applicable"),
        ("2026-01-15", "2026-10-15", "not_applicable"),
        ("1930-01-15", "2026-10-14", "due"),
    ],
)
def test_flu_vaccine_from_nine_years_on_because_younger_children_may_need_two(
    tables, ask, born, as_of, status
):
    tables.patient(born=born)
    assert ask(FLU, as_of)["status"] == status


@pytest.mark.parametrize(
    ("topic", "table", "code", "columns", "status"),
    [
        (FLU, "allergy", "cvx|140", {}, "excluded"),
        (FLU, "allergy", "rxnorm|5806", {}, "excluded"),
        (FLU, "allergy", "rxnorm|5806", {"verification_status": "refuted"}, "due"),
        (FLU, "allergy", "rxnorm|106467", {}, "due"),
        (FLU, "condition", "icd-10-cm|Z88.7", {}, "excluded"),
        (FLU, "condition", "icd-10-cm|T80.52XA", {"clinical_status": "resolved"}, "excluded"),
        (FLU, "condition", "icd-10-cm|Z91.012", {}, "due"),
        (PNEUMO, "allergy", "cvx|216", {}, "excluded"),
        (PNEUMO, "allergy", "rxnorm|106467", {"recorded_low": None}, "excluded"),
        (PNEUMO, "allergy", "cvx|140", {}, "due"),
        (PNEUMO, "condition", "icd-10-cm|Z28.04", {}, "excluded"),
    ],
)
def test_an_allergy_to_the_vaccine_is_never_answered_with_a_reminder(
    tables, ask, topic, table, code, columns, status
):
    tables.patient(born="1960-03-03")
    tables.fact(table, code, "2015-01-10", **columns)
    assert ask(topic)["status"] == status


@pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
def test_a_vaccine_that_was_not_given_is_no_evidence(tables, ask, status):
    tables.patient()
    tables.fact("immunization", "cvx|140", "2026-01-05", status=status)
    assert ask(FLU)["reason_code"] == "never_done"


@pytest.mark.parametrize(
    ("doses", "status", "reason", "due_on"),
    [
        ([], "due", "never_done", None),
        ([("216", "2021-01-10")], "up_to_date", "done_in_interval", None),
        ([("327", "2025-01-10")], "up_to_date", "done_in_interval", None),
        ([("215", "2025-06-16")], "up_to_date", "next_dose_not_yet_due", date(2026, 6, 16)),
        ([("215", "2025-06-15")], "due", "missing_part", date(2026, 6, 15)),
        ([("215", "2023-01-10"), ("33", "2024-01-20")], "up_to_date", "done_in_interval", None),
        ([("33", "2020-01-10")], "due", "missing_part", date(2021, 1, 10)),
        ([("133", "2015-01-10")], "due", "missing_part", date(2016, 1, 10)),
        ([("133", "2015-01-10"), ("33", "2016-01-20")], "due", "missing_part", date(2021, 1, 20)),
        ([("133", "2015-01-10"), ("33", "2021-06-15")], "due", "missing_part", date(2026, 6, 15)),
        (
            [("133", "2015-01-10"), ("33", "2021-06-16")],
            "up_to_date",
            "next_dose_not_yet_due",
            date(2026, 6, 16),
        ),
        (
            [("33", "2012-01-10"), ("133", "2022-01-20")],
            "up_to_date",
            "next_dose_not_yet_due",
            date(2027, 1, 20),
        ),
        ([("216", None)], "up_to_date", "done_in_interval", None),
        ([("133", "2015-01-10"), ("33", "2025-05-20")], "up_to_date", "done_in_interval", None),
        ([("109", "2020-01-10")], "due", "never_done", None),
    ],
)
def test_the_pneumococcal_series(tables, ask, doses, status, reason, due_on):
    tables.patient(born="1960-03-03")
    for code, on in doses:
        tables.fact("immunization", f"cvx|{code}", on)
    answer = ask(PNEUMO)
    assert (answer["status"], answer["reason_code"], answer["due_on"]) == (status, reason, due_on)


@pytest.mark.parametrize(
    ("born", "condition", "columns", "status", "reason"),
    [
        ("1986-03-03", None, {}, "not_applicable", "no_condition"),
        ("1986-03-03", "icd-10-cm|E11.9", {}, "due", "never_done"),
        ("1986-03-03", "icd-10-cm|J45.909", {}, "due", "never_done"),
        ("1986-03-03", "icd-10-cm|I10", {}, "not_applicable", "no_condition"),
        ("1986-03-03", "icd-10-cm|B20", {}, "due", "never_done"),
        ("1986-03-03", "icd-10-cm|E11.9", {"clinical_status": "resolved"}, "not_applicable", "no_condition"),
        ("2007-06-15", "icd-10-cm|E10.9", {}, "due", "never_done"),
        ("2007-06-16", "icd-10-cm|E10.9", {}, "not_applicable", "outside_age"),
    ],
)
def test_pneumococcal_vaccine_from_nineteen_on_with_a_condition_that_raises_the_risk(
    tables, ask, born, condition, columns, status, reason
):
    tables.patient(born=born)
    if condition:
        tables.fact("condition", condition, "2020-01-01", **columns)
    assert (ask(PNEUMO)["status"], ask(PNEUMO)["reason_code"]) == (status, reason)


@pytest.mark.parametrize(
    ("conditions", "status", "due_on"),
    [
        (["icd-10-cm|E11.9"], "up_to_date", None),
        (["icd-10-cm|B20"], "due", date(2021, 1, 20)),
        (["icd-10-cm|E11.9", "icd-10-cm|B20"], "due", date(2021, 1, 20)),
    ],
)
def test_pcv13_and_ppsv23_are_enough_until_fifty_unless_immunity_is_weak(
    tables, ask, conditions, status, due_on
):
    tables.patient(born="1986-03-03")
    for condition in conditions:
        tables.fact("condition", condition, "2010-01-01")
    tables.fact("immunization", "cvx|133", "2015-01-10")
    tables.fact("immunization", "cvx|33", "2016-01-20")
    assert (ask(PNEUMO)["status"], ask(PNEUMO)["due_on"]) == (status, due_on)


def test_pneumococcal_vaccine_from_fifty_on(tables, ask):
    tables.patient(born="1976-06-16")
    assert ask(PNEUMO, "2026-06-15")["status"] == "not_applicable"
    assert ask(PNEUMO, "2026-06-16")["status"] == "due"
