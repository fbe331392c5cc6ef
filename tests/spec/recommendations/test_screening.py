"""Breast, colorectal and cervical screening: rows in, answer out."""

from __future__ import annotations

from datetime import date

import pytest

BREAST, COLON, CERVIX = "breast_cancer_screening", "colorectal_cancer_screening", "cervical_cancer_screening"
MAMMOGRAM, DIAGNOSTIC = "loinc|24606-6", "loinc|24605-8"
FIT, PAP, HPV = "loinc|57905-2", "loinc|10524-7", "loinc|82675-0"
POSITIVE, NEGATIVE = "loinc|LA6576-8", "loinc|LA6577-6"
NOT_READ = [
    {},
    {"value_text": "Negative"},
    {"value_text": "UNSATISFACTORY FOR EVALUATION"},
    {"value_number": 450, "value_unit": "ng/mL", "normalised_reason": "unlisted_analyte"},
]


@pytest.mark.parametrize("table", ["observation", "diagnostic_report", "procedure"])
@pytest.mark.parametrize(
    ("on", "status", "due_on"),
    [
        ("2024-06-16", "up_to_date", date(2026, 6, 16)),
        ("2024-06-15", "due", date(2026, 6, 15)),
        ("2024-02-29", "due", date(2026, 3, 1)),
        ("2026-06-15", "up_to_date", date(2028, 6, 15)),
        ("2026-06-16", "due", None),
    ],
)
def test_a_mammogram_counts_for_two_years_wherever_it_is_recorded(tables, ask, table, on, status, due_on):
    tables.patient()
    tables.fact(table, MAMMOGRAM, on)
    answer = ask(BREAST)
    assert (answer["status"], answer["due_on"]) == (status, due_on)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("observation", {"status": "preliminary"}),
        ("observation", {"status": "entered-in-error"}),
        ("diagnostic_report", {"status": "registered"}),
        ("diagnostic_report", {"status": "partial"}),
        ("procedure", {"status": "not-done"}),
        ("procedure", {"status": "in-progress"}),
        ("service_request", {"status": "completed"}),
        ("procedure", {"performed_low": None, "performed_high": None}),
    ],
)
def test_what_did_not_happen_for_certain_is_no_evidence(tables, ask, table, columns):
    tables.patient()
    tables.fact(table, MAMMOGRAM, "2026-01-10", **columns)
    assert ask(BREAST)["reason_code"] == "never_done"


def test_a_year_alone_counts_from_its_first_day(tables, ask):
    tables.patient()
    tables.fact("procedure", MAMMOGRAM, "2024-01-01", performed_high="2024-12-31")
    answer = ask(BREAST)
    assert (answer["status"], answer["due_on"]) == ("due", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("born", "as_of", "reason"),
    [
        ("1986-06-16", "2026-06-15", "outside_age"),
        ("1986-06-15", "2026-06-15", "never_done"),
        ("1951-06-16", "2026-06-15", "never_done"),
        ("1951-06-15", "2026-06-15", "outside_age"),
        ("1984-02-29", "2024-02-28", "outside_age"),
        ("1984-02-29", "2024-02-29", "never_done"),
        ("1952-02-29", "2027-02-28", "never_done"),
        ("1952-02-29", "2027-03-01", "outside_age"),
        ("1986-12-31", "2026-12-31", "never_done"),
        ("1987-01-01", "2026-12-31", "outside_age"),
    ],
)
def test_the_birthday_decides_also_on_29_february_and_at_new_year(tables, ask, born, as_of, reason):
    tables.patient(born=born)
    assert ask(BREAST, as_of)["reason_code"] == reason


