"""Stroke risk in atrial fibrillation, by the CHA2DS2-VASc score."""

from __future__ import annotations

from cds.risk.answer import Answer, Computed, absent, outside, unlisted
from data_contracts.equations.coefficients import coefficients, ranges

SEXES = ("female", "male")


def cha2ds2_vasc(
    *,
    age_years: int | None,
    sex: str | None,
    heart_failure: bool | None,
    hypertension: bool | None,
    diabetes: bool | None,
    stroke_or_embolism: bool | None,
    vascular_disease: bool | None,
) -> Answer:
    """Points from 0 to 9 for an adult with atrial fibrillation.

    An absent input gives NotComputed: a condition that nobody asked about is not "no".
    Source: Lip et al., Chest 2010;137:263–272.
    """
    scale = coefficients("cha2ds2_vasc")
    conditions = {
        "heart_failure": heart_failure,
        "hypertension": hypertension,
        "diabetes": diabetes,
        "stroke_or_embolism": stroke_or_embolism,
        "vascular_disease": vascular_disease,
    }
    asked = {name.replace("_", " "): value for name, value in conditions.items()}
    if refusal := _refusal(scale["title"], age_years, sex, asked):
        return refusal
    points = scale["points"]
    total = sum(points[name] for name, present in conditions.items() if present)
    total += _age_points(age_years, points) + (points["female"] if sex == "female" else 0)
    return Computed(total, scale["unit"], scale["title"], scale["source"], notes=(scale["note"],))


def _refusal(title: str, age_years: int | None, sex: str | None, asked: dict[str, bool | None]):
    return (
        absent(title, {"age": age_years, "sex": sex} | asked)
        or unlisted(title, "sex", str(sex), SEXES)
        or outside(title, {"age": (age_years, ranges("cha2ds2_vasc", "score")["age"])})
    )


def _age_points(age_years: int, points: dict[str, int]) -> int:
    if age_years >= 75:
        return points["age_75_or_more"]
    return points["age_65_to_74"] if age_years >= 65 else 0
