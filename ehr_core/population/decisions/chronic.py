"""Decides glycemic control, blood pressure, kidney health and statin therapy."""

from __future__ import annotations

from ehr_core.population.decisions.decision import (
    ABOVE_GOAL,
    DUE,
    EXCLUDED,
    NO_WISH,
    NOT_APPLICABLE,
    UP_TO_DATE,
    Decision,
    Wish,
    decide_state,
    draw_status,
    outside,
)
from ehr_core.population.draws import Draws
from ehr_core.population.person import Person

GLYCEMIC = "glycemic_control"
BLOOD_PRESSURE = "blood_pressure_control"
KIDNEY = "kidney_health_diabetes"
STATIN = "statin_therapy"

TRAPS = ("preliminary", "entered_in_error")


def decide_glycemic(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    decided = _needs(GLYCEMIC, person, person.diabetic, 18, 75)
    decided = decided or decide_state(GLYCEMIC, person)
    if decided:
        return decided
    status, way = draw_status(GLYCEMIC, person, draws, wish)
    if status == DUE:
        span, value = (225, 900), draws.near(8.2, 1.4, 5.9, 12.0)
    elif status == ABOVE_GOAL:
        span, value = (15, 150), draws.near(9.3, 1.1, 8.3, 13.4)
    else:
        span, value = (15, 150), draws.near(6.9, 0.5, 5.6, 7.7)
    days_ago = wish.days_ago or draws.whole(*span)
    return Decision(GLYCEMIC, status, way, days_ago, wish.value or f"{value:.1f}")


def decide_blood_pressure(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    """The goal is below 130/80; planted readings keep clear of it. `value` is 'systolic/diastolic'."""
    decided = _needs(BLOOD_PRESSURE, person, "hypertension" in person.conditions, 18, 85)
    decided = decided or decide_state(BLOOD_PRESSURE, person)
    if decided:
        return decided
    status, way = draw_status(BLOOD_PRESSURE, person, draws, wish)
    if status == UP_TO_DATE:
        value = f"{draws.whole(106, 125)}/{draws.whole(62, 76)}"
    elif draws.chance(0.5):
        value = f"{draws.whole(133, 139)}/{draws.whole(70, 88)}"
    else:
        value = f"{draws.whole(142, 176)}/{draws.whole(78, 102)}"
    span = (410, 900) if status == DUE else (20, 300)
    days_ago = wish.days_ago or draws.whole(*span)
    return Decision(BLOOD_PRESSURE, status, way, days_ago, wish.value or value)


def decide_kidney(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    decided = _needs(KIDNEY, person, person.diabetic, 18, 85)
    decided = decided or decide_state(KIDNEY, person)
    if decided:
        return decided
    status, way = draw_status(KIDNEY, person, draws, wish)
    span = (410, 1000) if way == "lapsed" else (20, 320)
    return Decision(KIDNEY, status, way, wish.days_ago or draws.whole(*span))


def decide_statin(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    """Diabetes at 40 to 75, or ASCVD from 21: the third door (LDL of 190 or more) is left to the stories."""
    if person.age is None:
        return _needs(STATIN, person, person.diabetic or "ascvd" in person.conditions, 21, 120)
    ascvd = "ascvd" in person.conditions and person.age >= 21
    severe = wish.way == "ldl_190"
    if not (ascvd or severe or (person.diabetic and person.aged(40, 75))):
        return Decision(STATIN, NOT_APPLICABLE, "no_condition")
    if decided := decide_state(STATIN, person):
        return decided
    status, way = draw_status(STATIN, person, draws, wish)
    if status == EXCLUDED:
        way = "statin_intolerance"
    return Decision(STATIN, status, way, wish.days_ago or draws.whole(40, 1400))


def _needs(
    recommendation_id: str, person: Person, has_condition: bool, low: int, high: int
) -> Decision | None:
    """Without the condition nothing applies, whatever the age; with it the age must be known and fit."""
    if not has_condition:
        return Decision(recommendation_id, NOT_APPLICABLE, "no_condition")
    if decided := outside(recommendation_id, person):
        return decided
    if not person.aged(low, high):
        return Decision(recommendation_id, NOT_APPLICABLE, "outside_age")
    return None
