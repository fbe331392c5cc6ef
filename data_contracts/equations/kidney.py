"""Glomerular filtration by CKD-EPI 2021 as a formula, of numbers or of columns."""

from __future__ import annotations

from typing import Any

from data_contracts.equations.arithmetic import PLAIN, Arithmetic
from data_contracts.equations.coefficients import coefficients


def ckd_epi_2021(age_years: Any, creatinine_mg_per_dl: Any, sex: str, arithmetic: Arithmetic = PLAIN) -> Any:
    """mL/min per 1.73 m2, of values that are known and in range. Source: Inker et al., NEJM 2021;385:1737–1749."""
    equation = coefficients("kidney")["ckd_epi_2021"]
    of_sex = equation[sex]
    ratio = creatinine_mg_per_dl / of_sex["kappa_mg_per_dl"]
    return (
        equation["factor"]
        * arithmetic.at_most(ratio, 1.0) ** of_sex["alpha"]
        * arithmetic.at_least(ratio, 1.0) ** equation["power_above"]
        * equation["per_year"] ** age_years
        * of_sex["factor"]
    )
