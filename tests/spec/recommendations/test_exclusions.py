"""Hospice, palliative care, advanced illness with frailty: whom they exclude, from what, and for how long."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.guidelines import definitions
from pipelines.recommendations import evaluate

COLON = "colorectal_cancer_screening"


@pytest.mark.parametrize(
    ("table", "code", "on", "columns", "reason"),
    [
        ("encounter", "hcpcs|T2042", "2025-06-16", {}, "hospice"),
        ("encounter", "hcpcs|T2042", "2025-06-15", {}, "never_done"),
        ("encounter", "hcpcs|T2042", "2026-06-01", {"status": "planned"}, "never_done"),
        ("encounter", "hcpcs|T2042", "2026-06-01", {"status": "cancelled"}, "never_done"),
        ("encounter", "hcpcs|T2042", "2026-06-01", {"status": "entered-in-error"}, "never_done"),
        ("procedure", "snomed|385763009", "2026-01-01", {}, "hospice"),
        ("service_request", "snomed|385763009", "2026-01-01", {}, "never_done"),
        ("encounter", "hcpcs|G9054", "2026-01-01", {}, "palliative_care"),
        ("condition", "icd-10-cm|Z51.5", "2026-01-01", {}, "palliative_care"),
        ("condition", "icd-10-cm|Z51.5", "2026-01-01", {"verification_status": "refuted"}, "never_done"),
    ],
)
def test_comfort_care_in_the_last_year_excludes(tables, ask, table, code, on, columns, reason):
    tables.patient()
    tables.fact(table, code, on, **columns)
    assert ask(COLON)["reason_code"] == reason


@pytest.mark.parametrize(
    ("table", "code", "reason"),
    [
        ("encounter", "hcpcs|Q5006", "hospice"),
        ("encounter", "hcpcs|G9054", "palliative_care"),
        ("condition", "icd-10-cm|Z51.5", "palliative_care"),
    ],
)
def test_comfort_care_that_goes_on_excludes_however_long_ago_it_began(tables, ask, table, code, reason):
    tables.patient()
    key = tables.fact(
        table, code, "2021-05-01", **({"status": "in-progress"} if table == "encounter" else {})
    )
    answer = ask(COLON)
    assert (answer["status"], answer["reason_code"], answer["evidence_key"]) == ("excluded", reason, key)
    assert (answer["evidence_on"], answer["next_change_on"]) == (date(2021, 5, 1), date(2046, 5, 4))


@pytest.mark.parametrize(
    ("ended", "status", "next_change_on"),
    [("2025-06-16", "excluded", date(2026, 6, 16)), ("2025-06-15", "due", None)],
)
def test_a_stay_excludes_until_a_year_after_its_last_day(tables, ask, ended, status, next_change_on):
    tables.patient(born="1970-05-04")
    tables.fact("encounter", "hcpcs|T2045", "2024-11-01", end_low=ended, end_high=ended)
    answer = ask(COLON)
    assert answer["status"] == status
    if next_change_on:
        assert answer["next_change_on"] == next_change_on


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (["discharge|hosp"], "hospice"),
        (["discharge|home", "discharge|hosp"], "hospice"),
        (["snomed|428361000124107"], "hospice"),
        (["discharge|home"], "never_done"),
    ],
)
def test_a_discharge_to_hospice_excludes_whichever_of_its_codes_says_so(tables, ask, codes, reason):
    tables.patient()
    key = tables.fact("encounter", "snomed|308335008", "2026-01-01", end_low="2026-01-05")
    for code in codes:
        tables.coding("encounter", key, "discharge", code)
    answer = ask(COLON)
    assert answer["reason_code"] == reason
    if reason == "hospice":
        assert (answer["evidence_key"], answer["evidence_on"]) == (key, date(2026, 1, 5))


def test_what_led_to_a_stay_is_no_discharge(tables, ask):
    tables.patient()
    tables.fact("encounter", "snomed|428361000124107", "2026-01-01")
    assert ask(COLON)["status"] == "due"


@pytest.mark.parametrize(
    ("born", "frailty", "illness", "status"),
    [
        ("1960-06-15", "2026-01-01", "icd-10-cm|I50.9", "excluded"),
        ("1960-06-16", "2026-01-01", "icd-10-cm|I50.9", "due"),
        ("1955-06-15", "2026-01-01", None, "due"),
        ("1955-06-15", None, "icd-10-cm|I50.9", "due"),
        ("1955-06-15", "2020-06-15", "icd-10-cm|I50.9", "excluded"),
    ],
)
def test_frailty_and_advanced_illness_exclude_only_together_and_from_66(
    tables, ask, born, frailty, illness, status
):
    tables.patient(born=born)
    if frailty:
        tables.fact("condition", "icd-10-cm|R54", frailty)
    if illness:
        tables.fact("condition", illness, "2018-01-01")
    assert ask(COLON)["status"] == status


@pytest.mark.parametrize(("resolved", "status"), [("2025-06-17", "excluded"), ("2025-06-16", "due")])
def test_frailty_that_ended_counts_for_a_year_more(tables, ask, resolved, status):
    tables.patient(born="1955-06-15")
    tables.fact("condition", "icd-10-cm|R54", "2020-01-01", abatement_low=resolved)
    tables.fact("condition", "icd-10-cm|I50.9", "2018-01-01")
    assert ask(COLON)["status"] == status


def test_a_dementia_medicine_stands_for_advanced_illness(tables, ask):
    tables.patient(born="1955-06-15")
    tables.fact("condition", "icd-10-cm|R54", "2026-01-01")
    tables.fact("medication_request", "rxnorm|997223", "2024-01-01")
    assert ask(COLON)["reason_code"] == "advanced_illness_with_frailty"


def test_without_a_birth_date_frailty_does_not_exclude(tables, ask):
    tables.patient(born=None)
    tables.fact("condition", "icd-10-cm|R54", "2026-01-01")
    tables.fact("condition", "icd-10-cm|I50.9", "2018-01-01")
    assert ask(COLON)["status"] == "not_evaluable"


def test_an_exclusion_names_the_day_on_which_it_ends(tables, ask):
    tables.patient()
    tables.fact("encounter", "hcpcs|T2042", "2026-01-10")
    assert ask(COLON)["next_change_on"] == date(2027, 1, 10)


def test_hospice_excludes_from_every_topic(tables):
    tables.patient()
    tables.fact("condition", "icd-10-cm|E11.9", "2015-01-01")
    tables.fact("condition", "icd-10-cm|I10", "2015-01-01")
    tables.fact("encounter", "hcpcs|T2042", "2026-01-10")
    evaluate(tables.connection, as_of=date(2026, 6, 15))
    answers = {row["recommendation_id"]: row["status"] for row in tables.rows("recommendation_results")}
    assert answers == dict.fromkeys(definitions(), "excluded")


def test_everybody_has_one_row_a_topic_even_without_any_fact(tables):
    tables.patient("known")
    tables.patient("unknown", born=None, sex=None)
    evaluate(tables.connection, as_of=date(2026, 6, 15))
    rows = tables.rows("recommendation_results")
    assert len(rows) == 2 * len(definitions())
    unknown = {r["recommendation_id"]: r["status"] for r in rows if r["patient_key"] == "unknown"}
    assert unknown["colorectal_cancer_screening"] == "not_evaluable"
    assert unknown["glycemic_control"] == "not_applicable"
