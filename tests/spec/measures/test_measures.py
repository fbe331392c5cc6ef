"""Measures: rows in, flags out. i initial population, d denominator, x excluded, e excepted, n numerator."""

from __future__ import annotations

from datetime import date

import pytest

from ehr_core.kernel.errors import BadRequest
from pipelines.measures import Period

HBA1C, DIABETES = "loinc|4548-4", "icd-10-cm|E11.9"
NEGATIVE = "loinc|LA6577-6"
YEAR_2025 = Period(date(2025, 1, 1), date(2025, 12, 31))


def with_diabetes(tables, **patient):
    tables.patient(**patient)
    tables.fact("condition", DIABETES, "2015-03-01")


@pytest.mark.parametrize(
    ("on", "value", "flags"),
    [
        ("2026-05-01", "7.1", "idn"),
        ("2026-05-01", "7.99", "idn"),
        ("2026-05-01", "8.0", "id"),
        ("2026-05-01", "10.2", "id"),
        ("2026-01-01", "7.1", "idn"),
        ("2025-12-31", "7.1", "id"),
        ("2026-11-22", "7.1", "idn"),
        ("2026-11-23", "7.1", "id"),
        (None, None, "id"),
    ],
)
def test_the_latest_hba1c_of_the_year_decides(tables, judge, on, value, flags):
    with_diabetes(tables)
    if on:
        tables.number(HBA1C, on, value, "%", float(value))
    row = judge("glycemic_control")
    assert row["flags"] == flags
    assert (row["period_begin"], row["period_end"]) == (date(2026, 1, 1), date(2026, 12, 31))


def test_a_miss_shows_the_value_that_missed(tables, judge):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-02-01", "7.1", "%", 7.1)
    key = tables.number(HBA1C, "2026-05-01", "10.2", "%", 10.2)
    row = judge("glycemic_control")
    assert (row["flags"], row["evidence_key"], row["evidence_value"]) == ("id", key, "10.2 %")


@pytest.mark.parametrize(("unit", "normal", "flags"), [(None, None, "id"), ("mmol/mol", 6.9, "idn")])
def test_a_value_that_cannot_be_read_is_not_in_the_numerator(tables, judge, unit, normal, flags):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-05-01", "52", unit, normal)
    assert judge("glycemic_control")["flags"] == flags


@pytest.mark.parametrize(
    ("born", "flags"),
    [
        ("2008-12-31", "id"),
        ("2009-01-01", ""),
        ("1951-01-01", "id"),
        ("1950-12-31", ""),
        ("2008-02-29", "id"),
    ],
)
def test_age_is_that_of_the_last_day_of_the_year(tables, judge, born, flags):
    with_diabetes(tables, born=born)
    assert judge("glycemic_control")["flags"] == flags


@pytest.mark.parametrize(
    ("measure", "youngest", "too_young", "oldest", "too_old"),
    [
        ("breast_cancer_screening", "1984-12-31", "1985-01-01", "1952-01-01", "1951-12-31"),
        ("colorectal_cancer_screening", "1980-12-31", "1981-01-01", "1951-01-01", "1950-12-31"),
        ("cervical_cancer_screening", "2002-12-31", "2003-01-01", "1962-01-01", "1961-12-31"),
        ("blood_pressure_control", "2008-12-31", "2009-01-01", "1941-01-01", "1940-12-31"),
        ("kidney_health_diabetes", "2008-12-31", "2009-01-01", "1941-01-01", "1940-12-31"),
        ("statin_therapy", "1986-12-31", "1987-01-01", "1951-01-01", "1950-12-31"),
        ("pneumococcal_immunization", "1976-12-31", "1977-01-01", "1920-01-01", None),
        ("tobacco_screening", "2008-01-01", "2008-01-02", "1920-01-01", None),
        ("depression_screening", "2014-01-01", "2014-01-02", "1920-01-01", None),
        ("influenza_immunization", "2026-01-01", "2026-01-02", "1920-01-01", None),
    ],
)
def test_each_measure_has_its_ages(tables, judge, measure, youngest, too_young, oldest, too_old):
    for born, flags in ((youngest, "id"), (too_young, ""), (oldest, "id"), (too_old, "")):
        if born:
            with_diabetes(tables.empty(), born=born)
            tables.fact("condition", "icd-10-cm|I10", "2015-03-01")
            assert judge(measure)["flags"] == flags, born


