"""Kidney function by two equations: published arithmetic, boundaries, and inputs that are not there."""

from __future__ import annotations

import pytest

from cds.risk.answer import Computed, NotComputed
from cds.risk.kidney import creatinine_clearance, egfr_ckd_epi_2021


@pytest.mark.parametrize(
    ("age", "sex", "creatinine", "egfr"),
    [
        (50, "female", 1.0, 69),
        (50, "male", 1.0, 92),
        (60, "male", 1.2, 69),
        (70, "female", 0.6, 97),
        (20, "female", 0.7, 127),
        (20, "male", 0.9, 125),
        (85, "male", 4.0, 14),
    ],
)
def test_egfr_as_the_equation_of_2021_gives_it(age, sex, creatinine, egfr):
    answer = egfr_ckd_epi_2021(age_years=age, sex=sex, creatinine_mg_per_dl=creatinine)
    assert isinstance(answer, Computed)
    assert (round(answer.value), answer.unit) == (egfr, "mL/min/{1.73_m2}")


@pytest.mark.parametrize(
    ("age", "sex", "weight", "creatinine", "clearance"),
    [
        (60, "female", 72, 1.0, 68.0),
        (65, "male", 70, 1.4, 52.1),
        (45, "female", 60, 0.9, 74.8),
        (70, "male", 75, 1.0, 72.9),
        (50, "male", 80, 1.0, 100.0),
    ],
)
def test_creatinine_clearance_as_published_examples_give_it(age, sex, weight, creatinine, clearance):
    answer = creatinine_clearance(age_years=age, sex=sex, weight_kg=weight, creatinine_mg_per_dl=creatinine)
    assert isinstance(answer, Computed)
    assert (round(answer.value, 1), answer.unit) == (clearance, "mL/min")


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"age_years": None}, ("age",)),
        ({"weight_kg": None}, ("body weight",)),
        ({"creatinine_mg_per_dl": None, "sex": None}, ("serum creatinine", "sex")),
    ],
)
def test_an_unknown_input_is_named_and_never_taken_as_zero(change, missing):
    known = {"age_years": 60, "sex": "female", "weight_kg": 72.0, "creatinine_mg_per_dl": 1.0}
    answer = creatinine_clearance(**(known | change))
    assert isinstance(answer, NotComputed)
    assert answer.missing == missing


@pytest.mark.parametrize(
    ("change", "computed"),
    [
        ({"age_years": 17}, False),
        ({"age_years": 18}, True),
        ({"age_years": 120}, True),
        ({"age_years": 121}, False),
        ({"creatinine_mg_per_dl": 0.0}, False),
        ({"creatinine_mg_per_dl": 0.1}, True),
        ({"creatinine_mg_per_dl": 30.0}, True),
        ({"creatinine_mg_per_dl": 88.4}, False),
        ({"weight_kg": 19.9}, False),
        ({"weight_kg": 20.0}, True),
        ({"weight_kg": 351.0}, False),
        ({"sex": "other"}, False),
        ({"sex": "unknown"}, False),
    ],
)
def test_out_of_range_is_not_computed_and_says_why(change, computed):
    known = {"age_years": 60, "sex": "female", "weight_kg": 72.0, "creatinine_mg_per_dl": 1.0} | change
    answer = creatinine_clearance(**known)
    assert isinstance(answer, Computed) is computed
    if not computed:
        assert answer.missing == ()
        assert "here it is" in answer.why
