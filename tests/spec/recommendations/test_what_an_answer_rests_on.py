"""An answer rests on every fact that makes it what it is, and is as restricted as the strictest of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

KIDNEY, COLON, DEPRESSION, BREAST, GLYCEMIC = (
    "kidney_health_diabetes", "colorectal_cancer_screening", "depression_screening", "breast_cancer_screening",
    "glycemic_control",
)  # fmt: skip
EGFR, UACR, PHQ9 = "loinc|98979-8", "loinc|9318-7", "loinc|44261-6"
A1C, DONEPEZIL = "loinc|4548-4", "rxnorm|135447"
PERCENT = {"value_unit": "%", "normalised_unit": "%"}

Put = Callable[..., dict[str, str]]


def both_kidney_tests(tables, of: str, **label: str) -> dict[str, str]:
    tables.patient(born="1970-05-04")
    put = {
        "diabetes": ("condition", "icd-10-cm|E11.9", "2015-03-01", {}),
        "egfr": ("observation", EGFR, "2026-02-01", {"value_number": 60}),
        "uacr": ("observation", UACR, "2026-03-01", {"value_number": 12}),
        "egfr before": ("observation", EGFR, "2025-09-01", {"value_number": 60}),
    }
    return _put(tables, put, of, label)


def one_kidney_test(tables, of: str, **label: str) -> dict[str, str]:
    tables.patient(born="1970-05-04")
    put = {
        "diabetes": ("condition", "icd-10-cm|E11.9", "2015-03-01", {}),
        "egfr": ("observation", EGFR, "2026-02-01", {"value_number": 60}),
        "uacr": ("observation", UACR, "2024-03-01", {"value_number": 12}),
    }
    return _put(tables, put, of, label)


def frail_and_ill(tables, of: str, **label: str) -> dict[str, str]:
    tables.patient(born="1955-06-15")
    put = {
        "frailty": ("condition", "icd-10-cm|R54", "2026-01-01", {}),
        "illness": ("condition", "icd-10-cm|I50.9", "2018-01-01", {}),
        "colonoscopy": ("procedure", "snomed|73761001", "2019-01-01", {}),
    }
    return _put(tables, put, of, label)


def frail_and_ill_in_two_ways(tables, of: str, **label: str) -> dict[str, str]:
    """Frailty is the newest fact of both ways: neither way decides more than the other."""
    tables.patient(born="1955-06-15")
    put = {
        "frailty": ("condition", "icd-10-cm|R54", "2026-05-01", {}),
        "illness": ("condition", "icd-10-cm|I50.9", "2018-01-01", {}),
        "medicine": ("medication_request", DONEPEZIL, "2026-03-01", {}),
    }
    return _put(tables, put, of, label)


def the_same_said_twice(tables, of: str, **label: str) -> dict[str, str]:
    tables.patient(born="1970-05-04")
    put = {
        "diabetes": ("condition", "icd-10-cm|E11.9", "2015-03-01", {}),
        "diabetes by another": ("condition", "icd-10-cm|E11.9", "2015-03-01", {}),
        "diabetes before": ("condition", "icd-10-cm|E11.9", "2014-03-01", {}),
        "a1c": ("observation", A1C, "2026-06-01", {"value_number": 7.1, "normalised_value": 7.1, **PERCENT}),
        "a1c by another": (
            "observation",
            A1C,
            "2026-06-01",
            {"value_number": 7.1, "normalised_value": 7.1, **PERCENT},
        ),
        "lower a1c": (
            "observation",
            A1C,
            "2026-06-01",
            {"value_number": 6.1, "normalised_value": 6.1, **PERCENT},
        ),
    }
    return _put(tables, put, of, label)


def followed_up(tables, of: str, **label: str) -> dict[str, str]:
    tables.patient()
    put = {
        "screen": ("observation", PHQ9, "2026-05-01", {"value_number": 14}),
        "care": ("encounter", "hcpcs|H0004", "2026-05-08", {}),
        "screen before": ("observation", PHQ9, "2024-05-01", {"value_number": 3}),
    }
    return _put(tables, put, of, label)


def a_recorded_organ(tables, of: str, **label: str) -> dict[str, str]:
    tables.patient(sex="male", born="1970-05-04")
    put = {
        "organ": ("observation", "organ|breast", "2025-01-01", {"value_boolean": True}),
        "mammography": ("observation", "loinc|24606-6", "2026-02-01", {}),
    }
    return _put(tables, put, of, label)


def _put(tables, facts: dict, of: str, label: dict[str, str]) -> dict[str, str]:
    return {
        name: tables.fact(table, code, on, **columns, **(label if name == of else {}))
        for name, (table, code, on, columns) in facts.items()
    }


@pytest.mark.parametrize(
    ("record", "topic", "status", "rests_on", "not_on"),
    [
        (both_kidney_tests, KIDNEY, "up_to_date", {"diabetes", "egfr", "uacr"}, {"egfr before"}),
        (one_kidney_test, KIDNEY, "due", {"diabetes", "egfr", "uacr"}, set()),
        (frail_and_ill, COLON, "excluded", {"frailty", "illness"}, {"colonoscopy"}),
        (frail_and_ill_in_two_ways, COLON, "excluded", {"frailty", "illness", "medicine"}, set()),
        (
            the_same_said_twice,
            GLYCEMIC,
            "up_to_date",
            {"diabetes", "diabetes by another", "a1c", "a1c by another"},
            {"diabetes before", "lower a1c"},
        ),
        (followed_up, DEPRESSION, "up_to_date", {"screen", "care"}, {"screen before"}),
        (a_recorded_organ, BREAST, "up_to_date", {"organ", "mammography"}, set()),
    ],
)
def test_a_label_of_any_fact_that_it_rests_on_is_the_answers_and_of_no_other(
    tables, ask, record: Put, topic, status, rests_on, not_on
):
    for labelled in (*rests_on, *not_on):
        tables.empty()
        keys = record(tables, labelled, sensitivity="R")
        answer = ask(topic)
        assert answer["status"] == status
        assert (answer["evidence_sensitivity"] == "R") == (labelled in rests_on), labelled
        also = {named.split("/")[1] for named in answer["rests_also_on"].split(",")}
        assert also | {answer["evidence_key"]} == {keys[name] for name in rests_on}


def test_others_are_named_with_type_and_day_and_the_deciding_fact_is_not_among_them(tables, ask):
    keys = both_kidney_tests(tables, "")
    answer = ask(KIDNEY)
    others = sorted(
        keys.keys() - {"egfr before"} - {name for name in keys if keys[name] == answer["evidence_key"]}
    )
    days = {"diabetes": "2015-03-01", "egfr": "2026-02-01", "uacr": "2026-03-01"}
    types = {"diabetes": "Condition", "egfr": "Observation", "uacr": "Observation"}
    assert answer["rests_also_on"] == ",".join(sorted(f"{types[o]}/{keys[o]}/{days[o]}" for o in others))


def test_an_answer_of_one_fact_or_none_names_no_other(tables, ask):
    tables.patient(born="1970-05-04")
    assert (ask(COLON)["rests_also_on"], ask(COLON)["evidence_sensitivity"]) == (None, None)
    tables.fact("procedure", "snomed|73761001", "2019-01-01", sensitivity="HIV")
    assert (ask(COLON)["rests_also_on"], ask(COLON)["evidence_sensitivity"]) == (None, "HIV")


def test_a_fact_of_two_codes_is_one_fact(tables, ask):
    tables.patient(born="1970-05-04")
    key = tables.fact("procedure", "snomed|73761001", "2019-01-01")
    tables.coding("procedure", key, "code", "hcpcs|G0121")
    assert (ask(COLON)["evidence_key"], ask(COLON)["rests_also_on"]) == (key, None)
