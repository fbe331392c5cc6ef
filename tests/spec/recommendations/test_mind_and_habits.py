"""Depression and tobacco: screening, and what a positive answer opens."""

from __future__ import annotations

from datetime import date

import pytest

DEPRESSION, TOBACCO = "depression_screening", "tobacco_screening"
PHQ9, PHQ2 = "loinc|44261-6", "loinc|55758-7"
STATUS, SMOKER, NEVER = "loinc|72166-2", "loinc|LA18976-3", "loinc|LA18978-9"


@pytest.mark.parametrize(
    ("code", "score", "status", "reason"),
    [
        (PHQ9, "9", "up_to_date", "done_in_interval"),
        (PHQ9, "10", "follow_up_due", "abnormal_result"),
        (PHQ2, "2", "up_to_date", "done_in_interval"),
        (PHQ2, "3", "follow_up_due", "abnormal_result"),
    ],
)
@pytest.mark.parametrize("unit", [None, "{score}"])
def test_the_score_decides_with_or_without_its_unit(tables, ask, code, score, status, reason, unit):
    tables.patient()
    tables.number(code, "2026-05-01", score, unit, normalised_reason="unlisted_analyte")
    answer = ask(DEPRESSION)
    assert (answer["status"], answer["reason_code"], answer["evidence_value"]) == (status, reason, score)


def test_a_screen_without_its_score_is_no_screen(tables, ask):
    tables.patient()
    tables.fact("observation", PHQ9, "2026-05-01")
    assert (ask(DEPRESSION)["status"], ask(DEPRESSION)["reason_code"]) == ("due", "unreadable_result")


@pytest.mark.parametrize(
    ("table", "code", "on", "columns", "status"),
    [
        ("medication_request", "rxnorm|312941", "2026-05-01", {}, "up_to_date"),
        ("medication_request", "rxnorm|312941", "2026-04-30", {}, "follow_up_due"),
        ("procedure", "hcpcs|G8431", "2026-05-08", {}, "up_to_date"),
        ("procedure", "hcpcs|G8431", "2026-05-08", {"status": "not-done"}, "follow_up_due"),
        ("encounter", "hcpcs|H0004", "2026-05-08", {}, "up_to_date"),
        ("encounter", "hcpcs|H0004", "2026-05-08", {"status": "planned"}, "follow_up_due"),
        ("service_request", "hcpcs|H0004", "2026-05-08", {}, "follow_up_due"),
    ],
)
def test_a_positive_screen_is_answered_by_care_that_happened(tables, ask, table, code, on, columns, status):
    tables.patient()
    tables.number(PHQ9, "2026-05-01", "14", "{score}", 14)
    tables.fact(table, code, on, **columns)
    answer = ask(DEPRESSION)
    assert answer["status"] == status
    if status == "follow_up_due":
        assert answer["due_on"] == date(2026, 5, 15)


def test_a_repeat_that_is_positive_again_opens_its_own_follow_up(tables, ask):
    tables.patient()
    tables.number(PHQ9, "2026-05-01", "14", "{score}", 14)
    tables.number(PHQ9, "2026-05-20", "12", "{score}", 12)
    assert ask(DEPRESSION)["due_on"] == date(2026, 6, 3)
    tables.number(PHQ9, "2026-06-10", "4", "{score}", 4)
    assert ask(DEPRESSION)["status"] == "up_to_date"


def test_a_positive_short_screen_is_answered_by_the_long_one_on_the_same_day(tables, ask):
    tables.patient()
    tables.number(PHQ2, "2026-05-01", "4", "{score}", 4)
    tables.number(PHQ9, "2026-05-01", "6", "{score}", 6)
    assert ask(DEPRESSION)["status"] == "up_to_date"


@pytest.mark.parametrize(("born", "status"), [("2014-06-15", "due"), ("2014-06-16", "not_applicable")])
def test_depression_is_asked_from_twelve_on(tables, ask, born, status):
    tables.patient(born=born)
    assert ask(DEPRESSION)["status"] == status


def test_bipolar_disorder_excludes(tables, ask):
    tables.patient()
    tables.fact("condition", "icd-10-cm|F31.9", "2019-01-01", sensitivity="PSY")
    answer = ask(DEPRESSION)
    assert (answer["reason_code"], answer["evidence_sensitivity"]) == ("bipolar_disorder", "PSY")


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        (NEVER, "up_to_date", "does not use tobacco"),
        ("snomed|8517006", "up_to_date", "does not use tobacco"),
        (SMOKER, "follow_up_due", "uses tobacco"),
        ("snomed|449868002", "follow_up_due", "uses tobacco"),
        ("loinc|LA18980-5", "due", None),
        (None, "due", None),
    ],
)
def test_a_tobacco_status_must_say_something(tables, ask, result, status, words):
    tables.patient()
    tables.fact("observation", STATUS, "2026-05-01", result=result)
    answer = ask(TOBACCO)
    assert (answer["status"], answer["evidence_value"]) == (status, words)


@pytest.mark.parametrize(
    ("table", "code", "on", "status"),
    [
        ("procedure", "hcpcs|S9453", "2026-05-10", "up_to_date"),
        ("procedure", "hcpcs|S9453", "2025-08-10", "up_to_date"),
        ("procedure", "hcpcs|S9453", "2025-06-15", "follow_up_due"),
        ("medication_request", "rxnorm|198030", "2026-05-10", "up_to_date"),
    ],
)
def test_help_to_stop_counts_for_a_year(tables, ask, table, code, on, status):
    tables.patient()
    tables.fact("observation", STATUS, "2026-05-01", result=SMOKER)
    tables.fact(table, code, on)
    assert ask(TOBACCO)["status"] == status


@pytest.mark.parametrize(
    ("smoking", "smokeless", "status", "reason"),
    [
        (NEVER, "snomed|81703003", "follow_up_due", "abnormal_result"),
        (NEVER, "snomed|451381000124107", "up_to_date", "done_in_interval"),
        (SMOKER, "snomed|451381000124107", "follow_up_due", "abnormal_result"),
        (None, "snomed|451381000124107", "due", "missing_part"),
    ],
)
def test_smokeless_tobacco_is_helped_with_but_does_not_answer_for_smoking(
    tables, ask, smoking, smokeless, status, reason
):
    tables.patient()
    if smoking:
        tables.fact("observation", STATUS, "2026-05-01", result=smoking)
    tables.fact("observation", "loinc|88031-0", "2026-05-02", result=smokeless)
    assert (ask(TOBACCO)["status"], ask(TOBACCO)["reason_code"]) == (status, reason)


def test_an_answer_of_e_cigarettes_is_read_as_use(tables, ask):
    tables.patient()
    tables.fact("observation", STATUS, "2026-05-01", result="snomed|722499006")
    assert ask(TOBACCO)["status"] == "follow_up_due"


def test_somebody_who_stopped_needs_no_help_to_stop(tables, ask):
    tables.patient()
    tables.fact("observation", STATUS, "2026-01-01", result=SMOKER)
    tables.fact("observation", STATUS, "2026-05-01", result="loinc|LA15920-4")
    assert ask(TOBACCO)["status"] == "up_to_date"
