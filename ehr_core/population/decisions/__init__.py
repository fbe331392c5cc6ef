"""Takes every decision about one person: the truth first, the facts after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ehr_core.population.decisions.cancer import decide_breast, decide_cervical, decide_colorectal
from ehr_core.population.decisions.chronic import (
    decide_blood_pressure,
    decide_glycemic,
    decide_kidney,
    decide_statin,
)
from ehr_core.population.decisions.decision import NO_WISH, Decision, Wish
from ehr_core.population.decisions.habits import (
    decide_depression,
    decide_influenza,
    decide_pneumococcal,
    decide_tobacco,
)
from ehr_core.population.draws import Draws
from ehr_core.population.person import Person

RECOMMENDATIONS = {
    "breast_cancer_screening": decide_breast,
    "colorectal_cancer_screening": decide_colorectal,
    "cervical_cancer_screening": decide_cervical,
    "glycemic_control": decide_glycemic,
    "blood_pressure_control": decide_blood_pressure,
    "kidney_health_diabetes": decide_kidney,
    "statin_therapy": decide_statin,
    "depression_screening": decide_depression,
    "tobacco_screening": decide_tobacco,
    "pneumococcal_immunization": decide_pneumococcal,
}
INFLUENZA = "influenza_immunization"
RECOMMENDATION_IDS = (*RECOMMENDATIONS, INFLUENZA)


def decide_all(
    person: Person, as_of: date, draws: Draws, wishes: Mapping[str, Wish] | None = None
) -> dict[str, Decision]:
    """One decision a recommendation, in a fixed order so that the draws repeat."""
    wishes = wishes or {}
    decisions = {
        key: decide(person, draws, wishes.get(key, NO_WISH)) for key, decide in RECOMMENDATIONS.items()
    }
    decisions[INFLUENZA] = decide_influenza(person, as_of, draws, wishes.get(INFLUENZA, NO_WISH))
    return decisions
