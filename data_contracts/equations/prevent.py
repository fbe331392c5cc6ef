"""The PREVENT base equations as a formula: inputs centred and scaled as the paper does, weighed, and made a risk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_contracts.equations.arithmetic import PLAIN, Arithmetic

MG_PER_DL_IN_A_MMOL_PER_L_OF_CHOLESTEROL = 38.67


def prevent_percent(
    weights: Mapping[str, float], given: Mapping[str, Any], arithmetic: Arithmetic = PLAIN
) -> Any:
    """The risk in percent of inputs that are known and in range, by the weights of one horizon, outcome and sex.

    `given`: age (years), total_cholesterol and hdl (mg/dL), systolic (mm[Hg]), body_mass_index (kg/m2), egfr
    (mL/min/1.73 m2); diabetes, smoking, antihypertensive and statin as 0 or 1. Numbers, or columns of a table with
    their library's arithmetic. Source: Khan et al., Circulation 2024;149:430–449.
    """
    terms = _terms(given, arithmetic)
    score = sum(
        (weight * terms[name] for name, weight in weights.items() if name != "constant"), weights["constant"]
    )
    return 100 / (1 + arithmetic.exp(-score))


def _terms(given: Mapping[str, Any], arithmetic: Arithmetic) -> dict[str, Any]:
    """Age per 10 years from 55, cholesterol in mmol/L, pressure in two pieces that meet at 110, and so on."""
    at_least, at_most = arithmetic.at_least, arithmetic.at_most
    mmol = MG_PER_DL_IN_A_MMOL_PER_L_OF_CHOLESTEROL
    age = (given["age"] - 55) / 10
    non_hdl = (given["total_cholesterol"] - given["hdl"]) / mmol - 3.5
    hdl = (given["hdl"] / mmol - 1.3) / 0.3
    systolic = (at_least(given["systolic"], 110) - 130) / 20
    body_mass = given["body_mass_index"]
    bmi = (at_least(body_mass, 30) - 30) / 5
    low_egfr = (at_most(given["egfr"], 60) - 60) / -15
    diabetes, smoking = given["diabetes"], given["smoking"]
    return {
        "age": age,
        "age_squared": age * age,
        "non_hdl": non_hdl,
        "hdl": hdl,
        "systolic_below_110": (at_most(given["systolic"], 110) - 110) / 20,
        "systolic_from_110": systolic,
        "diabetes": diabetes,
        "smoking": smoking,
        "bmi_below_30": (at_most(body_mass, 30) - 25) / 5,
        "bmi_from_30": bmi,
        "egfr_below_60": low_egfr,
        "egfr_from_60": (at_least(given["egfr"], 60) - 90) / -15,
        "antihypertensive": given["antihypertensive"],
        "statin": given["statin"],
        "treated_systolic_from_110": given["antihypertensive"] * systolic,
        "treated_non_hdl": given["statin"] * non_hdl,
        "age_x_non_hdl": age * non_hdl,
        "age_x_hdl": age * hdl,
        "age_x_systolic_from_110": age * systolic,
        "age_x_diabetes": age * diabetes,
        "age_x_smoking": age * smoking,
        "age_x_bmi_from_30": age * bmi,
        "age_x_egfr_below_60": age * low_egfr,
    }