@pytest.mark.parametrize(
    ("columns", "flags"),
    [
        ({}, "id"),
        ({"verification_status": "refuted"}, ""),
        ({"abatement_low": "2026-01-01"}, ""),
        ({"abatement_low": "2026-01-02"}, "id"),
        ({"clinical_status": "resolved"}, ""),
    ],
)
def test_diabetes_must_be_active_in_the_period(tables, judge, columns, flags):
    tables.patient()
    tables.fact("condition", DIABETES, "2015-03-01", **columns)
    assert judge("glycemic_control")["flags"] == flags


@pytest.mark.parametrize(
    ("born", "sex", "measure", "reason"),
    [
        (None, "female", "glycemic_control", "missing_birth_date"),
        (("1952-01-01", "1952-12-31"), "female", "breast_cancer_screening", None),
        (("1950-06-01", "1951-05-31"), "female", "glycemic_control", "imprecise_birth_date"),
        ("1970-05-04", None, "breast_cancer_screening", "missing_sex"),
        ("1970-05-04", None, "colorectal_cancer_screening", None),
    ],
)
def test_a_person_who_cannot_be_judged_is_counted_as_such(tables, judge, born, sex, measure, reason):
    with_diabetes(tables, born=born, sex=sex)
    row = judge(measure)
    assert (row["evaluable"], row["not_evaluable_reason"]) == (reason is None, reason)
    assert row["flags"] == ("id" if reason is None else "")


@pytest.mark.parametrize(
    ("columns", "flags", "reason"),
    [
        ({"deceased": True, "deceased_low": "2026-03-01"}, "idx", "died_in_period"),
        ({"deceased": True, "deceased_low": "2025-12-31"}, "", None),
        ({"deceased": True}, "idx", "died_in_period"),
        ({"active": False}, "", None),
    ],
)
def test_the_dead_and_the_inactive_are_no_missed_care(tables, judge, columns, flags, reason):
    with_diabetes(tables, **columns)
    row = judge("glycemic_control")
    assert (row["flags"], row["exclusion_reason"]) == (flags, reason)


def test_a_death_after_the_period_changes_nothing_in_it(tables, judge):
    with_diabetes(tables, deceased=True, deceased_low="2026-02-01")
    tables.number(HBA1C, "2025-05-01", "7.1", "%", 7.1)
    assert judge("glycemic_control", period=YEAR_2025)["flags"] == "idn"


def test_a_merged_away_record_has_no_row(tables, judge):
    with_diabetes(tables, replaced_by_key="other")
    with pytest.raises(AssertionError, match="0 rows"):
        judge("glycemic_control")


@pytest.mark.parametrize(
    ("on", "status", "flags"),
    [
        ("2026-02-01", "finished", "idx"),
        ("2025-12-31", "finished", "id"),
        ("2026-02-01", "planned", "id"),
        ("2026-02-01", "cancelled", "id"),
    ],
)
def test_hospice_in_the_period_excludes(tables, judge, on, status, flags):
    with_diabetes(tables)
    tables.fact("encounter", "hcpcs|T2042", on, status=status)
    row = judge("glycemic_control")
    assert row["flags"] == flags
    assert row["exclusion_reason"] == ("hospice" if "x" in flags else None)


