"""Body mass index."""

from __future__ import annotations

from cds.risk.answer import Answer, Computed, absent, outside
from data_contracts.equations.body_mass_index import kg_per_m2
from data_contracts.equations.coefficients import coefficients, ranges


def body_mass_index(
    *, weight_kg: float | None, height_cm: float | None, age_years: int | None = None
) -> Answer:
    """Weight over height squared, in kg/m². The grade is given to adults only: children are read by percentile.

    Height and weight of the same period: the caller sees to that. Not for pregnancy.
    Source: WHO Technical Report Series 894.
    """
    scale = coefficients("body_mass_index")
    measured = {"weight": weight_kg, "height": height_cm}
    allowed = ranges("body_mass_index", "index")
    refusal = absent(scale["title"], measured) or outside(
        scale["title"], {words: (measured[words], allowed[words]) for words in measured}
    )
    if refusal:
        return refusal
    index = kg_per_m2(weight_kg, height_cm)
    is_adult = age_years is not None and age_years >= scale["grades_from_years"]
    grade = next(band["grade"] for band in scale["class"] if index < band["below"]) if is_adult else None
    return Computed(index, scale["unit"], scale["title"], scale["source"], grade)
