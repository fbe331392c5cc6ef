"""Ten- and thirty-year risk of cardiovascular disease by the PREVENT base equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds.risk.answer import Answer, Computed, absent, outside, unlisted
from data_contracts.equations.coefficients import coefficients, ranges
from data_contracts.equations.prevent import prevent_percent

Outcome = Literal["total_cvd", "ascvd", "heart_failure"]
Years = Literal[10, 30]
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

    def numbers(self) -> dict[str, float | None]:
        """As the formula asks for them."""
        return {
            "age": self.age_years,
            "total_cholesterol": self.total_cholesterol_mg_per_dl,
            "hdl": self.hdl_cholesterol_mg_per_dl,
            "systolic": self.systolic_mm_hg,
            "body_mass_index": self.body_mass_index,
            "egfr": self.egfr,
            "diabetes": self.has_diabetes,
            "smoking": self.smokes,
            "antihypertensive": self.takes_antihypertensive,
            "statin": self.takes_statin,
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
    return Computed(prevent_percent(weights, inputs.numbers()), model["unit"], title, model["source"])


def _refusal(title: str, inputs: PreventInputs, years: int):
    allowed, measured = ranges("prevent", f"years_{years}"), inputs.measured()
    return (
        absent(title, measured | inputs.said())
        or unlisted(title, "sex", str(inputs.sex), SEXES)
        or outside(title, {words: (measured[words], allowed[words]) for words in measured})
    )
