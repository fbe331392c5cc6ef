"""Scores and strata of one patient against what a case expects of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean, median

from pipelines.measures.elm.expected import OBSERVATION, ExpectedGroup, expected_counts, says_only_a_score
from pipelines.measures.elm.populations import GroupResult

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


def score_apart(found: GroupResult, expected: ExpectedGroup, patient: int) -> list[str]:
    """A continuous variable's score, where that is all that the case says of what is observed."""
    observations = found.group.of(OBSERVATION)
    if not says_only_a_score(found.group, expected) or expected.score is None or len(observations) != 1:
        return []
    values = found.observed(observations[0].id, patient) if observations[0].id in found.observations else []
    score = observed_score(observations[0].aggregate, values)
    if abs((score or 0.0) - expected.score) < 1e-6:
        return []
    method = observations[0].aggregate or "no aggregate method"
    return [
        f"{observations[0].id}: expected a score of {expected.score}, found {score} ({method} of {values})."
    ]


def strata_apart(found: GroupResult, expected: ExpectedGroup, patient: int) -> list[str]:
    """Counts of the strata that a case expects; one without a value is where the definition is true."""
    why = []
    for key, populations in expected.strata.items():
        name, _, value = key.partition("|")
        stratum = _stratum(found, name, value)
        counts, _ = expected_counts(found.group, ExpectedGroup(found.group.id, populations))
        for population, wanted in counts.items():
            if stratum is None and any(one.id == name for one in found.group.stratifiers) and value:
                actual = 0
            elif stratum is None or population not in found.members:
                why.append(
                    f"The case expects a stratum '{key}' of {population} that the measure does not have."
                )
                continue
            else:
                actual = int((found.stratum(stratum, population).patients == patient).sum())
            if actual != wanted:
                why.append(f"{population} in stratum '{key}': expected {wanted}, found {actual}.")
    return why


def _stratum(found: GroupResult, name: str, value: str) -> str | None:
    """The key of the stratum among those found; None where no patient has that value."""
    if value in ("", "true") and name in found.strata:
        return name
    return f"{name}={value}" if f"{name}={value}" in found.strata else None
