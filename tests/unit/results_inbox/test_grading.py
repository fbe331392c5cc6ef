"""Grading drawn as a table: at, beyond and within each limit, in each unit, and everything that cannot be checked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ehr_core.results_inbox.grading import ResultFacts, grade, gravest
from ehr_core.results_inbox.limits import critical_limits, limits_words
from ehr_core.workflows.grade_results import grade_result

POTASSIUM, GLUCOSE, INR, A1C = "2823-3", "2345-7", "6301-6", "4548-4"


def facts(**changes: object) -> ResultFacts:
    given = {
        "codes": frozenset({POTASSIUM}),
        "number": Decimal("4.1"),
        "comparator": None,
        "unit": "mmol/L",
        "interpretations": frozenset(),
        "flag": None,
        "age_years": 54,
    } | changes
    if isinstance(given["number"], str):
        given["number"] = Decimal(given["number"])
    return ResultFacts(**given)


@pytest.mark.parametrize(
    ("number", "comparator", "grade_of_it"),
    [
        ("2.7", None, "critical"),
        ("2.8", None, "critical"),
        ("2.9", None, "not_flagged"),
        ("6.1", None, "not_flagged"),
        ("6.2", None, "critical"),
        ("6.3", None, "critical"),
        ("6.2", ">", "critical"),
        ("6.0", ">", "not_checked"),
        ("10", "<", "not_checked"),
        ("2.8", "<", "critical"),
        ("3.0", "<", "not_checked"),
        ("3.0", ">=", "not_checked"),
    ],
)
def test_at_the_limit_is_critical_and_a_bound_is_only_where_it_is_certain(number, comparator, grade_of_it):
    assert grade(facts(number=number, comparator=comparator)).grade == grade_of_it


@pytest.mark.parametrize(
    ("codes", "number", "unit", "grade_of_it"),
    [
        ({GLUCOSE}, "484", "mg/dL", "critical"),
        ({GLUCOSE}, "26.9", "mmol/L", "critical"),
        ({GLUCOSE}, "26.9", "mg/dL", "critical"),
        ({GLUCOSE}, "90", "mg/dL", "not_flagged"),
        ({POTASSIUM}, "6.9", None, "not_checked"),
        ({POTASSIUM}, "6.9", "mg/dL", "not_checked"),
        ({POTASSIUM}, "6.9", "meq/L", "critical"),
        ({INR}, "5.0", "{INR}", "critical"),
        ({A1C}, "14", "%", "not_flagged"),
    ],
)
def test_a_unit_is_never_converted_and_never_guessed(codes, number, unit, grade_of_it):
    assert grade(facts(codes=frozenset(codes), number=number, unit=unit)).grade == grade_of_it


@pytest.mark.parametrize(
    ("changes", "grade_of_it", "said"),
    [
        ({"age_years": None, "number": "6.9"}, "not_checked", "age"),
        ({"age_years": 17, "number": "6.9"}, "not_checked", "18 years"),
        ({"age_years": 18, "number": "6.9"}, "critical", "6.2"),
        ({"number": None}, "not_checked", "no number"),
        ({"interpretations": frozenset({"HH"}), "age_years": 3}, "critical", "sender"),
        ({"interpretations": frozenset({"AA"}), "codes": frozenset()}, "critical", "sender"),
        ({"interpretations": frozenset({"H"}), "flag": "H"}, "abnormal", "Flagged"),
        ({"flag": "N"}, "normal", "Within"),
        ({"codes": frozenset(), "flag": None}, "not_flagged", "without a flag"),
        ({"flag": "H", "unit": "mg/dL"}, "not_checked", "mg/dL"),
    ],
)
def test_what_is_missing_is_said_and_the_senders_own_critical_flag_always_counts(changes, grade_of_it, said):
    graded = grade(facts(**changes))
    assert graded.grade == grade_of_it
    assert said in graded.reason


def test_a_result_of_several_parts_is_as_grave_as_its_gravest():
    assert gravest(map(grade, (facts(flag="N"), facts(number="7"), facts(flag="H")))).grade == "critical"
    assert gravest([]).grade == "not_flagged"


def test_every_limit_names_its_source_and_has_a_number_in_every_unit():
    assert len({limit.name for limit in critical_limits().values()}) >= 15
    for limit in critical_limits().values():
        assert limit.source
        for bounds in limit.bounds:
            assert bounds.low is not None or bounds.high is not None
            assert bounds.low is None or bounds.high is None or bounds.low < bounds.high
    assert "Reviewed by no clinician of this site" in limits_words()


def observation(**more: object) -> dict:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": POTASSIUM}]},
        "effectiveDateTime": "2026-11-20T07:00:00-05:00",
        "valueQuantity": {"value": Decimal("6.9"), "unit": "mmol/L", "code": "mmol/L"},
    } | more


NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("at", "zone", "grade_of_it"),
    [
        ("2026-11-20T03:00:00Z", NEW_YORK, "not_checked"),
        ("2026-11-20T05:00:00Z", NEW_YORK, "critical"),
        ("2026-11-20T03:00:00Z", "UTC", "critical"),
        ("2026-11-19T23:30:00-05:00", "UTC", "critical"),
        ("2026-11-20", NEW_YORK, "critical"),
        ("2026-11", NEW_YORK, "not_checked"),
        ("2026-11-20T12:00:60Z", NEW_YORK, "not_checked"),
    ],
)
def test_the_day_that_settles_the_age_is_the_sites(at, zone, grade_of_it):
    """Somebody turns 18 on 20 November: in New York that day begins five hours later than in UTC."""
    given = observation(effectiveDateTime=at)
    assert grade_result(given, "2008-11-20", zone).grade == grade_of_it


@pytest.mark.parametrize(
    ("more", "birth", "grade_of_it"),
    [
        ({}, "1972-03-14", "critical"),
        ({}, "2008-11-20", "critical"),
        ({}, "2008-11-21", "not_checked"),
        ({}, "2008", "not_checked"),
        ({}, None, "not_checked"),
        ({"code": {"coding": [{"system": "urn:local", "code": POTASSIUM}]}}, "1972-03-14", "not_flagged"),
        ({"valueQuantity": {"value": Decimal("6.9"), "unit": "mEq/L"}}, "1972-03-14", "not_checked"),
        ({"valueQuantity": None, "valueString": "haemolysed"}, "1972-03-14", "not_checked"),
    ],
)
def test_a_stored_result_is_graded_at_the_age_of_its_day(more, birth, grade_of_it):
    given = {name: value for name, value in observation(**more).items() if value is not None}
    assert grade_result(given, birth, NEW_YORK).grade == grade_of_it


def test_a_report_in_words_is_nobodys_to_grade_but_its_readers():
    assert (
        grade_result({"resourceType": "DiagnosticReport", "conclusion": "Mass."}, None, NEW_YORK).grade
        == "not_flagged"
    )