@pytest.mark.parametrize(
    ("columns", "inventory", "reason"),
    [
        ({"sex": "female"}, None, "never_done"),
        ({"sex": "male"}, None, "organ_absent"),
        ({"sex": None}, None, "missing_sex"),
        ({"sex": "unknown"}, None, "missing_sex"),
        ({"sex": "other"}, None, "missing_sex"),
        ({"sex": "male", "birth_sex": "F"}, None, "never_done"),
        ({"sex": "female", "birth_sex": "M"}, None, "organ_absent"),
        ({"sex": "female", "birth_sex": "UNK"}, None, "never_done"),
        ({"sex": "male"}, True, "never_done"),
        ({"sex": "female"}, False, "organ_absent"),
        ({"sex": None}, True, "never_done"),
    ],
)
def test_a_recorded_organ_comes_before_sex(tables, ask, columns, inventory, reason):
    tables.patient(**columns)
    if inventory is not None:
        tables.fact("observation", "organ|breast", "2025-01-01", value_boolean=inventory)
    assert ask(BREAST)["reason_code"] == reason


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([("condition", "icd-10-cm|Z90.13")], "excluded"),
        ([("condition", "snomed|428529004")], "excluded"),
        ([("procedure", "icd-10-pcs|0HTV0ZZ")], "excluded"),
        ([("procedure", "icd-10-pcs|0HTT0ZZ"), ("condition", "icd-10-cm|Z90.12")], "excluded"),
        ([("procedure", "icd-10-pcs|0HTT0ZZ")], "due"),
        ([("condition", "icd-10-cm|Z90.12")], "due"),
        ([("service_request", "icd-10-pcs|0HTV0ZZ")], "due"),
    ],
)
def test_only_both_breasts_removed_excludes(tables, ask, facts, status):
    tables.patient()
    for table, code in facts:
        tables.fact(table, code, "2019-01-01")
    answer = ask(BREAST)
    assert answer["status"] == status
    if status == "excluded":
        assert answer["reason_code"] == "bilateral_mastectomy"
        assert answer["evidence_key"] is not None


def test_an_abnormal_mammogram_opens_follow_up_until_more_work_up(tables, ask):
    tables.patient()
    key = tables.fact("diagnostic_report", MAMMOGRAM, "2026-05-01", result="icd-10-cm|R92.8")
    answer = ask(BREAST)
    assert (answer["status"], answer["due_on"], answer["evidence_key"]) == (
        "follow_up_due",
        date(2026, 6, 30),
        key,
    )
    assert answer["evidence_value"] == "needs more work-up"
    tables.fact("observation", "loinc|24601-7", "2026-05-20")
    assert (ask(BREAST)["status"], ask(BREAST)["reason_code"]) == ("up_to_date", "followed_up")


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        ("icd-10-cm|R92.0", "follow_up_due", "needs more work-up"),
        ("icd-10-cm|R92.1", "follow_up_due", "needs more work-up"),
        ("icd-10-cm|R92.2", "follow_up_due", "inconclusive"),
        ("icd-10-cm|R92.8", "follow_up_due", "needs more work-up"),
        ("icd-10-cm|R92.323", "up_to_date", None),
        ("icd-10-cm|R92.30", "up_to_date", None),
        (None, "up_to_date", None),
    ],
)
def test_an_inconclusive_mammogram_asks_for_more_and_a_dense_breast_does_not(
    tables, ask, result, status, words
):
    tables.patient()
    tables.fact("diagnostic_report", MAMMOGRAM, "2026-05-01", result=result)
    assert (ask(BREAST)["status"], ask(BREAST)["evidence_value"]) == (status, words)


