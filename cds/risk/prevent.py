"""Ten- and thirty-year risk of cardiovascular disease by the PREVENT base equations."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Literal

from cds.risk.answer import Answer, Computed, absent, outside, unlisted
from cds.risk.coefficients import coefficients, ranges

Outcome = Literal["total_cvd", "ascvd", "heart_failure"]
Years = Literal[10, 30]
MG_PER_DL_IN_A_MMOL_PER_L_OF_CHOLESTEROL = 38.67
SEXES = ("female", "male")
OUTCOME_WORDS = {"total_cvd": "total CVD", "ascvd": "ASCVD", "heart_failure": "heart failure"}


@dataclass(frozen=True)
class PreventInputs:
    """What PREVENT asks for; null where it is not known. Smoking means current cigarette smoking."""

    age_years: int | None
    sex: str | None
    total_cholesterol_mg_per_dl: float | None
    hdl_cholesterol_mg_per_dl: float | None
    systolic_mm_hg: float | None
    body_mass_index: float | None
    egfr: float | None
    has_diabetes: bool | None
    smokes: bool | None
    takes_antihypertensive: bool | None
    takes_statin: bool | None

    def measured(self) -> dict[str, float | None]:
        return {
            "age": self.age_years,
            "total cholesterol": self.total_cholesterol_mg_per_dl,
            "HDL cholesterol": self.hdl_cholesterol_mg_per_dl,
            "systolic blood pressure": self.systolic_mm_hg,
            "body mass index": self.body_mass_index,
            "eGFR": self.egfr,
        }

    def said(self) -> dict[str, object]:
        return {
            "sex": self.sex,
            "diabetes (yes or no)": self.has_diabetes,
            "current smoking (yes or no)": self.smokes,
            "treatment of blood pressure (yes or no)": self.takes_antihypertensive,
            "treatment with a statin (yes or no)": self.takes_statin,
        }


def prevent_risk(inputs: PreventInputs, outcome: Outcome = "total_cvd", years: Years = 10) -> Answer:
    """Risk in percent of a first event within 10 (age 30–79) or 30 years (age 30–59).

    For people without known cardiovascular disease: the caller sees to that. Anything not known, or beyond the range
    of the equation, gives NotComputed. Never a stand-in for the pooled cohort equations: each guideline names its own.
    Source: Khan et al., Circulation 2024;149:430–449.
    """
    model = coefficients("prevent")
    title = f"{model['title']}, {years}-year {OUTCOME_WORDS[outcome]}"
    if refusal := _refusal(title, inputs, years):
        return refusal
    weights = model[f"years_{years}"][outcome][inputs.sex]
    terms = _terms(inputs)
    score = weights["constant"] + sum(
        weight * terms[name] for name, weight in weights.items() if name != "constant"
    )
    return Computed(100 / (1 + exp(-score)), model["unit"], title, model["source"])


def _refusal(title: str, inputs: PreventInputs, years: int):
    allowed, measured = ranges("prevent", f"years_{years}"), inputs.measured()
    return (
        absent(title, measured | inputs.said())
        or unlisted(title, "sex", str(inputs.sex), SEXES)
        or outside(title, {words: (measured[words], allowed[words]) for words in measured})
    )


def _terms(inputs: PreventInputs) -> dict[str, float]:
    """The inputs centred and scaled as the paper does: age per 10 years from 55, cholesterol in mmol/L, and so on."""
    mmol = MG_PER_DL_IN_A_MMOL_PER_L_OF_CHOLESTEROL
    age = (inputs.age_years - 55) / 10
    non_hdl = (inputs.total_cholesterol_mg_per_dl - inputs.hdl_cholesterol_mg_per_dl) / mmol - 3.5
    hdl = (inputs.hdl_cholesterol_mg_per_dl / mmol - 1.3) / 0.3
    systolic = (max(inputs.systolic_mm_hg, 110) - 130) / 20
    bmi = (max(inputs.body_mass_index, 30) - 30) / 5
    low_egfr = (min(inputs.egfr, 60) - 60) / -15
    return {
        "age": age,
        "age_squared": age**2,
        "non_hdl": non_hdl,
        "hdl": hdl,
        "systolic_below_110": (min(inputs.systolic_mm_hg, 110) - 110) / 20,
        "systolic_from_110": systolic,
        "diabetes": inputs.has_diabetes,
        "smoking": inputs.smokes,
        "bmi_below_30": (min(inputs.body_mass_index, 30) - 25) / 5,
        "bmi_from_30": bmi,
        "egfr_below_60": low_egfr,
        "egfr_from_60": (max(inputs.egfr, 60) - 90) / -15,
        "antihypertensive": inputs.takes_antihypertensive,
        "statin": inputs.takes_statin,
        "treated_systolic_from_110": inputs.takes_antihypertensive * systolic,
        "treated_non_hdl": inputs.takes_statin * non_hdl,
        "age_x_non_hdl": age * non_hdl,
        "age_x_hdl": age * hdl,
        "age_x_systolic_from_110": age * systolic,
        "age_x_diabetes": age * inputs.has_diabetes,
        "age_x_smoking": age * inputs.smokes,
        "age_x_bmi_from_30": age * bmi,
        "age_x_egfr_below_60": age * low_egfr,
    }
