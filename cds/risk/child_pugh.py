"""How far liver disease has gone, by the Child–Pugh score."""

from __future__ import annotations

from cds.risk.answer import Answer, Computed, absent, outside, unlisted
from data_contracts.equations.coefficients import coefficients, ranges


def child_pugh(
    *,
    bilirubin_mg_per_dl: float | None,
    albumin_g_per_dl: float | None,
    inr: float | None,
    ascites: str | None,
    encephalopathy: str | None,
) -> Answer:
    """Points from 5 to 15 with class A, B or C as `grade`, for people with cirrhosis.

    `ascites`: none, slight, moderate_or_severe; `encephalopathy`: none, grade_1_or_2, grade_3_or_4. Not recorded is not
    "none": an absent input gives NotComputed. An INR raised by warfarin misleads: the caller says so.
    Source: Pugh et al., Br J Surg 1973;60:646–649.
    """
    scale = coefficients("child_pugh")
    measured = {"bilirubin": bilirubin_mg_per_dl, "albumin": albumin_g_per_dl, "INR": inr}
    signs = {"ascites": ascites, "encephalopathy": encephalopathy}
    if refusal := _refusal(scale, measured, signs):
        return refusal
    limits = scale["limits"]
    points = (
        _points_above(bilirubin_mg_per_dl, limits["bilirubin_mg_per_dl"])
        + _points_above(inr, limits["inr"])
        + _points_below(albumin_g_per_dl, limits["albumin_g_per_dl"])
        + sum(scale["points"][sign][value] for sign, value in signs.items())
    )
    grade = next(band["grade"] for band in scale["class"] if band["from"] <= points <= band["to"])
    return Computed(points, scale["unit"], scale["title"], scale["source"], grade)


def _refusal(scale: dict, measured: dict[str, float | None], signs: dict[str, str | None]):
    title, allowed = scale["title"], ranges("child_pugh", "score")
    if refusal := absent(title, measured | signs):
        return refusal
    for sign, value in signs.items():
        if refusal := unlisted(title, sign, str(value), tuple(scale["points"][sign])):
            return refusal
    return outside(title, {words: (measured[words], allowed[words]) for words in measured})


def _points_above(value: float, limits: dict[str, float]) -> int:
    if value > limits["three_above"]:
        return 3
    return 2 if value >= limits["two_from"] else 1


def _points_below(value: float, limits: dict[str, float]) -> int:
    if value < limits["three_below"]:
        return 3
    return 2 if value <= limits["two_to"] else 1