@pytest.mark.parametrize(
    ("table", "code", "on", "columns", "flags"),
    [
        ("encounter", "hcpcs|Q5006", "2025-12-01", {"status": "in-progress"}, "idx"),
        ("encounter", "hcpcs|Q5006", "2021-12-01", {"status": "in-progress"}, "idx"),
        (
            "encounter",
            "hcpcs|Q5006",
            "2025-12-01",
            {"end_low": "2026-01-01", "end_high": "2026-01-01"},
            "idx",
        ),
        ("encounter", "hcpcs|Q5006", "2025-12-01", {"end_low": "2025-12-31", "end_high": "2025-12-31"}, "id"),
        ("encounter", "hcpcs|Q5006", "2026-11-23", {"status": "in-progress"}, "id"),
        ("procedure", "snomed|385763009", "2025-12-31", {}, "id"),
        ("procedure", "snomed|385763009", "2026-01-01", {}, "idx"),
        ("condition", "icd-10-cm|Z51.5", "2021-12-01", {}, "idx"),
        ("condition", "icd-10-cm|Z51.5", "2021-12-01", {"abatement_low": "2026-01-01"}, "id"),
        ("condition", "icd-10-cm|Z51.5", "2021-12-01", {"abatement_low": "2026-01-02"}, "idx"),
        ("encounter", "hcpcs|G9054", "2026-03-01", {}, "idx"),
        ("encounter", "hcpcs|G9054", "2025-12-31", {}, "id"),
    ],
)
def test_comfort_care_that_overlaps_the_period_excludes(tables, judge, table, code, on, columns, flags):
    with_diabetes(tables)
    tables.fact(table, code, on, **columns)
    assert judge("glycemic_control")["flags"] == flags


@pytest.mark.parametrize(
    ("on", "columns", "flags"),
    [
        ("2026-03-01", {}, "idx"),
        ("2025-11-01", {"abatement_low": "2026-02-01"}, "idx"),
        ("2025-03-01", {"abatement_low": "2025-12-31"}, "id"),
    ],
)
@pytest.mark.parametrize("measure", ["blood_pressure_control", "statin_therapy"])
def test_a_pregnancy_in_the_period_excludes(tables, judge, measure, on, columns, flags):
    with_diabetes(tables)
    tables.fact("condition", "icd-10-cm|I10", "2015-03-01")
    tables.fact("condition", "icd-10-cm|Z34.90", on, **columns)
    row = judge(measure)
    assert (row["flags"], row["exclusion_reason"]) == (flags, "pregnancy" if "x" in flags else None)


@pytest.mark.parametrize(
    ("code", "pressure", "kidneys"),
    [
        ("icd-10-cm|N18.6", "idx", "idx"),
        ("icd-10-cm|Z94.0", "idx", "id"),
        ("icd-10-cm|I12.0", "id", "id"),
    ],
)
def test_each_measure_leaves_out_the_kidney_failure_that_it_means(tables, judge, code, pressure, kidneys):
    with_diabetes(tables)
    tables.fact("condition", "icd-10-cm|I10", "2015-03-01")
    tables.fact("condition", code, "2020-03-01")
    assert judge("blood_pressure_control")["flags"] == pressure
    assert judge("kidney_health_diabetes")["flags"] == kidneys


@pytest.mark.parametrize(
    ("measure", "allergy", "vaccine"),
    [
        ("influenza_immunization", "cvx|140", "cvx|140"),
        ("pneumococcal_immunization", "rxnorm|106467", "cvx|216"),
    ],
)
def test_an_allergy_to_the_vaccine_excepts_who_did_not_have_it(tables, judge, measure, allergy, vaccine):
    tables.patient(born="1960-03-03")
    tables.fact("allergy", allergy, "2015-03-01")
    assert judge(measure)["flags"] == "ide"
    tables.fact("immunization", vaccine, "2026-10-01")
    assert judge(measure)["flags"] == "idn"


def test_an_undated_removal_of_the_colon_excludes_from_every_period(tables, judge):
    tables.patient()
    key = tables.fact("procedure", "icd-10-pcs|0DTE0ZZ", None)
    row = judge("colorectal_cancer_screening")
    assert (row["flags"], row["evidence_key"], row["evidence_on"]) == ("idx", key, None)


def test_an_excluded_person_is_never_in_the_numerator(tables, judge):
    with_diabetes(tables)
    tables.number(HBA1C, "2026-05-01", "7.1", "%", 7.1)
    tables.fact("encounter", "hcpcs|T2042", "2026-02-01")
    assert judge("glycemic_control")["flags"] == "idx"