@pytest.mark.parametrize(
    ("mammogram", "result", "follow_up", "on", "status"),
    [
        (MAMMOGRAM, "icd-10-cm|R92.8", DIAGNOSTIC, "2026-05-01", "up_to_date"),
        (MAMMOGRAM, "icd-10-cm|R92.8", "loinc|24601-7", "2026-05-01", "up_to_date"),
        (MAMMOGRAM, "icd-10-cm|R92.8", "loinc|24601-7", "2026-04-30", "follow_up_due"),
        (MAMMOGRAM, "icd-10-cm|R92.8", MAMMOGRAM, "2026-05-20", "follow_up_due"),
        (MAMMOGRAM, "icd-10-cm|R92.2", MAMMOGRAM, "2026-05-20", "up_to_date"),
        (MAMMOGRAM, "icd-10-cm|R92.2", DIAGNOSTIC, "2026-05-01", "up_to_date"),
        (DIAGNOSTIC, "icd-10-cm|R92.8", None, None, "follow_up_due"),
        (DIAGNOSTIC, "icd-10-cm|R92.8", DIAGNOSTIC, "2026-05-01", "follow_up_due"),
        (DIAGNOSTIC, "icd-10-cm|R92.8", DIAGNOSTIC, "2026-05-02", "up_to_date"),
        (DIAGNOSTIC, "icd-10-cm|R92.8", "icd-10-pcs|0HBU3ZX", "2026-05-01", "up_to_date"),
        (DIAGNOSTIC, "icd-10-cm|R92.2", None, None, "follow_up_due"),
        (DIAGNOSTIC, "icd-10-cm|R92.2", MAMMOGRAM, "2026-05-20", "up_to_date"),
    ],
)
def test_work_up_of_the_same_day_counts_and_a_mammogram_never_answers_itself(
    tables, ask, mammogram, result, follow_up, on, status
):
    tables.patient()
    tables.fact("diagnostic_report", mammogram, "2026-05-01", result=result)
    if follow_up:
        tables.fact("procedure", follow_up, on)
    assert ask(BREAST)["status"] == status


def test_the_later_of_two_mammograms_sets_the_interval_whatever_its_kind(tables, ask):
    tables.patient()
    tables.fact("diagnostic_report", DIAGNOSTIC, "2025-03-01")
    tables.fact("diagnostic_report", MAMMOGRAM, "2024-08-01")
    assert ask(BREAST)["due_on"] == date(2027, 3, 1)


@pytest.mark.parametrize(
    ("table", "study", "result"),
    [
        ("diagnostic_report", "loinc|79101-2", "icd-10-cm|K63.5"),
        ("diagnostic_report", "loinc|79101-2", "icd-10-cm|R93.3"),
        ("observation", "loinc|60515-4", "interpretation|A"),
        ("diagnostic_report", "loinc|18753-4", "icd-10-cm|D12.5"),
    ],
)
@pytest.mark.parametrize(
    ("colonoscopy", "status"),
    [(None, "follow_up_due"), ("2026-03-04", "follow_up_due"), ("2026-03-05", "up_to_date")],
)
def test_a_finding_at_colonography_or_sigmoidoscopy_asks_for_a_colonoscopy(
    tables, ask, table, study, result, colonoscopy, status
):
    tables.patient()
    key = tables.fact(table, study, "2026-03-05")
    tables.coding(table, key, "interpretation" if table == "observation" else "conclusion", result)
    if colonoscopy:
        tables.fact("procedure", "hcpcs|G0105", colonoscopy)
    answer = ask(COLON)
    assert answer["status"] == status
    if status == "follow_up_due":
        assert (answer["evidence_key"], answer["due_on"]) == (key, date(2026, 6, 3))


@pytest.mark.parametrize("study", ["loinc|79101-2", "loinc|18753-4"])
def test_a_study_of_the_colon_without_a_finding_counts_for_five_years(tables, ask, study):
    tables.patient()
    tables.fact("diagnostic_report", study, "2026-03-05", result="icd-10-cm|Z12.11")
    assert (ask(COLON)["status"], ask(COLON)["due_on"]) == ("up_to_date", date(2031, 3, 5))


