"""Blood pressure, kidney tests and statins: rows in, answer out."""

from __future__ import annotations

from datetime import date

import pytest

PRESSURE, KIDNEY, STATIN = "blood_pressure_control", "kidney_health_diabetes", "statin_therapy"
EGFR, UACR, ATORVASTATIN = "loinc|98979-8", "loinc|9318-7", "rxnorm|617310"


@pytest.fixture
def hypertension(tables):
    tables.patient()
    tables.fact("condition", "icd-10-cm|I10", "2015-03-01")
    return tables


@pytest.fixture
def diabetes(tables):
    tables.patient()
    tables.fact("condition", "icd-10-cm|E11.9", "2015-03-01")
    return tables


@pytest.mark.parametrize(
    ("systolic", "diastolic", "status", "reason"),
    [
        (129, 79, "up_to_date", "at_goal"),
        (130, 79, "above_goal", "above_goal"),
        (129, 80, "above_goal", "above_goal"),
        (152, 94, "above_goal", "above_goal"),
        (118, None, "due", "unreadable_result"),
        (None, 70, "due", "unreadable_result"),
        (160, None, "above_goal", "above_goal"),
        (None, None, "due", "unreadable_result"),
    ],
)
def test_both_pressures_must_be_below_their_limits(hypertension, ask, systolic, diastolic, status, reason):
    hypertension.blood_pressure("2026-06-01", systolic, diastolic)
    assert (ask(PRESSURE)["status"], ask(PRESSURE)["reason_code"]) == (status, reason)


def test_the_evidence_of_a_pressure_reads_as_people_say_it(hypertension, ask):
    hypertension.blood_pressure("2026-06-01", 152, 94)
    assert ask(PRESSURE)["evidence_value"] == "152/94 mm[Hg]"


def test_a_pressure_without_a_unit_is_never_at_goal(hypertension, ask):
    hypertension.blood_pressure("2026-06-01", 118, 70, unit=None)
    assert ask(PRESSURE)["reason_code"] == "unreadable_result"


def test_the_later_of_two_pressures_on_one_day_decides(hypertension, ask):
    hypertension.blood_pressure("2026-06-01", 152, 94, effective_at="2026-06-01T15:00:00Z")
    hypertension.blood_pressure("2026-06-01", 124, 72, effective_at="2026-06-01T15:20:00Z")
    assert ask(PRESSURE)["evidence_value"] == "124/72 mm[Hg]"


@pytest.mark.parametrize(("on", "status"), [("2025-06-16", "up_to_date"), ("2025-06-15", "due")])
def test_a_pressure_counts_for_a_year(hypertension, ask, on, status):
    hypertension.blood_pressure(on, 120, 70)
    assert ask(PRESSURE)["status"] == status


@pytest.mark.parametrize(
    ("table", "code", "on", "columns", "reason"),
    [
        ("condition", "icd-10-cm|Z34.90", "2026-03-01", {}, "pregnancy"),
        ("condition", "icd-10-cm|Z34.90", "2025-06-01", {}, "never_done"),
        ("condition", "icd-10-cm|Z34.90", "2026-01-01", {"abatement_low": "2026-06-01"}, "never_done"),
        ("condition", "icd-10-cm|N18.6", "2020-01-01", {}, "kidney_failure"),
        ("condition", "icd-10-cm|Z99.2", "2020-01-01", {"clinical_status": "resolved"}, "never_done"),
        ("condition", "icd-10-cm|I12.0", "2020-01-01", {}, "never_done"),
        ("condition", "icd-10-cm|Z94.0", "2020-01-01", {}, "kidney_transplant"),
        ("procedure", "icd-10-pcs|5A1D90Z", "2026-06-01", {}, "never_done"),
        ("procedure", "icd-10-pcs|5A1D70Z", "2026-06-01", {}, "never_done"),
    ],
)
def test_pregnancy_and_kidney_failure_exclude(hypertension, ask, table, code, on, columns, reason):
    hypertension.fact(table, code, on, **columns)
    assert ask(PRESSURE)["reason_code"] == reason


def test_one_acute_dialysis_never_hides_a_dangerous_pressure(hypertension, ask):
    hypertension.fact("procedure", "icd-10-pcs|5A1D90Z", "2015-03-01")
    hypertension.blood_pressure("2026-06-10", 182, 110)
    assert (ask(PRESSURE)["status"], ask(PRESSURE)["evidence_value"]) == ("above_goal", "182/110 mm[Hg]")


@pytest.mark.parametrize(
    ("dialysis", "status"), [("2025-06-16", "excluded"), ("2025-06-15", "due"), (None, "due")]
)
def test_dialysis_excludes_beside_stage_5_disease_for_a_year(hypertension, ask, dialysis, status):
    hypertension.fact("condition", "icd-10-cm|I12.0", "2020-01-01")
    if dialysis:
        hypertension.fact("procedure", "icd-10-pcs|5A1D70Z", dialysis)
    assert ask(PRESSURE)["status"] == status


