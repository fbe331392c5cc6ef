"""Influenza and pneumococcal vaccines: rows in, answer out."""

from __future__ import annotations

from datetime import date

import pytest

FLU, PNEUMO = "influenza_immunization", "pneumococcal_immunization"


@pytest.mark.parametrize(
    ("on", "as_of", "status", "due_on"),
    [
        ("2025-10-10", "2026-06-30", "up_to_date", date(2026, 7, 1)),
        ("2025-10-10", "2026-07-01", "due", date(2026, 7, 1)),
        ("2025-07-01", "2026-06-30", "up_to_date", date(2026, 7, 1)),
        ("2025-06-30", "2025-07-01", "due", date(2025, 7, 1)),
        ("2026-01-05", "2026-06-15", "up_to_date", date(2026, 7, 1)),
    ],
)
def test_a_flu_vaccine_counts_for_its_season(tables, ask, on, as_of, status, due_on):
    tables.patient()
    tables.fact("immunization", "cvx|140", on)
    answer = ask(FLU, as_of)
    assert (answer["status"], answer["due_on"]) == (status, due_on)


@pytest.mark.parametrize(
    ("born", "as_of", "status"),
    [
        ("2026-01-15", "2026-07-15", "due"),
        ("2026-01-15", "2026-07-14", "not_applicable"),
        ("2025-08-31", "2026-02-28", "not_applicable"),
        ("2025-08-31", "2026-03-01", "due"),
        ("1930-01-15", "2026-07-14", "due"),
    ],
)
def test_flu_vaccine_from_six_months_on(tables, ask, born, as_of, status):
    tables.patient(born=born)
    assert ask(FLU, as_of)["status"] == status


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
        ([("133", "2015-01-10"), ("33", "2016-01-20")], "due", "missing_part", date(2017, 1, 20)),
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


def test_pneumococcal_vaccine_from_fifty_on(tables, ask):
    tables.patient(born="1976-06-16")
    assert ask(PNEUMO, "2026-06-15")["status"] == "not_applicable"
    assert ask(PNEUMO, "2026-06-16")["status"] == "due"
