"""Test cases of a folder: patients with the populations that the stewards expect, as published.

Three forms are read: NDJSON lines or JSON objects of `case`, `measure`, `period`, `expected` and `resources`; a bundle
with a MeasureReport that says what is expected; and a folder per case with one resource a file, such a report among
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.measures.elm.measure import Group
from pipelines.measures.elm.packages import read_json

PLACES = ("cases", "tests", "input/tests", "test-cases", ".")
"""Where cases stand in a folder; the first that has any is taken."""
OBSERVATION = "measure-observation"


@dataclass(frozen=True)
class ExpectedGroup:
    """Counts per population id, and the observed values per observation id."""

    group: str
    populations: dict[str, float]
    """`id|code` and the count, as published"""


@dataclass(frozen=True)
class Case:
    """`period` is None where the case leaves it to its measure."""

    name: str
    measure: str
    period: tuple[str, str] | None
    expected: tuple[ExpectedGroup, ...]
    resources: list[dict]


def read_cases(folder: Path) -> Iterator[Case]:
    """The cases of a folder. Raises NotFound without any, BadRequest for a case that lacks a part."""
    for place in PLACES:
        found = list(_cases_in(folder / place)) if (folder / place).is_dir() else []
        if found:
            yield from found
            return
    raise NotFound(
        f"'{folder}' has no cases. Put them into cases/ as NDJSON, as bundles with a MeasureReport, or as folders."
    )


def _cases_in(place: Path) -> Iterator[Case]:
    loose: dict[Path, list[dict]] = {}
    for file in sorted(place.rglob("*")):
        if file.name.startswith(".") or not file.name.endswith(
            (".json", ".json.gz", ".ndjson", ".ndjson.gz")
        ):
            continue
        for number, content in enumerate(read_json(file), 1):
            case = _case(content, file, number)
            if case is not None:
                yield case
            elif content.get("resourceType") not in (
                None,
                "Bundle",
                "Measure",
                "Library",
                "ValueSet",
                "CodeSystem",
            ):
                loose.setdefault(file.parent, []).append(content)
    yield from _from_folders(place, loose)


def _case(content: dict, file: Path, number: int) -> Case | None:
    """The case that one JSON object holds; None when it is a resource of a case, or of the package."""
    try:
        if "expected" in content or "case" in content:
            return _written_case(content)
        if content.get("resourceType") == "Bundle":
            resources = [entry.get("resource") or {} for entry in content.get("entry", [])]
            return _reported_case(resources, file.name.partition(".")[0])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadRequest(
            f"Line {number} of '{file.name}' is no case: it needs case, measure, period, expected, resources."
        ) from None
    return None


def _written_case(content: dict) -> Case:
    resources = content["resources"]
    if isinstance(resources, dict):
        resources = [entry["resource"] for entry in resources["entry"]]
    expected = tuple(
        ExpectedGroup(one.get("group") or one.get("id") or "", _populations(one))
        for one in content["expected"]
    )
    return Case(content["case"], content["measure"], _period(content.get("period")), expected, resources)


def _period(period: dict | None) -> tuple[str, str] | None:
    return (period["start"], period["end"]) if period else None


def _populations(group: dict) -> dict[str, float]:
    """As published, or from the populations of a MeasureReport's group."""
    given = group.get("populations", group.get("population", []))
    if isinstance(given, dict):
        return dict(given)
    found: dict[str, float] = {}
    for one in given:
        code = one["code"] if isinstance(one["code"], str) else one["code"]["coding"][0]["code"]
        name = one.get("id") or code
        while f"{name}|{code}" in found:
            name = f"{name}_"
        found[f"{name}|{code}"] = one.get("count", 0)
    return found


def _reported_case(resources: list[dict], name: str) -> Case | None:
    """A patient's resources among which a MeasureReport says what is expected; None without one."""
    reports = [one for one in resources if one.get("resourceType") == "MeasureReport"]
    if not reports:
        return None
    report = reports[0]
    expected = tuple(
        ExpectedGroup(group.get("id", ""), _populations(group)) for group in report.get("group", [])
    )
    kept = [one for one in resources if one.get("resourceType") not in ("MeasureReport", None)]
    return Case(name, report["measure"], _period(report.get("period")), expected, kept)


def _from_folders(place: Path, loose: dict[Path, list[dict]]) -> Iterator[Case]:
    """A case per MeasureReport: what stands in the smallest folder around it that also holds a Patient."""
    for folder, contents in sorted(loose.items()):
        for report in (one for one in contents if one["resourceType"] == "MeasureReport"):
            around = folder
            while around != place and not _holds(loose, around, "Patient"):
                around = around.parent
            inside = [one for one in _under(loose, around) if one["resourceType"] != "MeasureReport"]
            case = _case(
                {"resourceType": "Bundle", "entry": [{"resource": one} for one in (report, *inside)]},
                around,
                1,
            )
            if case is not None:
                yield case


def _under(loose: dict[Path, list[dict]], folder: Path) -> Iterator[dict]:
    for other, contents in sorted(loose.items()):
        if other == folder or folder in other.parents:
            yield from contents


def _holds(loose: dict[Path, list[dict]], folder: Path, kind: str) -> bool:
    return any(one["resourceType"] == kind for one in _under(loose, folder))


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


def expected_counts(group: Group, expected: ExpectedGroup) -> tuple[dict[str, int], dict[str, list[float]]]:
    """(count per population id, sorted values per observation id) in the ids that the measure has now."""
    counts: dict[str, int] = {}
    values: dict[str, list[float]] = {one.id: [] for one in group.of(OBSERVATION)}
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
