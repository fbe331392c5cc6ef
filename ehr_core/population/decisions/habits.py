"""Decides depression and tobacco screening, and the vaccines."""

from __future__ import annotations

from datetime import date

from ehr_core.population.assumptions import assumptions
from ehr_core.population.decisions.decision import (
    DUE,
    FOLLOW_UP_DUE,
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

DEPRESSION = "depression_screening"
TOBACCO = "tobacco_screening"
INFLUENZA = "influenza_immunization"
PNEUMOCOCCAL = "pneumococcal_immunization"
PNEUMOCOCCAL_RISKS = frozenset(
    {
        "diabetes_type_1",
        "diabetes_type_2",
        "ascvd",
        "heart_failure",
        "asthma",
        "copd",
        "alcohol_use_disorder",
        "hiv",
    }
)
"""Conditions with which the vaccine is asked for from 19 on; dialysis, a state, is one as well."""
INFLUENZA_ASKED_FROM_MONTH = 9
"""Nobody is asked to come in July and August."""


def decide_depression(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    """`value` is the total score: a PHQ-9 of 10 or more, or a PHQ-2 of 3 or more, wants follow-up."""
    if decided := outside(DEPRESSION, person):
        return decided
    if person.age < 12:
        return Decision(DEPRESSION, NOT_APPLICABLE, "outside_age")
    if decided := decide_state(DEPRESSION, person):
        return decided
    status, way = draw_status(DEPRESSION, person, draws, wish)
    if status == FOLLOW_UP_DUE:
        score = draws.whole(12, 24) if way == "phq9" else draws.whole(3, 6)
        span = (6, 60)
    else:
        score = draws.whole(0, 7) if way == "phq9" else draws.whole(0, 1)
        span = (430, 1100) if status == DUE else (20, 320)
    return Decision(DEPRESSION, status, way, wish.days_ago or draws.whole(*span), wish.value or str(score))


def decide_tobacco(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    """`value` is the recorded answer; a current smoker is done only with help to stop in the last year."""
    if decided := outside(TOBACCO, person):
        return decided
    if person.age < 18:
        return Decision(TOBACCO, NOT_APPLICABLE, "outside_age")
    if decided := decide_state(TOBACCO, person):
        return decided
    row = assumptions("uptake")[TOBACCO]
    status = wish.status or (UP_TO_DATE if draws.chance(row["screened"]) else DUE)
    if status == DUE:
        way = wish.way or draws.weighted(row["due_ways"])
        return Decision(TOBACCO, DUE, way, wish.days_ago or draws.whole(430, 1200), person.smoking)
    way = ""
    if person.smoking == "current":
        treated = wish.way == "treated" or (wish.status is None and draws.chance(row["smoker_treated"]))
        status, way = (UP_TO_DATE, "treated") if treated else (FOLLOW_UP_DUE, "")
    return Decision(TOBACCO, status, way, wish.days_ago or draws.whole(20, 320), person.smoking)


def season_start(as_of: date) -> date:
    """The first day of the influenza season (1 July to 30 June) that this day is in."""
    return date(as_of.year if as_of.month >= 7 else as_of.year - 1, 7, 1)


def decide_influenza(person: Person, as_of: date, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    """This season's vaccine is given from September, so early in a season everybody is due.

    Children below nine, who may need two doses, are not asked for; they have had the vaccine in other seasons.
    """
    if decided := outside(INFLUENZA, person):
        return decided
    if person.age < 9:
        return Decision(INFLUENZA, NOT_APPLICABLE, "outside_age" if person.age == 0 else "child")
    if decided := decide_state(INFLUENZA, person):
        return decided
    status, way = draw_status(INFLUENZA, person, draws, wish)
    if as_of.month in range(7, INFLUENZA_ASKED_FROM_MONTH):
        return Decision(INFLUENZA, NOT_APPLICABLE, way if status == DUE else "last_season")
    oldest = (as_of - season_start(as_of)).days - 64
    if status == UP_TO_DATE and oldest < 3:
        status, way = DUE, "last_season"
    days_ago = wish.days_ago or draws.whole(2, max(2, min(oldest, 130)))
    return Decision(INFLUENZA, status, way, days_ago)


def decide_pneumococcal(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    if decided := outside(PNEUMOCOCCAL, person):
        return decided
    at_risk = "dialysis" in person.states or not PNEUMOCOCCAL_RISKS.isdisjoint(person.conditions)
    if person.age < (19 if at_risk else 50):
        return Decision(PNEUMOCOCCAL, NOT_APPLICABLE, "outside_age")
    if decided := decide_state(PNEUMOCOCCAL, person):
        return decided
    status, way = draw_status(PNEUMOCOCCAL, person, draws, wish)
    return Decision(PNEUMOCOCCAL, status, way, wish.days_ago or draws.whole(60, 900))
