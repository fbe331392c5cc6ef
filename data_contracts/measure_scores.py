"""What a measure's scoring makes of counts and of what was observed: one set of rules for whatever shows scores. Pure.

An empty population has no score, which is not a score of zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import mean, median
from typing import Any

from data_contracts.code_systems import OWN

AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "count": len,
    "sum": sum,
    "average": mean,
    "avg": mean,
    "mean": mean,
    "min": min,
    "minimum": min,
    "max": max,
    "maximum": max,
    "median": median,
}
OF_NONE = {"count": 0.0, "sum": 0.0}
"""What these come to when nothing was observed, as a part of a ratio; every other way comes to nothing then."""
NOT_EVALUABLE = f"{OWN}/StructureDefinition/not-evaluable"
"""An extension of a MeasureReport's group: of how many people nothing could be said."""
PARTS = ("numerator", "denominator")


@dataclass(frozen=True)
class Observing:
    """An observation of a measure: how its values are put together, and the code of the population it is made for."""

    id: str
    aggregate: str | None
    of: str | None = None


def is_known(method: str | None) -> bool:
    return (method or "").strip().lower() in AGGREGATES


def observed_score(method: str | None, values: Iterable[float]) -> float | None:
    """Observations put together as the measure says; None without any, and for a method that is not known.

    Values that are null (NaN) are not observed.
    """
    known = [value for value in values if not isnan(value)]
    function = AGGREGATES.get((method or "").strip().lower())
    return None if function is None or not known else float(function(known))


def measure_score(
    scoring: str,
    observing: Sequence[Observing],
    totals: Mapping[str, int],
    observed: Mapping[str, Iterable[float]],
) -> float | None:
    """The score from the members of each population by its code, and from the values of each observation by its id.

    None for a cohort, for an empty population, and where the measure does not say how to put observations together.
    A ratio of observations is one of what is observed, not of counts.
    """
    if scoring == "continuous-variable":
        (one, *more) = observing or (None,)
        return None if one is None or more else observed_score(one.aggregate, observed.get(one.id, ()))
    if scoring == "ratio" and observing:
        return _ratio_of_observations(observing, observed)
    if scoring not in ("proportion", "ratio") or observing:
        return None
    return proportion(totals)


def proportion(totals: Mapping[str, int]) -> float | None:
    """Numerator over denominator without exclusions and exceptions; None for an empty denominator."""
    below = totals.get("denominator", 0)
    below -= totals.get("denominator-exclusion", 0) + totals.get("denominator-exception", 0)
    above = totals.get("numerator", 0) - totals.get("numerator-exclusion", 0)
    return above / below if below > 0 else None


def _ratio_of_observations(
    observing: Sequence[Observing], observed: Mapping[str, Iterable[float]]
) -> float | None:
    by_part = {one.of: one for one in observing}
    if len(observing) != len(PARTS) or by_part.keys() != set(PARTS):
        return None
    above, below = (_part(by_part[part], observed) for part in PARTS)
    return above / below if above is not None and below else None


def _part(one: Observing, observed: Mapping[str, Iterable[float]]) -> float | None:
    score = observed_score(one.aggregate, observed.get(one.id, ()))
    return OF_NONE.get((one.aggregate or "").strip().lower()) if score is None else score


def score_quantity(score: float | None, unit: str | None = None) -> dict[str, Any]:
    """A MeasureReport's measureScore; nothing where there is no score."""
    if score is None:
        return {}
    return {"measureScore": {"value": round(score, 6), **({"unit": unit} if unit else {})}}


def not_evaluable_extension(people: int) -> dict[str, Any]:
    """Beside a group's counts: people who could not be judged; nothing where there are none."""
    return {"extension": [{"url": NOT_EVALUABLE, "valueInteger": people}]} if people else {}


def score_words(scoring: str, score: float | None, unit: str | None = None) -> str:
    """A score as it is shown: only a proportion is a percentage; what is observed has its unit, or none."""
    if score is None:
        return "no score"
    if scoring == "proportion":
        return f"{score:.1%}"
    number = f"{score:,.2f}" if abs(score) >= 1 else f"{score:.3g}"
    return f"{number} {unit}" if unit else number
