"""Decides breast, colorectal and cervical screening: what was done, when, and so what is due."""

from __future__ import annotations

from ehr_core.population.decisions.decision import (
    DUE,
    EXCLUDED,
    FOLLOW_UP_DUE,
    NO_WISH,
    NOT_APPLICABLE,
    NOT_EVALUABLE,
    UP_TO_DATE,
    Decision,
    Wish,
    decide_state,
    draw_status,
    outside,
)
from ehr_core.population.draws import Draws
from ehr_core.population.person import Person

BREAST = "breast_cancer_screening"
COLORECTAL = "colorectal_cancer_screening"
CERVICAL = "cervical_cancer_screening"

# When a decided fact happened (days before as_of): inside or clearly outside the interval of its test.
DAYS_AGO = {
    (BREAST, UP_TO_DATE): (25, 680),
    (BREAST, DUE): (780, 1800),
    (COLORECTAL, "colonoscopy"): (60, 3450),
    (COLORECTAL, "fit"): (25, 325),
    (COLORECTAL, "dna_fit"): (30, 1000),
    (COLORECTAL, "sigmoidoscopy"): (60, 1700),
    (COLORECTAL, "ct_colonography"): (60, 1700),
    (COLORECTAL, "positive_then_colonoscopy"): (90, 330),
    (COLORECTAL, "fit_lapsed"): (420, 1100),
    (COLORECTAL, "colonoscopy_lapsed"): (3800, 5200),
    (COLORECTAL, FOLLOW_UP_DUE): (12, 320),
    (CERVICAL, "cytology"): (25, 1000),
    (CERVICAL, "hpv"): (25, 1700),
    (CERVICAL, "cotest"): (25, 1700),
    (CERVICAL, "lapsed"): (2000, 3200),
    (CERVICAL, FOLLOW_UP_DUE): (12, 320),
}


def decide_breast(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    decided = outside(BREAST, person) or _by_sex(BREAST, person, 40, 74) or decide_state(BREAST, person)
    if decided:
        return decided
    status, way = draw_status(BREAST, person, draws, wish)
    span = DAYS_AGO[BREAST, UP_TO_DATE if status == UP_TO_DATE else DUE]
    if way in ("preliminary", "entered_in_error", "ordered"):
        span = (15, 300)
    return Decision(
        BREAST, status, way, wish.days_ago or draws.whole(*span), known=_is_plain(person, "breast")
    )


def decide_colorectal(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    if decided := outside(COLORECTAL, person):
        return decided
    if not person.aged(45, 75):
        return Decision(COLORECTAL, NOT_APPLICABLE, "outside_age")
    if decided := decide_state(COLORECTAL, person):
        return decided
    status, way = draw_status(COLORECTAL, person, draws, wish)
    span = DAYS_AGO.get((COLORECTAL, way)) or DAYS_AGO.get((COLORECTAL, status)) or (15, 300)
    if status == EXCLUDED:
        span = (400, 2500)
    return Decision(COLORECTAL, status, way, wish.days_ago or draws.whole(*span))


def decide_cervical(person: Person, draws: Draws, wish: Wish = NO_WISH) -> Decision:
    decided = outside(CERVICAL, person) or _by_sex(CERVICAL, person, 21, 65) or decide_state(CERVICAL, person)
    if decided:
        return decided
    status, way = draw_status(CERVICAL, person, draws, wish)
    way, span = _cervical_test(person, status, way)
    return Decision(
        CERVICAL, status, way, wish.days_ago or draws.whole(*span), known=_is_plain(person, "cervix")
    )


def _cervical_test(person: Person, status: str, way: str) -> tuple[str, tuple[int, int]]:
    """Under 30 and just above, cytology alone: an HPV test done before 30 is not what the interval is about."""
    young = person.age < 30
    if status == UP_TO_DATE and person.age < 35:
        return "cytology", (25, min(1000, max(60, (person.age - 21) * 365)))
    if status == FOLLOW_UP_DUE and young:
        return "cytology_abnormal", DAYS_AGO[CERVICAL, FOLLOW_UP_DUE]
    if status == DUE and way == "lapsed" and person.age < 27:
        return "never", (15, 300)
    if status == DUE and way == "lapsed" and person.age < 32:
        return "lapsed", (1250, 1700)
    if status == EXCLUDED:
        return way, (400, 3000)
    return way, DAYS_AGO.get((CERVICAL, way)) or DAYS_AGO.get((CERVICAL, status)) or (15, 300)


def _by_sex(recommendation_id: str, person: Person, low: int, high: int) -> Decision | None:
    """Outside the ages, or without the organ by sex; a missing sex cannot be judged."""
    if not person.aged(low, high):
        return Decision(recommendation_id, NOT_APPLICABLE, "outside_age")
    if person.birth_sex is None and person.gender is None:
        return Decision(recommendation_id, NOT_EVALUABLE, "missing_sex")
    if person.birth_sex == "M":
        return Decision(recommendation_id, NOT_APPLICABLE, "sex", known=person.gender == "male")
    return None


def _is_plain(person: Person, organ: str) -> bool:
    """The key speaks where the organ is recorded, or sex at birth and administrative gender agree."""
    return organ in person.organs or person.gender == "female"
