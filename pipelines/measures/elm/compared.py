"""One case compared with what a measure says of its patient: counts, observed values, strata, scores."""

from __future__ import annotations

from dataclasses import dataclass, field

from data_contracts.measure_scores import observed_score
from pipelines.measures.elm.cases import Case
from pipelines.measures.elm.engine import Result
from pipelines.measures.elm.expected import (
    OBSERVATION,
    ExpectedGroup,
    expected_counts,
    matching_group,
    same_values,
    says_only_a_score,
)
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.populations import GroupResult


@dataclass
class CaseReport:
    case: str
    expected: dict
    actual: dict
    why: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Run-time errors, which make the patient not evaluable."""

    @property
    def agrees(self) -> bool:
        return not self.why


def expected_of(case: Case) -> dict:
    return {one.group: one.populations for one in case.expected}


def compare(case: Case, result: Result, position: int) -> CaseReport:
    groups = {one.group.id: one for one in result.groups}
    measure = result.compiled.measure
    report = CaseReport(case.name, expected_of(case), {})
    if not case.expected:
        report.why.append("The case expects nothing of any group.")
    for place, expected in enumerate(case.expected):
        group = matching_group(measure.groups, expected, place)
        if group is None:
            report.why.append(f"The case expects a group '{expected.group}' that the measure does not have.")
            continue
        found = groups[group.id]
        report.actual[expected.group] = _actual(found, position)
        report.why += _counts_apart(result, found, expected, position)
        report.why += _strata_apart(found, expected, position)
        report.why += _score_apart(found, expected, position)
    errors = [error for error in result.errors if position in error.patients]
    report.errors = [f"{error.message} at {error.place}" for error in errors]
    if report.why or any(error.unsupported for error in errors):
        report.why += [f"Run-time error: {error}" for error in report.errors]
    return report


def _actual(found: GroupResult, position: int) -> dict:
    counts = {one: found.count(one, position) for one in found.members}
    values = {one: found.observed(one, position) for one in found.observations}
    return {**counts, **values}


def _counts_apart(result: Result, found: GroupResult, expected: ExpectedGroup, position: int) -> list[str]:
    counts, observed = expected_counts(found.group, expected)
    actual, why = _actual(found, position), []
    for name, wanted in counts.items():
        if actual.get(name) != wanted:
            why.append(_why(result, found, name, wanted, actual.get(name), position))
    for name, wanted_values in observed.items():
        if not same_values(wanted_values, actual.get(name, [])):
            why.append(f"{name}: expected values {wanted_values}, found {actual.get(name, [])}.")
    return why


def _why(result: Result, group: GroupResult, name: str, wanted: int, count: int | None, position: int) -> str:
    population = next((one for one in group.group.populations if one.id == name), None)
    if population is None or count is None:
        return f"{name}: expected {wanted}, but the measure has no such population."
    column = result.run.patient_column(result.compiled.criteria[group.group.id][name])
    value = plain(column, position, result.run.texts)
    return f'{name}: expected {wanted}, found {count}; "{population.expression}" is {value}.'


def _score_apart(found: GroupResult, expected: ExpectedGroup, patient: int) -> list[str]:
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


def _strata_apart(found: GroupResult, expected: ExpectedGroup, patient: int) -> list[str]:
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
