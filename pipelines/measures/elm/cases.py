"""Test cases of a folder: patients with the populations that the stewards expect, as published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.measures.elm.measure import Group
from pipelines.measures.elm.packages import read_json


@dataclass(frozen=True)
class ExpectedGroup:
    """Counts per population id, and the observed values per observation id."""

    group: str
    populations: dict[str, float]
    """`id|code` and the count, as published"""


@dataclass(frozen=True)
class Case:
    name: str
    measure: str
    period: tuple[str, str]
    expected: tuple[ExpectedGroup, ...]
    resources: list[dict]


def read_cases(folder: Path) -> Iterator[Case]:
    """The cases of `folder/cases`. Raises NotFound without any, BadRequest for a line that lacks a part."""
    files = sorted((folder / "cases").glob("*.ndjson*"))
    if not files:
        raise NotFound(f"'{folder}' has no cases/*.ndjson or cases/*.ndjson.gz.")
    for file in files:
        for number, content in enumerate(read_json(file), 1):
            try:
                yield _case(content)
            except (KeyError, TypeError):
                raise BadRequest(
                    f"Line {number} of '{file.name}' is no case: it needs case, measure, period, expected, resources."
                ) from None


def _case(content: dict) -> Case:
    period = content["period"]
    return Case(
        content["case"],
        content["measure"],
        (period["start"], period["end"]),
        tuple(ExpectedGroup(one["group"], dict(one["populations"])) for one in content["expected"]),
        content["resources"],
    )


def matching_group(groups: tuple[Group, ...], expected: ExpectedGroup, position: int) -> Group | None:
    """The group of that id; the one in that place where the id is of an earlier draft of the measure."""
    for group in groups:
        if group.id == expected.group:
            return group
    return groups[position] if position < len(groups) else None


def expected_counts(group: Group, expected: ExpectedGroup) -> tuple[dict[str, int], dict[str, list[float]]]:
    """(count per population id, sorted values per observation id) in the ids that the measure has now."""
    counts: dict[str, int] = {}
    values: dict[str, list[float]] = {one.id: [] for one in group.of("measure-observation")}
    for key, value in expected.populations.items():
        name, _, code = key.partition("|")
        if code == "measure-observation":
            found = next((one for one in values if name == one or name.startswith(f"{one}_")), None)
            values.setdefault(found or name, []).append(float(value))
        else:
            counts[_population_id(group, name, code)] = int(value)
    return counts, {name: sorted(found) for name, found in values.items()}


def _population_id(group: Group, name: str, code: str) -> str:
    if any(one.id == name for one in group.populations):
        return name
    same_code = group.of(code)
    return same_code[0].id if len(same_code) == 1 else name
