"""A decision: what is true for one person and one recommendation, taken before any fact is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ehr_core.population.assumptions import assumptions
from ehr_core.population.draws import Draws
from ehr_core.population.person import Person

DUE = "due"
UP_TO_DATE = "up_to_date"
ABOVE_GOAL = "above_goal"
FOLLOW_UP_DUE = "follow_up_due"
EXCLUDED = "excluded"
NOT_APPLICABLE = "not_applicable"
NOT_EVALUABLE = "not_evaluable"


@dataclass(frozen=True, slots=True)
class Decision:
    """`status` is the truth that the facts will be written to; `known` False keeps the answer key silent.

    `way` names how it came about, `days_ago` when the deciding fact happened, `value` its value as text.
    """

    recommendation_id: str
    status: str
    way: str = ""
    days_ago: int | None = None
    value: str | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """What a story wants of a decision; whatever is None is drawn."""

    status: str | None = None
    way: str | None = None
    days_ago: int | None = None
    value: str | None = None


NO_WISH = Wish()


def outside(recommendation_id: str, person: Person) -> Decision | None:
    """Nobody's answer can be told without a birth date."""
    if person.age is None:
        return Decision(recommendation_id, NOT_EVALUABLE, "missing_birth_date")
    return None


def state_that_excludes(recommendation_id: str, person: Person) -> str | None:
    table = assumptions("uptake")["state_excludes"]
    return next((state for state in sorted(person.states) if recommendation_id in table[state]), None)


def draw_status(recommendation_id: str, person: Person, draws: Draws, wish: Wish) -> tuple[str, str]:
    """Status and way from the uptake shares; whoever is harder to reach is less often up to date."""
    row = assumptions("uptake")[recommendation_id]
    status = wish.status or draws.weighted(_with_barriers(row["status"], person))
    ways: dict[str, Any] = row.get(f"{status}_ways", {})
    way = wish.way or (draws.weighted(ways) if ways else "")
    return status, way


def _with_barriers(shares: dict[str, float], person: Person) -> dict[str, float]:
    factors = assumptions("uptake")["factor"]
    barrier = factors.get(person.payer, 1.0) * (factors["interpreter"] if person.interpreter else 1.0)
    return {status: share * (1.0 if status == UP_TO_DATE else barrier) for status, share in shares.items()}


def decide_state(recommendation_id: str, person: Person) -> Decision | None:
    """Excluded by a serious state: no screening fact is planted, so that only the state can decide."""
    state = state_that_excludes(recommendation_id, person)
    return Decision(recommendation_id, EXCLUDED, state) if state else None
