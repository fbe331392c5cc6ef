"""Scores: a group's proportion from counts, and what is observed put together as the measure says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median

from pipelines.measures.elm.expected import OBSERVATION
from pipelines.measures.elm.measure import Group

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


def observed_score(method: str | None, values: Sequence[float]) -> float | None:
    """Observations put together as the measure says; None without any, and for a method that is not known.

    A count of none is 0. Values that are null are not observed.
    """
    known = [value for value in values if value == value]
    function = AGGREGATES.get((method or "").strip().lower())
    if function is None or (not known and function is not len):
        return None
    return float(function(known))


def score_of(group: Group, observed: Mapping[str, Sequence[float]]) -> float | None:
    """A continuous variable's score, or a ratio's of what is observed of its numerator and of its denominator."""
    scores = {
        one.id: observed_score(one.aggregate, observed[one.id])
        for one in group.of(OBSERVATION)
        if one.id in observed
    }
    if group.scoring == "continuous-variable":
        return next(iter(scores.values())) if len(scores) == 1 else None
    if group.scoring != "ratio" or len(scores) != 2:
        return None
    of = {_observed_code(group, one.criteria_of): scores[one.id] for one in group.of(OBSERVATION)}
    above, below = of.get("numerator"), of.get("denominator")
    return above / below if above is not None and below else None


def _observed_code(group: Group, name: str | None) -> str | None:
    """The code of the population that an observation names by id or by code."""
    return next((one.code for one in group.populations if name in (one.id, one.code)), None)


def proportion(group: Group, counts: Mapping[str, int], prefix: str = "") -> float | None:
    """Numerator over denominator without exclusions and exceptions; None where that is not how it is scored.

    A ratio of observations is not one of counts.
    """
    if group.scoring not in ("proportion", "ratio") or group.of(OBSERVATION):
        return None
    total = lambda code: sum(counts[prefix + one.id] for one in group.of(code))  # noqa: E731
    below = total("denominator") - total("denominator-exclusion") - total("denominator-exception")
    above = total("numerator") - total("numerator-exclusion")
    return above / below if below > 0 else None