@pytest.mark.parametrize(
    ("born", "flags"), [("1960-12-31", "idx"), ("1961-01-01", "id")], ids=["66 in the year", "66 only later"]
)
def test_frailty_with_advanced_illness_excludes_from_66_on(tables, judge, born, flags):
    with_diabetes(tables, born=born)
    tables.fact("condition", "icd-10-cm|R54", "2026-02-01")
    tables.fact("condition", "icd-10-cm|I50.9", "2018-01-01")
    assert judge("glycemic_control")["flags"] == flags


@pytest.mark.parametrize(
    ("systolic", "diastolic", "flags"),
    [(139, 89, "idn"), (140, 80, "id"), (120, 90, "id"), (120, None, "id"), (135, 85, "idn")],
)
def test_pressure_is_measured_against_140_over_90(tables, judge, systolic, diastolic, flags):
    tables.patient()
    tables.fact("condition", "icd-10-cm|I10", "2015-03-01")
    tables.blood_pressure("2026-05-01", systolic, diastolic)
    assert judge("blood_pressure_control")["flags"] == flags


@pytest.mark.parametrize(
    ("measure", "table", "code", "first", "last_too_early"),
    [
        ("breast_cancer_screening", "observation", "loinc|24606-6", "2024-10-01", "2024-09-30"),
        ("colorectal_cancer_screening", "observation", "loinc|57905-2", "2026-01-01", "2025-12-31"),
        ("colorectal_cancer_screening", "observation", "loinc|77354-9", "2024-01-01", "2023-12-31"),
        ("colorectal_cancer_screening", "procedure", "hcpcs|G0104", "2022-01-01", "2021-12-31"),
        ("colorectal_cancer_screening", "procedure", "hcpcs|G0121", "2017-01-01", "2016-12-31"),
        ("cervical_cancer_screening", "observation", "loinc|10524-7", "2024-01-01", "2023-12-31"),
        ("cervical_cancer_screening", "observation", "loinc|82675-0", "2022-01-01", "2021-12-31"),
        ("influenza_immunization", "immunization", "cvx|140", "2026-07-01", "2026-06-30"),
    ],
)
def test_each_test_has_its_look_back(tables, judge, measure, table, code, first, last_too_early):
    for on, flags in ((first, "idn"), (last_too_early, "id")):
        tables.empty().patient()
        tables.fact(table, code, on, result=NEGATIVE if table == "observation" else None)
        assert judge(measure)["flags"] == flags, on


@pytest.mark.parametrize(
    ("measure", "code"),
    [
        ("colorectal_cancer_screening", "loinc|57905-2"),
        ("cervical_cancer_screening", "loinc|10524-7"),
        ("cervical_cancer_screening", "loinc|82675-0"),
    ],
)
def test_a_result_that_cannot_be_read_is_not_in_the_numerator(tables, judge, measure, code):
    tables.patient()
    tables.fact("observation", code, "2026-03-05", value_text="UNSATISFACTORY")
    assert judge(measure)["flags"] == "id"


def test_a_positive_stool_test_satisfies_the_measure(tables, judge):
    tables.patient()
    tables.fact("observation", "loinc|57905-2", "2026-03-05", result="loinc|LA6576-8")
    row = judge("colorectal_cancer_screening")
    assert (row["flags"], row["evidence_value"]) == ("idn", "positive")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("observation", {"status": "preliminary"}),
        ("observation", {"status": "entered-in-error"}),
        ("procedure", {"status": "not-done"}),
        ("service_request", {}),
    ],
)
def test_what_did_not_happen_is_not_in_the_numerator(tables, judge, table, columns):
    tables.patient()
    tables.fact(table, "loinc|24606-6", "2026-05-01", **columns)
    assert judge("breast_cancer_screening")["flags"] == "id"


