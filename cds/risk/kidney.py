"""Kidney function from serum creatinine: CKD-EPI 2021 and Cockcroft–Gault."""

from __future__ import annotations

from cds.risk.answer import Answer, Computed, absent, outside, unlisted
from data_contracts.equations.coefficients import coefficients, ranges
from data_contracts.equations.kidney import ckd_epi_2021

SEXES = ("female", "male")


def egfr_ckd_epi_2021(
    *, age_years: int | None, sex: str | None, creatinine_mg_per_dl: float | None
) -> Answer:
    """Estimated glomerular filtration rate in mL/min per 1.73 m² of body surface.

    Adults with stable kidney function; not for dialysis, pregnancy or extremes of muscle mass.
    An absent input or one out of range gives NotComputed. Dosing by FDA label often asks for Cockcroft–Gault instead.
    Source: Inker et al., N Engl J Med 2021;385:1737–1749 (no race term).
    """
    equation = coefficients("kidney")["ckd_epi_2021"]
    inputs = {"age": age_years, "serum creatinine": creatinine_mg_per_dl}
    if refusal := _refusal("ckd_epi_2021", inputs, sex):
        return refusal
    value = ckd_epi_2021(age_years, creatinine_mg_per_dl, sex)
    return Computed(value, equation["unit"], equation["title"], equation["source"])


def creatinine_clearance(
    *,
    age_years: int | None,
    sex: str | None,
    weight_kg: float | None,
    creatinine_mg_per_dl: float | None,
) -> Answer:
    """Estimated creatinine clearance in mL/min by Cockcroft–Gault, the measure most FDA labels dose by.

    Actual body weight: overestimates in obesity. Not for dialysis or unstable kidney function, not for children.
    An absent input or one out of range gives NotComputed.
    Source: Cockcroft & Gault, Nephron 1976;16:31–41.
    """
    equation = coefficients("kidney")["cockcroft_gault"]
    inputs = {"age": age_years, "body weight": weight_kg, "serum creatinine": creatinine_mg_per_dl}
    if refusal := _refusal("cockcroft_gault", inputs, sex):
        return refusal
    value = (
        (equation["age_limit_years"] - age_years)
        * weight_kg
        / (equation["divisor"] * creatinine_mg_per_dl)
        * equation[sex]["factor"]
    )
    return Computed(value, equation["unit"], equation["title"], equation["source"])


def _refusal(section: str, inputs: dict[str, float | None], sex: str | None):
    """Why there is no number: something is not known, sex has no coefficient, or an input is out of range."""
    title, allowed = coefficients("kidney")[section]["title"], ranges("kidney", section)
    return (
        absent(title, inputs | {"sex": sex})
        or unlisted(title, "sex", str(sex), SEXES)
        or outside(title, {words: (inputs[words], allowed[words]) for words in inputs})
    )
