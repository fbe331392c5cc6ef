"""Facts: ages, the newest values, and what is unknown stays unknown."""

from __future__ import annotations

from datetime import date

import pytest

from cds.facts import (
    Code,
    Condition,
    Facts,
    Measurement,
    Medication,
    MissingFact,
    Result,
    Unknowable,
)

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("born", "years", "months"),
    [
        (date(2026, 11, 27), 0, 0),
        (date(2026, 10, 28), 0, 0),
        (date(2026, 10, 27), 0, 1),
        (date(1961, 11, 27), 65, 780),
        (date(1961, 11, 28), 64, 779),
        (date(2024, 2, 29), 2, 32),
    ],
)
def test_ages_are_completed_years_and_months(born, years, months):
    facts = Facts(as_of=TODAY, birth_date=born)
    assert (facts.age_years, facts.age_months) == (years, months)


def test_an_age_without_a_birth_date_is_missing_and_not_zero():
    with pytest.raises(MissingFact, match="the birth date"):
        _ = Facts(as_of=TODAY).age_years
    with pytest.raises(MissingFact, match="the birth date"):
        _ = Facts(as_of=TODAY).age_months


def _potassium(value: float, on: date, status: str = "final", loinc: str = "2823-3") -> Result:
    return Result(loinc, value, "mmol/L", on, status)


def test_the_newest_final_result_of_several_codes_until_today_counts():
    facts = Facts(
        as_of=TODAY,
        results=(
            _potassium(4.1, date(2026, 11, 1)),
            _potassium(4.5, date(2026, 11, 20), loinc="6298-4"),
            _potassium(9.9, date(2026, 11, 25), status="preliminary"),
            _potassium(8.8, date(2026, 11, 28)),
        ),
    )
    assert facts.latest_result(("2823-3", "6298-4")).value == 4.5
    assert facts.latest_result(("1-1",)) is None


def test_what_cannot_be_seen_is_missing_and_says_why():
    facts = Facts(as_of=TODAY, unknowable=(Unknowable("results", "restricted"),))
    with pytest.raises(MissingFact, match=r"the results \(restricted\)"):
        facts.latest_result(("2823-3",))
    facts.need("conditions")


def test_the_latest_weight_is_not_one_of_tomorrow():
    weights = (
        Measurement(70, "kg", date(2026, 1, 1)),
        Measurement(72, "kg", date(2026, 6, 1)),
        Measurement(7, "kg", date(2026, 12, 1)),
    )
    assert Facts(as_of=TODAY, weights_kg=weights).latest_weight_kg.value == 72
    assert Facts(as_of=TODAY).latest_weight_kg is None
    assert Facts(as_of=TODAY).latest_height_cm is None


@pytest.mark.parametrize(
    ("status", "abated", "active"),
    [
        ("active", None, True),
        ("recurrence", None, True),
        ("remission", None, False),
        ("resolved", None, False),
        (None, None, True),
        (None, date(2020, 1, 1), False),
    ],
)
def test_a_condition_without_a_status_is_active_unless_it_ended(status, abated, active):
    assert Condition((), "asthma", status, abated_on=abated).is_active is active


def test_conditions_are_found_by_code_and_by_beginning():
    diabetes = Condition((Code("icd", "E11.9"),), "diabetes")
    facts = Facts(as_of=TODAY, conditions=(diabetes,))
    assert facts.conditions_with(frozenset({"icd|E11.9"})) == (diabetes,)
    assert facts.conditions_with(frozenset(), ("icd|E11",)) == (diabetes,)
    assert facts.conditions_with(frozenset({"icd|E10.9"}), ("icd|E12",)) == ()


def test_a_combination_stands_under_each_ingredient():
    both = Medication("a combination", ("1", "2"))
    facts = Facts(as_of=TODAY, medications=(both,), stopped_medications=(Medication("old", ("3",)),))
    assert facts.medications_by_ingredient == {"1": (both,), "2": (both,)}
    assert list(facts.stopped_by_ingredient) == ["3"]
