"""Ten-year risk of a first atherosclerotic event by the pooled cohort equations of 2013."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from cds.risk.answer import Answer, Computed, absent, outside, unlisted
from data_contracts.equations.coefficients import coefficients, ranges

SEXES = ("female", "male")
RACES = ("black", "white_or_other")
STAND_IN = "Made for White and Black people; for other groups the equation for White people stands in."


@dataclass(frozen=True)
class PooledCohortInputs:
    """What the equations ask for; null where it is not known. `race` is 'black' or 'white_or_other'."""

    age_years: int | None
    sex: str | None
    race: str | None
    total_cholesterol_mg_per_dl: float | None
    hdl_cholesterol_mg_per_dl: float | None
    systolic_mm_hg: float | None
    takes_antihypertensive: bool | None
    smokes: bool | None
    has_diabetes: bool | None

    def measured(self) -> dict[str, float | None]:
        return {
            "age": self.age_years,
            "total cholesterol": self.total_cholesterol_mg_per_dl,
            "HDL cholesterol": self.hdl_cholesterol_mg_per_dl,
            "systolic blood pressure": self.systolic_mm_hg,
        }

    def said(self) -> dict[str, object]:
        return {
            "sex": self.sex,
            "race": self.race,
            "treatment of blood pressure (yes or no)": self.takes_antihypertensive,
            "current smoking (yes or no)": self.smokes,
            "diabetes (yes or no)": self.has_diabetes,
        }


def pooled_cohort_risk(inputs: PooledCohortInputs) -> Answer:
    """Risk in percent of coronary death, heart attack or stroke within 10 years, age 40–79.

    For people without known cardiovascular disease: the caller sees to that. Anything not known, or beyond the range
    of the equation, gives NotComputed. Never a stand-in for PREVENT: each guideline names its own.
    Source: Goff et al., Circulation 2014;129:S49–S73.
    """
    model = coefficients("pooled_cohort")
    if refusal := _refusal(model["title"], inputs):
        return refusal
    weights = model["ascvd"][inputs.race][inputs.sex]
    score = sum(value * weights.get(name, 0.0) for name, value in _terms(inputs).items())
    risk = 100 * (1 - weights["survival"] ** exp(score - weights["mean"]))
    notes = (STAND_IN,) if inputs.race == "white_or_other" else ()
    return Computed(risk, model["unit"], model["title"], model["source"], notes=notes)


def _refusal(title: str, inputs: PooledCohortInputs):
    allowed, measured = ranges("pooled_cohort", "ascvd"), inputs.measured()
    return (
        absent(title, measured | inputs.said())
        or unlisted(title, "sex", str(inputs.sex), SEXES)
        or unlisted(title, "race", str(inputs.race), RACES)
        or outside(title, {words: (measured[words], allowed[words]) for words in measured})
    )


def _terms(inputs: PooledCohortInputs) -> dict[str, float]:
    """The natural logarithms and their products with the logarithm of age."""
    age, total = log(inputs.age_years), log(inputs.total_cholesterol_mg_per_dl)
    hdl, systolic = log(inputs.hdl_cholesterol_mg_per_dl), log(inputs.systolic_mm_hg)
    treated = systolic if inputs.takes_antihypertensive else 0.0
    untreated = 0.0 if inputs.takes_antihypertensive else systolic
    return {
        "age": age,
        "age_squared": age**2,
        "total_cholesterol": total,
        "age_x_total_cholesterol": age * total,
        "hdl": hdl,
        "age_x_hdl": age * hdl,
        "treated_systolic": treated,
        "age_x_treated_systolic": age * treated,
        "untreated_systolic": untreated,
        "age_x_untreated_systolic": age * untreated,
        "smoking": float(inputs.smokes),
        "age_x_smoking": age * inputs.smokes,
        "diabetes": float(inputs.has_diabetes),
    }