@pytest.mark.parametrize(
    ("code", "kidney_tests", "statin"),
    [("icd-10-cm|N18.6", "excluded", "excluded"), ("icd-10-cm|Z94.0", "due", "due")],
)
def test_a_kidney_transplant_takes_nobody_out_of_kidney_tests_or_statins(
    diabetes, ask, code, kidney_tests, statin
):
    diabetes.fact("condition", code, "2020-01-01")
    assert (ask(KIDNEY)["status"], ask(STATIN)["status"]) == (kidney_tests, statin)


@pytest.mark.parametrize(
    ("egfr", "uacr", "status", "reason", "due_on"),
    [
        ("2026-01-10", "2026-03-10", "up_to_date", "done_in_interval", date(2027, 1, 10)),
        ("2026-01-10", None, "due", "missing_part", None),
        (None, "2026-01-10", "due", "missing_part", None),
        (None, None, "due", "never_done", None),
        ("2025-06-15", "2026-03-10", "due", "missing_part", date(2026, 6, 15)),
        ("2025-06-15", "2025-03-10", "due", "interval_lapsed", date(2026, 3, 10)),
    ],
)
def test_both_kidney_tests_are_needed_within_a_year(diabetes, ask, egfr, uacr, status, reason, due_on):
    for code, on in ((EGFR, egfr), (UACR, uacr)):
        if on:
            diabetes.fact("observation", code, on, value_number=60)
    answer = ask(KIDNEY)
    assert (answer["status"], answer["reason_code"], answer["due_on"]) == (status, reason, due_on)


@pytest.mark.parametrize(("unread", "words"), [(EGFR, "HEMOLYZED"), (UACR, "QNS")])
def test_a_kidney_test_without_a_number_is_looked_at(diabetes, ask, unread, words):
    diabetes.fact("observation", UACR if unread == EGFR else EGFR, "2026-03-01", value_number=60)
    key = diabetes.fact("observation", unread, "2026-04-01", value_text=words)
    answer = ask(KIDNEY)
    assert (answer["status"], answer["reason_code"]) == ("due", "unreadable_result")
    assert answer["evidence_key"] == key


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({}, "up_to_date"),
        ({"status": "stopped"}, "due"),
        ({"status": "completed"}, "due"),
        ({"status": "entered-in-error"}, "due"),
        ({"status": "draft"}, "due"),
        ({"intent": "proposal"}, "due"),
        ({"do_not_perform": True}, "due"),
        ({"dispense_end_high": "2026-06-15"}, "up_to_date"),
        ({"dispense_end_high": "2026-06-14"}, "due"),
        ({"authored_low": "2026-06-16"}, "due"),
    ],
)
def test_only_an_active_statin_counts(diabetes, ask, columns, status):
    diabetes.fact("medication_request", ATORVASTATIN, "2024-01-01", **columns)
    assert ask(STATIN)["status"] == status


@pytest.mark.parametrize(
    ("born", "facts", "status"),
    [
        ("1970-05-04", [], "not_applicable"),
        ("1970-05-04", [("condition", "icd-10-cm|I25.10", {})], "due"),
        ("2004-05-04", [("condition", "icd-10-cm|I25.10", {})], "due"),
        ("2006-05-04", [("condition", "icd-10-cm|I25.10", {})], "not_applicable"),
        ("1940-05-04", [("condition", "icd-10-cm|I63.9", {"clinical_status": "resolved"})], "due"),
        ("1940-05-04", [("condition", "icd-10-cm|E11.9", {})], "not_applicable"),
        ("1990-05-04", [("condition", "icd-10-cm|E11.9", {})], "not_applicable"),
        ("1970-05-04", [("procedure", "snomed|232717009", {})], "due"),
    ],
)
def test_who_should_have_a_statin(tables, ask, born, facts, status):
    tables.patient(born=born)
    for table, code, columns in facts:
        tables.fact(table, code, "2015-01-01", **columns)
    assert ask(STATIN)["status"] == status


@pytest.mark.parametrize(
    ("value", "unit", "status"),
    [("190", "mg/dL", "due"), ("189", "mg/dL", "not_applicable"), ("190", None, "not_applicable")],
)
def test_a_very_high_ldl_counts_only_with_its_unit(tables, ask, value, unit, status):
    tables.patient()
    tables.number("loinc|13457-7", "2019-01-01", value, unit, float(value) if unit else None)
    assert ask(STATIN)["status"] == status


@pytest.mark.parametrize(
    ("table", "code", "columns", "reason"),
    [
        ("allergy", "rxnorm|36567", {}, "statin_harm"),
        ("allergy", "rxnorm|36567", {"verification_status": "refuted"}, "no_therapy"),
        ("condition", "icd-10-cm|T46.6X5A", {}, "statin_harm"),
        ("condition", "icd-10-cm|M62.82", {}, "rhabdomyolysis"),
    ],
)
def test_harm_from_a_statin_excludes(diabetes, ask, table, code, columns, reason):
    diabetes.fact(table, code, "2020-01-01", **columns)
    assert ask(STATIN)["reason_code"] == reason