@pytest.mark.parametrize(
    ("table", "code", "on", "status", "due_on"),
    [
        ("observation", FIT, "2025-06-16", "up_to_date", date(2026, 6, 16)),
        ("observation", FIT, "2025-06-15", "due", date(2026, 6, 15)),
        ("procedure", "hcpcs|G0328", "2025-06-16", "up_to_date", date(2026, 6, 16)),
        ("observation", "loinc|77354-9", "2023-06-16", "up_to_date", date(2026, 6, 16)),
        ("observation", "loinc|77354-9", "2023-06-15", "due", date(2026, 6, 15)),
        ("diagnostic_report", "loinc|60515-4", "2021-06-16", "up_to_date", date(2026, 6, 16)),
        ("procedure", "hcpcs|G0104", "2021-06-15", "due", date(2026, 6, 15)),
        ("procedure", "hcpcs|G0121", "2016-06-16", "up_to_date", date(2026, 6, 16)),
        ("procedure", "snomed|73761001", "2016-06-16", "up_to_date", date(2026, 6, 16)),
        ("procedure", "hcpcs|G0121", "2016-06-15", "due", date(2026, 6, 15)),
    ],
)
def test_each_colorectal_test_has_its_own_interval(tables, ask, table, code, on, status, due_on):
    tables.patient()
    tables.fact(table, code, on, result=NEGATIVE if table == "observation" else None)
    answer = ask(COLON)
    assert (answer["status"], answer["due_on"]) == (status, due_on)


def test_the_test_that_lasts_longest_is_the_evidence(tables, ask):
    tables.patient()
    colonoscopy = tables.fact("procedure", "hcpcs|G0121", "2020-01-10")
    tables.fact("observation", FIT, "2026-01-10", result=NEGATIVE)
    answer = ask(COLON)
    assert (answer["evidence_key"], answer["due_on"]) == (colonoscopy, date(2030, 1, 10))


@pytest.mark.parametrize(
    ("colonoscopy", "as_of", "status"),
    [
        (None, "2026-06-15", "follow_up_due"),
        ("2026-02-01", "2026-06-15", "follow_up_due"),
        ("2026-03-05", "2026-06-15", "up_to_date"),
        ("2026-04-01", "2026-06-15", "up_to_date"),
        ("2026-06-16", "2026-06-15", "follow_up_due"),
        (None, "2029-06-15", "follow_up_due"),
    ],
)
def test_a_positive_stool_test_asks_for_a_colonoscopy_after_it(tables, ask, colonoscopy, as_of, status):
    tables.patient()
    tables.fact("observation", FIT, "2026-03-05", result=POSITIVE)
    if colonoscopy:
        tables.fact("procedure", "hcpcs|G0105", colonoscopy)
    answer = ask(COLON, as_of)
    assert answer["status"] == status
    if status == "follow_up_due":
        assert (answer["due_on"], answer["evidence_value"]) == (date(2026, 6, 3), "positive")


def test_a_later_negative_stool_test_does_not_clear_a_positive_one(tables, ask):
    tables.patient()
    tables.fact("observation", FIT, "2025-03-05", result=POSITIVE)
    tables.fact("observation", FIT, "2026-03-05", result=NEGATIVE)
    assert ask(COLON)["status"] == "follow_up_due"


def test_an_interpretation_flag_alone_makes_a_stool_test_positive(tables, ask):
    tables.patient()
    key = tables.fact("observation", FIT, "2026-03-05")
    tables.coding("observation", key, "interpretation", "interpretation|A")
    assert ask(COLON)["status"] == "follow_up_due"


@pytest.mark.parametrize("born", ["1950-01-01", "1990-01-01", None])
def test_a_positive_stool_test_is_followed_up_at_any_age(tables, ask, born):
    tables.patient(born=born)
    tables.fact("observation", FIT, "2026-03-05", result=POSITIVE)
    assert ask(COLON)["status"] == "follow_up_due"


