"""Child–Pugh and body mass index: limits on both sides, and what is not known."""

from __future__ import annotations

import pytest

from cds.risk.answer import Computed, NotComputed
from cds.risk.body_mass_index import body_mass_index
from cds.risk.child_pugh import child_pugh

WELL = {
    "bilirubin_mg_per_dl": 1.0,
    "albumin_g_per_dl": 4.0,
    "inr": 1.1,
    "ascites": "none",
    "encephalopathy": "none",
}


@pytest.mark.parametrize(
    ("change", "points", "grade"),
    [
        ({}, 5, "Class A"),
        ({"bilirubin_mg_per_dl": 1.9}, 5, "Class A"),
        ({"bilirubin_mg_per_dl": 2.0}, 6, "Class A"),
        ({"bilirubin_mg_per_dl": 3.0}, 6, "Class A"),
        ({"bilirubin_mg_per_dl": 3.1}, 7, "Class B"),
        ({"albumin_g_per_dl": 3.6}, 5, "Class A"),
        ({"albumin_g_per_dl": 3.5}, 6, "Class A"),
        ({"albumin_g_per_dl": 2.8}, 6, "Class A"),
        ({"albumin_g_per_dl": 2.7}, 7, "Class B"),
        ({"inr": 1.7}, 6, "Class A"),
        ({"inr": 2.3}, 6, "Class A"),
        ({"inr": 2.4}, 7, "Class B"),
        ({"ascites": "slight", "encephalopathy": "grade_1_or_2"}, 7, "Class B"),
        ({"ascites": "moderate_or_severe", "encephalopathy": "grade_3_or_4"}, 9, "Class B"),
        (
            {"bilirubin_mg_per_dl": 4.0, "albumin_g_per_dl": 2.0, "inr": 3.0}
            | {"ascites": "moderate_or_severe", "encephalopathy": "grade_3_or_4"},
            15,
            "Class C",
        ),
    ],
)
def test_child_pugh_points(change, points, grade):
    answer = child_pugh(**(WELL | change))
    assert (answer.value, answer.grade) == (points, grade)


@pytest.mark.parametrize("unknown", list(WELL))
def test_child_pugh_needs_all_five_signs(unknown):
    answer = child_pugh(**(WELL | {unknown: None}))
    assert isinstance(answer, NotComputed)
    assert len(answer.missing) == 1


@pytest.mark.parametrize(
    "change", [{"bilirubin_mg_per_dl": 342.0}, {"ascites": "some"}, {"albumin_g_per_dl": 40.0}]
)
def test_child_pugh_refuses_a_slip_of_unit_or_word(change):
    assert isinstance(child_pugh(**(WELL | change)), NotComputed)


@pytest.mark.parametrize(
    ("weight", "height", "age", "index", "grade"),
    [
        (70, 175, 40, 22.9, "Healthy weight"),
        (72.25, 170, 40, 25.0, "Overweight"),
        (86.7, 170, 40, 30.0, "Obesity, class 1"),
        (115.6, 170, 40, 40.0, "Obesity, class 3"),
        (50, 170, 18, 17.3, "Underweight"),
        (50, 170, 17, 17.3, None),
        (50, 170, None, 17.3, None),
    ],
)
def test_body_mass_index(weight, height, age, index, grade):
    answer = body_mass_index(weight_kg=weight, height_cm=height, age_years=age)
    assert isinstance(answer, Computed)
    assert (round(answer.value, 1), answer.grade) == (index, grade)


@pytest.mark.parametrize(("weight", "height"), [(None, 170), (70, None), (70, 1.75), (0, 170), (700, 170)])
def test_body_mass_index_is_not_guessed(weight, height):
    assert isinstance(body_mass_index(weight_kg=weight, height_cm=height), NotComputed)