@pytest.mark.parametrize(
    ("egfr", "uacr", "flags"),
    [("2026-02-01", "2026-03-01", "idn"), ("2026-02-01", None, "id"), ("2026-02-01", "2025-12-31", "id")],
)
def test_both_kidney_tests_must_lie_in_the_period(tables, judge, egfr, uacr, flags):
    with_diabetes(tables)
    tables.fact("observation", "loinc|98979-8", egfr, value_number=60)
    if uacr:
        tables.fact("observation", "loinc|9318-7", uacr, value_number=12)
    assert judge("kidney_health_diabetes")["flags"] == flags


def test_a_kidney_test_without_a_number_is_not_in_the_numerator(tables, judge):
    with_diabetes(tables)
    tables.fact("observation", "loinc|98979-8", "2026-02-01", value_text="HEMOLYZED")
    tables.fact("observation", "loinc|9318-7", "2026-03-01", value_number=12)
    assert judge("kidney_health_diabetes")["flags"] == "id"


@pytest.mark.parametrize(
    ("statin", "harm", "flags", "reason"),
    [
        ({}, None, "idn", None),
        ({"status": "completed", "authored_low": "2026-02-01"}, None, "idn", None),
        ({"status": "stopped", "authored_low": "2026-02-01"}, None, "idn", None),
        ({"status": "stopped"}, None, "id", None),
        ({"status": "completed"}, None, "id", None),
        (None, None, "id", None),
        (None, ("allergy", "rxnorm|36567"), "ide", "statin_harm"),
        ({}, ("allergy", "rxnorm|36567"), "idn", None),
        (None, ("condition", "icd-10-cm|N18.6"), "ide", "kidney_failure"),
        (None, ("condition", "icd-10-cm|M62.82"), "idx", "rhabdomyolysis"),
    ],
)
def test_a_statin_or_a_reason_against_it(tables, judge, statin, harm, flags, reason):
    with_diabetes(tables)
    if statin is not None:
        tables.fact("medication_request", "rxnorm|617310", "2024-01-01", **statin)
    if harm:
        tables.fact(harm[0], harm[1], "2020-01-01")
    row = judge("statin_therapy")
    assert (row["flags"], row["exclusion_reason"]) == (flags, reason)


@pytest.mark.parametrize(
    ("score", "follow_up", "flags"),
    [
        ("4", None, "idn"),
        ("14", None, "id"),
        ("14", "2026-05-01", "idn"),
        ("14", "2026-05-15", "idn"),
        ("14", "2026-05-16", "id"),
        ("14", "2026-04-30", "id"),
    ],
)
def test_a_positive_depression_screen_needs_follow_up_in_fourteen_days(
    tables, judge, score, follow_up, flags
):
    tables.patient()
    tables.number("loinc|44261-6", "2026-05-01", score, "{score}", float(score))
    if follow_up:
        tables.fact("procedure", "hcpcs|G8431", follow_up)
    assert judge("depression_screening")["flags"] == flags


@pytest.mark.parametrize(
    ("result", "help_on", "flags"),
    [
        ("loinc|LA18978-9", None, "idn"),
        ("loinc|LA18976-3", None, "id"),
        ("loinc|LA18976-3", "2026-06-01", "idn"),
        ("loinc|LA18976-3", "2025-08-01", "idn"),
        ("loinc|LA18980-5", None, "id"),
    ],
)
def test_a_tobacco_user_needs_help_to_stop(tables, judge, result, help_on, flags):
    tables.patient()
    tables.fact("observation", "loinc|72166-2", "2026-05-01", result=result)
    if help_on:
        tables.fact("procedure", "hcpcs|S9453", help_on)
    assert judge("tobacco_screening")["flags"] == flags


@pytest.mark.parametrize(
    ("doses", "flags"),
    [
        ([], "id"),
        ([("216", "2010-01-01")], "idn"),
        ([("215", "2026-06-01")], "id"),
        ([("215", "2023-01-01"), ("33", "2024-02-01")], "idn"),
    ],
)
def test_a_begun_pneumococcal_series_is_not_complete(tables, judge, doses, flags):
    tables.patient(born="1960-03-03")
    for code, on in doses:
        tables.fact("immunization", f"cvx|{code}", on)
    assert judge("pneumococcal_immunization")["flags"] == flags