@pytest.mark.parametrize(
    ("table", "code", "reason"),
    [
        ("condition", "icd-10-cm|C18.7", "colorectal_cancer"),
        ("condition", "icd-10-cm|Z85.038", "colorectal_cancer"),
        ("procedure", "icd-10-pcs|0DTE0ZZ", "total_colectomy"),
    ],
)
def test_cancer_and_a_removed_colon_exclude(tables, ask, table, code, reason):
    tables.patient()
    tables.fact(table, code, "2019-01-01")
    assert (ask(COLON)["status"], ask(COLON)["reason_code"]) == ("excluded", reason)


@pytest.mark.parametrize(
    ("born", "code", "on", "status", "due_on"),
    [
        ("2000-01-01", PAP, "2023-06-16", "up_to_date", date(2026, 6, 16)),
        ("2000-01-01", PAP, "2023-06-15", "due", date(2026, 6, 15)),
        ("2000-01-01", HPV, "2026-01-01", "due", None),
        ("1990-01-01", PAP, "2023-06-16", "up_to_date", date(2026, 6, 16)),
        ("1990-01-01", HPV, "2021-06-16", "up_to_date", date(2026, 6, 16)),
        ("1990-01-01", HPV, "2021-06-15", "due", date(2026, 6, 15)),
        ("1996-06-15", HPV, "2026-06-14", "due", None),
        ("1996-06-15", HPV, "2026-06-15", "up_to_date", date(2031, 6, 15)),
        ("2005-06-16", PAP, "2026-06-15", "not_applicable", None),
        ("1960-06-15", PAP, "2026-06-15", "not_applicable", None),
    ],
)
def test_cervical_tests_depend_on_age(tables, ask, born, code, on, status, due_on):
    tables.patient(born=born)
    tables.fact("observation", code, on, result=NEGATIVE)
    answer = ask(CERVIX)
    assert (answer["status"], answer["due_on"]) == (status, due_on)


def test_a_positive_hpv_test_before_thirty_is_no_screening_and_is_followed_up(tables, ask):
    tables.patient(born="1999-01-10")
    key = tables.fact("observation", HPV, "2026-03-01", result=POSITIVE)
    answer = ask(CERVIX)
    assert (answer["status"], answer["evidence_key"]) == ("follow_up_due", key)
    assert answer["due_on"] == date(2026, 5, 30)
    tables.fact("procedure", "icd-10-pcs|0UBC7ZX", "2026-04-01")
    answer = ask(CERVIX)
    assert (answer["status"], answer["reason_code"]) == ("up_to_date", "followed_up")
    assert answer["due_on"] == date(2027, 4, 1)


@pytest.mark.parametrize(
    ("topic", "table", "code", "columns", "reason"),
    [
        (CERVIX, "procedure", "icd-10-pcs|0UTC4ZZ", {}, "cervix_removed"),
        (CERVIX, "procedure", "icd-10-pcs|0UTC4ZZ", {"status": "not-done"}, "never_done"),
        (COLON, "procedure", "icd-10-pcs|0DTE0ZZ", {}, "total_colectomy"),
        (BREAST, "procedure", "icd-10-pcs|0HTV0ZZ", {}, "bilateral_mastectomy"),
        (COLON, "procedure", "hcpcs|G0121", {}, "never_done"),
    ],
)
def test_a_removed_organ_is_gone_even_when_nobody_knows_since_when(
    tables, ask, topic, table, code, columns, reason
):
    tables.patient()
    key = tables.fact(table, code, None, **columns)
    answer = ask(topic)
    assert answer["reason_code"] == reason
    assert (answer["evidence_key"], answer["evidence_on"]) == (key if reason != "never_done" else None, None)


@pytest.mark.parametrize(
    ("table", "code", "status"),
    [
        ("condition", "icd-10-cm|Z90.710", "excluded"),
        ("procedure", "icd-10-pcs|0UTC4ZZ", "excluded"),
        ("condition", "icd-10-cm|Z90.711", "due"),
        ("procedure", "icd-10-pcs|0UT94ZZ", "due"),
    ],
)
def test_only_a_hysterectomy_that_takes_the_cervix_excludes(tables, ask, table, code, status):
    tables.patient()
    tables.fact(table, code, "2019-01-01")
    assert ask(CERVIX)["status"] == status


