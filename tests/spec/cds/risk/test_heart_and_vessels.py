"""PREVENT, the pooled cohort equations and CHA2DS2-VASc: published examples, boundaries, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds.risk.answer import Computed, NotComputed
from cds.risk.cha2ds2_vasc import cha2ds2_vasc
from cds.risk.pooled_cohort import PooledCohortInputs, pooled_cohort_risk
from cds.risk.prevent import PreventInputs, prevent_risk

PUBLISHED = PreventInputs(
    age_years=50,
    sex="female",
    total_cholesterol_mg_per_dl=200,
    hdl_cholesterol_mg_per_dl=45,
    systolic_mm_hg=160,
    body_mass_index=35,
    egfr=90,
    has_diabetes=True,
    smokes=False,
    takes_antihypertensive=True,
    takes_statin=False,
)
HYPOTHETICAL = PooledCohortInputs(
    age_years=55,
    sex="male",
    race="white_or_other",
    total_cholesterol_mg_per_dl=213,
    hdl_cholesterol_mg_per_dl=50,
    systolic_mm_hg=120,
    takes_antihypertensive=False,
    smokes=False,
    has_diabetes=False,
)
WITH_FIBRILLATION = {
    "age_years": 64,
    "sex": "male",
    "heart_failure": False,
    "hypertension": False,
    "diabetes": False,
    "stroke_or_embolism": False,
    "vascular_disease": False,
}


@pytest.mark.parametrize(
    ("years", "outcome", "percent"),
    [
        (10, "total_cvd", 14.7),
        (10, "ascvd", 9.2),
        (10, "heart_failure", 8.1),
        (30, "total_cvd", 53.0),
        (30, "ascvd", 35.4),
        (30, "heart_failure", 39.0),
    ],
)
def test_prevent_gives_the_published_example(years, outcome, percent):
    answer = prevent_risk(PUBLISHED, outcome, years)
    assert isinstance(answer, Computed)
    assert (round(answer.value, 1), answer.unit) == (percent, "%")


@pytest.mark.parametrize(
    ("race", "sex", "percent"),
    [
        ("white_or_other", "male", 5.3),
        ("white_or_other", "female", 2.1),
        ("black", "male", 6.1),
        ("black", "female", 3.0),
    ],
)
def test_the_pooled_cohort_equations_give_the_four_published_examples(race, sex, percent):
    answer = pooled_cohort_risk(replace(HYPOTHETICAL, race=race, sex=sex))
    assert isinstance(answer, Computed)
    assert answer.value == pytest.approx(percent, abs=0.1)  # the paper rounds each logarithm to two places


def test_the_two_equations_say_who_they_are_because_they_differ_for_one_person():
    person = replace(
        PUBLISHED, age_years=55, sex="male", total_cholesterol_mg_per_dl=213, hdl_cholesterol_mg_per_dl=50
    )
    person = replace(
        person, systolic_mm_hg=120, body_mass_index=27, has_diabetes=False, takes_antihypertensive=False
    )
    prevent, pooled = prevent_risk(person), pooled_cohort_risk(HYPOTHETICAL)
    assert prevent.equation != pooled.equation
    assert abs(prevent.value - pooled.value) > 1


@pytest.mark.parametrize(
    ("years", "change", "computed"),
    [
        (10, {"age_years": 29}, False),
        (10, {"age_years": 30}, True),
        (10, {"age_years": 79}, True),
        (10, {"age_years": 80}, False),
        (30, {"age_years": 59}, True),
        (30, {"age_years": 60}, False),
        (10, {"total_cholesterol_mg_per_dl": 129}, False),
        (10, {"total_cholesterol_mg_per_dl": 130}, True),
        (10, {"hdl_cholesterol_mg_per_dl": 101}, False),
        (10, {"systolic_mm_hg": 89}, False),
        (10, {"systolic_mm_hg": 200}, True),
        (10, {"body_mass_index": 18.4}, False),
        (10, {"body_mass_index": 40}, False),
        (10, {"egfr": 14}, False),
        (10, {"sex": "unknown"}, False),
    ],
)
def test_prevent_is_not_computed_beyond_its_range(years, change, computed):
    answer = prevent_risk(replace(PUBLISHED, **change), "total_cvd", years)
    assert isinstance(answer, Computed) is computed


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"smokes": None}, ("current smoking (yes or no)",)),
        ({"has_diabetes": None}, ("diabetes (yes or no)",)),
        ({"takes_statin": None, "egfr": None}, ("eGFR", "treatment with a statin (yes or no)")),
        ({"sex": None}, ("sex",)),
    ],
)
def test_prevent_names_what_is_missing(change, missing):
    answer = prevent_risk(replace(PUBLISHED, **change))
    assert isinstance(answer, NotComputed)
    assert answer.missing == missing


@pytest.mark.parametrize(
    ("change", "computed"),
    [
        ({"age_years": 39}, False),
        ({"age_years": 40}, True),
        ({"age_years": 79}, True),
        ({"age_years": 80}, False),
        ({"systolic_mm_hg": 201}, False),
        ({"hdl_cholesterol_mg_per_dl": 19}, False),
        ({"race": "asian"}, False),
        ({"race": None}, False),
        ({"smokes": None}, False),
        ({"has_diabetes": None}, False),
    ],
)
def test_the_pooled_cohort_equations_refuse_what_they_do_not_know(change, computed):
    answer = pooled_cohort_risk(replace(HYPOTHETICAL, **change))
    assert isinstance(answer, Computed) is computed
    if not computed:
        assert answer.why


@pytest.mark.parametrize(
    ("change", "points"),
    [
        ({}, 0),
        ({"age_years": 65}, 1),
        ({"age_years": 74}, 1),
        ({"age_years": 75}, 2),
        ({"sex": "female"}, 1),
        ({"stroke_or_embolism": True}, 2),
        ({"heart_failure": True, "hypertension": True, "diabetes": True, "vascular_disease": True}, 4),
        (
            dict.fromkeys(WITH_FIBRILLATION, True) | {"age_years": 80, "sex": "female"},
            9,
        ),
    ],
)
def test_stroke_risk_in_atrial_fibrillation(change, points):
    assert cha2ds2_vasc(**(WITH_FIBRILLATION | change)).value == points


@pytest.mark.parametrize("unknown", list(WITH_FIBRILLATION))
def test_a_condition_that_nobody_asked_about_is_not_no(unknown):
    answer = cha2ds2_vasc(**(WITH_FIBRILLATION | {unknown: None}))
    assert isinstance(answer, NotComputed)
    assert len(answer.missing) == 1
