"""What a case expects of a measure's groups: counts, observed values and strata, matched to the groups of today."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.measures.elm.measure import Group

OBSERVATION = "measure-observation"


@dataclass(frozen=True)
class ExpectedGroup:
    """Counts per population id, and the observed values per observation id."""

    group: str
    populations: dict[str, float]
    """`id|code` and the count, as published"""
    strata: dict[str, dict[str, float]] = field(default_factory=dict)
    """By `stratifier id|value` of each stratum (the value may be empty) the same"""
    score: float | None = None


def expected_group(group: dict) -> ExpectedGroup:
    name = group.get("group") or group.get("id") or ""
    strata = {
        f"{one.get('id') or ''}|{_stratum_value(stratum)}": _populations(stratum)
        for one in group.get("stratifier", [])
        for stratum in one.get("stratum", [])
    }
    score = (group.get("measureScore") or {}).get("value")
    return ExpectedGroup(name, _populations(group), strata, None if score is None else float(score))


def _stratum_value(stratum: dict) -> str:
    value = stratum.get("value") or {}
    codes = [one.get("code", "") for one in value.get("coding", [])]
    return value.get("text") or next((code for code in codes if code), "")


def _populations(group: dict) -> dict[str, float]:
    """As published, or from the populations of a MeasureReport's group."""
    given = group.get("populations", group.get("population", []))
    if isinstance(given, dict):
        return {name: _number(count) for name, count in given.items()}
    found: dict[str, float] = {}
    for one in given:
        code = one["code"] if isinstance(one["code"], str) else one["code"]["coding"][0]["code"]
        name = one.get("id") or code
        while f"{name}|{code}" in found:
            name = f"{name}_"
        found[f"{name}|{code}"] = _number(one.get("count"))
    return found


def _number(count) -> float:
    """A count as published, nothing being none. Raises ValueError or TypeError for what is no number."""
    return count if isinstance(count, int | float) else float(count or 0)


def matching_group(groups: tuple[Group, ...], expected: ExpectedGroup, position: int) -> Group | None:
    """The group of that id; else the only one with these populations; else the one in that place."""
    for group in groups:
        if group.id == expected.group:
            return group
    keys = [key.partition("|")[::2] for key in expected.populations]
    for alike in (_same_ids, _same_codes):
        found = [group for group in groups if alike(group, keys)]
        if len(found) == 1:
            return found[0]
    return groups[position] if position < len(groups) else None


def _same_ids(group: Group, keys: Iterable[tuple[str, str]]) -> bool:
    wanted = {name for name, code in keys if code != OBSERVATION}
    return wanted == {one.id for one in group.populations if one.code != OBSERVATION}


def _same_codes(group: Group, keys: Iterable[tuple[str, str]]) -> bool:
    wanted = sorted(code for _, code in keys if code != OBSERVATION)
    return wanted == sorted(one.code for one in group.populations if one.code != OBSERVATION)


def says_only_a_score(group: Group, expected: ExpectedGroup) -> bool:
    """Does the case give the score of a continuous variable in place of the observed values?

    Scores of other groups are constants that an authoring tool left behind, and say nothing.
    """
    said = any(key.endswith(f"|{OBSERVATION}") for key in expected.populations)
    return group.scoring == "continuous-variable" and expected.score is not None and not said


def expected_counts(group: Group, expected: ExpectedGroup) -> tuple[dict[str, int], dict[str, list[float]]]:
    """(count per population id, sorted values per observation id) in the ids that the measure has now."""
    counts: dict[str, int] = {}
    by_score = says_only_a_score(group, expected)
    values: dict[str, list[float]] = {one.id: [] for one in group.of(OBSERVATION) if not by_score}
    for key, value in expected.populations.items():
        name, _, code = key.partition("|")
        if code == OBSERVATION:
            values.setdefault(_observation_id(values, name), []).append(float(value))
        else:
            counts[_population_id(group, name, code, counts)] = int(value)
    return counts, {name: sorted(found) for name, found in values.items()}


def _observation_id(known: Iterable[str], name: str) -> str:
    """Each observed value has an id that begins with the observation's; the longest such beginning is meant."""
    found = [one for one in known if name == one or name.startswith(f"{one}_")]
    if found:
        return max(found, key=len)
    only = list(known)
    return only[0] if len(only) == 1 else name


def _population_id(group: Group, name: str, code: str, taken: Iterable[str]) -> str:
    """The population of that id and code; else the next one of that code."""
    if any(one.id == name and one.code == code for one in group.populations):
        return name
    same_code = [one.id for one in group.of(code) if one.id not in taken]
    return same_code[0] if same_code else name


def same_values(expected: list[float], found: list[float]) -> bool:
    """Are they the values observed? A zero may also stand for what was not observed, or was null."""
    kept, found = list(expected), [one for one in found if one == one]
    while len(kept) > len(found) and 0.0 in kept:
        kept.remove(0.0)
    return len(kept) == len(found) and all(
        abs(one - two) < 1e-6 for one, two in zip(kept, sorted(found), strict=True)
    )