@pytest.mark.parametrize(
    ("table", "code", "on", "status"),
    [
        ("procedure", "icd-10-pcs|0UBC7ZX", "2026-05-20", "up_to_date"),
        ("procedure", "snomed|392003006", "2026-05-20", "up_to_date"),
        ("observation", HPV, "2026-05-10", "follow_up_due"),
        ("observation", HPV, "2026-06-10", "up_to_date"),
        ("procedure", "hcpcs|G0123", "2026-06-10", "follow_up_due"),
    ],
)
def test_an_abnormal_cervical_result_is_followed_by_colposcopy_or_a_repeat(
    tables, ask, table, code, on, status
):
    tables.patient()
    tables.fact("diagnostic_report", PAP, "2026-05-01", result="icd-10-cm|R87.612")
    tables.fact(table, code, on, result=NEGATIVE if table == "observation" else None)
    assert ask(CERVIX)["status"] == status


@pytest.mark.parametrize(
    ("topic", "table", "code", "result", "on"),
    [
        (BREAST, "diagnostic_report", MAMMOGRAM, "icd-10-cm|R92.8", "2024-05-01"),
        (CERVIX, "diagnostic_report", PAP, "icd-10-cm|R87.613", "2021-05-01"),
        (COLON, "observation", FIT, POSITIVE, "2016-05-01"),
    ],
)
def test_an_abnormal_result_asks_for_follow_up_until_it_was_followed_up(
    tables, ask, topic, table, code, result, on
):
    tables.patient()
    key = tables.fact(table, code, on, result=result)
    answer = ask(topic)
    assert (answer["status"], answer["evidence_key"]) == ("follow_up_due", key)


@pytest.mark.parametrize("columns", NOT_READ, ids=["nothing", "text", "unsatisfactory", "a number"])
@pytest.mark.parametrize(
    ("topic", "code"), [(COLON, FIT), (COLON, "loinc|77354-9"), (CERVIX, PAP), (CERVIX, HPV)]
)
def test_a_result_that_cannot_be_read_is_looked_at_never_taken_for_normal(tables, ask, topic, code, columns):
    tables.patient()
    key = tables.fact("observation", code, "2026-03-05", **columns)
    answer = ask(topic)
    assert (answer["status"], answer["reason_code"]) == ("due", "unreadable_result")
    assert (answer["evidence_key"], answer["due_on"]) == (key, date(2026, 3, 5))


@pytest.mark.parametrize(("topic", "code"), [(COLON, FIT), (CERVIX, PAP)])
def test_a_report_without_a_conclusion_or_with_a_local_code_cannot_be_read(tables, ask, topic, code):
    tables.patient()
    key = tables.fact("diagnostic_report", code, "2026-03-05")
    tables.coding("diagnostic_report", key, "conclusion", "icd-10-cm|Z99.9")
    assert (ask(topic)["status"], ask(topic)["reason_code"]) == ("due", "unreadable_result")


def test_an_unreadable_result_takes_nothing_from_a_readable_one(tables, ask):
    tables.patient()
    tables.fact("observation", FIT, "2025-12-05", result=NEGATIVE)
    tables.fact("observation", FIT, "2026-03-05")
    assert (ask(COLON)["status"], ask(COLON)["due_on"]) == ("up_to_date", date(2026, 12, 5))


def test_an_unreadable_repeat_does_not_answer_an_abnormal_cervical_result(tables, ask):
    tables.patient()
    tables.fact("diagnostic_report", PAP, "2026-03-01", result="icd-10-cm|R87.613")
    tables.fact("observation", PAP, "2026-05-01", value_text="UNSATISFACTORY")
    assert ask(CERVIX)["status"] == "follow_up_due"