def test_an_asked_period_is_judged_by_what_was_known_in_it(tables, judge):
    with_diabetes(tables)
    tables.number(HBA1C, "2025-11-01", "7.1", "%", 7.1)
    tables.number(HBA1C, "2026-02-01", "10.2", "%", 10.2)
    row = judge("glycemic_control", period=YEAR_2025)
    assert (row["flags"], row["evidence_value"], row["next_change_on"]) == ("idn", "7.1 %", None)


def test_a_season_is_taken_from_the_period_that_is_asked_for(tables, judge):
    tables.patient()
    tables.fact("immunization", "cvx|140", "2024-10-01")
    row = judge("influenza_immunization", period=YEAR_2025)
    assert (row["period_begin"], row["period_end"]) == (date(2024, 7, 1), date(2025, 6, 30))
    assert row["flags"] == "idn"


def test_a_period_that_has_not_begun_is_refused(tables, judge):
    tables.patient()
    with pytest.raises(BadRequest, match="begins on 2027-01-01"):
        judge("glycemic_control", period=Period(date(2027, 1, 1), date(2027, 12, 31)))


@pytest.mark.parametrize(
    ("as_of", "turns"), [("2026-12-31", date(2027, 1, 1)), ("2027-01-01", date(2028, 1, 1))]
)
def test_the_period_turns_at_new_year(tables, judge, as_of, turns):
    with_diabetes(tables)
    assert judge("glycemic_control", as_of)["next_change_on"] == turns


@pytest.mark.parametrize("labelled", ["diabetes", "egfr", "uacr"])
def test_the_answer_is_as_restricted_as_the_strictest_fact_that_it_rests_on(tables, judge, labelled):
    label = {
        name: {"sensitivity": "HIV"} if name == labelled else {} for name in ("diabetes", "egfr", "uacr")
    }
    tables.patient()
    keys = {
        tables.fact("condition", "icd-10-cm|E11.9", "2015-03-01", **label["diabetes"]),
        tables.fact("observation", "loinc|98979-8", "2026-02-01", value_number=60, **label["egfr"]),
        tables.fact("observation", "loinc|9318-7", "2026-03-01", value_number=12, **label["uacr"]),
    }
    answer = judge("kidney_health_diabetes")
    assert (answer["flags"], answer["evidence_sensitivity"]) == ("idn", "HIV")
    also = {named.split("/")[1] for named in answer["rests_also_on"].split(",")}
    assert also | {answer["evidence_key"]} == keys


def test_both_facts_of_an_exclusion_count(tables, judge):
    tables.patient(born="1955-06-15")
    frailty = tables.fact("condition", "icd-10-cm|R54", "2026-01-01")
    illness = tables.fact("condition", "icd-10-cm|I50.9", "2018-01-01", sensitivity="R")
    answer = judge("colorectal_cancer_screening")
    assert (answer["exclusion_reason"], answer["evidence_sensitivity"]) == (
        "advanced_illness_with_frailty",
        "R",
    )
    assert {answer["evidence_key"], answer["rests_also_on"].split("/")[1]} == {frailty, illness}


@pytest.mark.parametrize("labelled", ["illness", "medicine", "the same medicine"])
def test_facts_that_tie_count_all_of_them(tables, judge, labelled):
    """Two ways of an exclusion have the same newest fact, and one fact is there twice: nothing chooses among them."""
    tables.patient(born="1955-06-15")
    put = {
        "frailty": ("condition", "icd-10-cm|R54", "2026-05-01"),
        "illness": ("condition", "icd-10-cm|I50.9", "2018-01-01"),
        "medicine": ("medication_request", "rxnorm|135447", "2026-03-01"),
        "the same medicine": ("medication_request", "rxnorm|135447", "2026-03-01"),
    }
    keys = {
        tables.fact(*fact, **({"sensitivity": "HIV"} if name == labelled else {}))
        for name, fact in put.items()
    }
    answer = judge("colorectal_cancer_screening")
    also = {named.split("/")[1] for named in answer["rests_also_on"].split(",")}
    assert (also | {answer["evidence_key"]}, answer["evidence_sensitivity"]) == (keys, "HIV")
