"""Apixaban in atrial fibrillation: two of three criteria, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds.facts import Code
from tests.spec.cds.label_people import FIRES, ICD, QUIET, UNCHECKED, icd, lab, order, person, says


def patient(years=70, kg=80, creatinine=1.0, **more):
    results = () if creatinine is None else (lab("2160-0", creatinine, "mg/dL"),)
    conditions = more.pop("conditions", (icd("I48.91"),))
    return person(years, sex="male", weight_kg=kg, results=results, conditions=conditions, **more)


@pytest.mark.parametrize(
    ("who", "mg", "too_much", "too_little"),
    [
        (patient(), 5, QUIET, QUIET),
        (patient(), 2.5, QUIET, FIRES),
        (patient(80), 5, QUIET, QUIET),
        (patient(80), 2.5, QUIET, FIRES),
        (patient(80, 60), 5, FIRES, QUIET),
        (patient(80, 60), 2.5, QUIET, QUIET),
        (patient(80, 60.1), 5, QUIET, QUIET),
        (patient(79, 60, 1.5), 5, FIRES, QUIET),
        (patient(79, 60, 1.49), 5, QUIET, QUIET),
        (patient(80, 80, 1.5), 5, FIRES, QUIET),
        (patient(80, 60, None), 5, FIRES, QUIET),
        (patient(80, 80, None), 5, UNCHECKED, QUIET),
        (patient(80, 80, None), 2.5, QUIET, UNCHECKED),
        (patient(70, 80, None), 5, QUIET, QUIET),
        (patient(70, None, None), 5, UNCHECKED, QUIET),
        (patient(80, None, 1.0), 5, UNCHECKED, QUIET),
        (patient(None, 80, 1.5), 5, UNCHECKED, QUIET),
        (patient(80, 60), None, UNCHECKED, QUIET),
        (patient(80, 60, conditions=()), 5, QUIET, QUIET),
    ],
)
def test_the_dose_goes_by_two_of_three(who, mg, too_much, too_little):
    assert says("apixaban_dose", "too_much", who, order("apixaban", mg, 2)) is too_much
    assert says("apixaban_dose", "too_little", who, order("apixaban", mg, 2)) is too_little


def test_the_indication_of_the_order_comes_before_the_problem_list():
    clot = replace(order("apixaban", 5, 2), reasons=(Code(ICD, "I82.409"),))
    assert says("apixaban_dose", "too_much", patient(80, 60), clot) is QUIET
    rhythm = replace(order("apixaban", 5, 2), reasons=(Code(ICD, "I48.0"),))
    assert says("apixaban_dose", "too_much", patient(80, 60, conditions=()), rhythm) is FIRES
