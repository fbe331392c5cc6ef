"""Measures: the groups, populations, basis, scoring and stratifiers that a FHIR Measure names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ehr_core.kernel.errors import BadRequest

SCORING, BASIS, UNIT = "scoring", "populationBasis", "scoringUnit"
CRITERIA_REFERENCE, AGGREGATE = "criteriaReference", "aggregateMethod"
GUIDES = ("cqfm", "cqm", "cqf")
"""What stands before an extension's own name: the guide of measures has moved, and was named anew each time."""


@dataclass(frozen=True)
class Population:
    """One population of a group. `criteria_of` is the population that an observation is made for."""

    id: str
    code: str
    expression: str
    criteria_of: str | None = None
    aggregate: str | None = None


@dataclass(frozen=True)
class Stratifier:
    """Parts a group by one definition, or by the combinations of what several `components` (id, definition) say."""

    id: str
    expression: str
    components: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Supplement:
    """A definition reported beside the populations: supplemental data or a factor to adjust the risk by."""

    id: str
    expression: str
    adjusts_risk: bool = False


@dataclass(frozen=True)
class Group:
    """`basis_given`: the measure itself says what its populations count. `unit` is that of its score (UCUM)."""

    id: str
    scoring: str
    basis: str
    populations: tuple[Population, ...]
    stratifiers: tuple[Stratifier, ...]
    basis_given: bool = True
    unit: str | None = None

    def of(self, code: str) -> tuple[Population, ...]:
        return tuple(one for one in self.populations if one.code == code)


@dataclass(frozen=True)
class Measure:
    url: str
    name: str
    version: str
    title: str
    library: str
    library_version: str | None
    groups: tuple[Group, ...]
    supplemental: tuple[Supplement, ...] = ()
    period: tuple[str, str] | None = None
    """First and last day for which it is meant, if it says so"""


def read_measure(content: dict) -> Measure:
    """A FHIR Measure as what the engine needs of it. Raises BadRequest when it cannot be evaluated."""
    name = content.get("name") or content.get("id")
    try:
        if _code(content.get("scoring")) == "composite":
            raise BadRequest(_composite(name, content))
        if not content.get("library"):
            raise BadRequest(f"The measure '{name}' names no library.")
        measure = _measure(content)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadRequest(f"The measure '{name}' cannot be read: {type(error).__name__} {error}.") from None
    if any(group.scoring == "composite" for group in measure.groups):
        raise BadRequest(_composite(name, content))
    return measure


def _composite(name: str | None, content: dict) -> str:
    """Why a composite is not taken, and which measures to take in its place."""
    parts = [
        str(one.get("resource") or one.get("display") or one.get("url"))
        for one in content.get("relatedArtifact", [])
        if one.get("type") == "composed-of"
    ]
    named = f": {', '.join(parts)}" if parts else ""
    return (
        f"The measure '{name}' is a composite, which is not supported. "
        f"Take the measures that it is composed of{named}, and leave it out (--measure NAME)."
    )


def _measure(content: dict) -> Measure:
    library, _, version = content["library"][0].partition("|")
    period = content.get("effectivePeriod") or {}
    return Measure(
        content.get("url", ""),
        content.get("name") or content["id"],
        content.get("version", ""),
        content.get("title", ""),
        library.rsplit("/", 1)[-1].removeprefix("#"),
        version or None,
        tuple(_group(group, content, number) for number, group in enumerate(content.get("group", []), 1)),
        tuple(_supplement(one) for one in content.get("supplementalData", []) if "criteria" in one),
        (period["start"], period["end"]) if "start" in period and "end" in period else None,
    )


def _supplement(one: dict) -> Supplement:
    expression = _expression(one)
    usage = (_code(each) for each in one.get("usage", []))
    return Supplement(one.get("id") or expression, expression, "risk-adjustment-factor" in usage)


def period_now() -> tuple[str, str]:
    """This calendar year, for a case and a measure that name no period."""
    year = datetime.now(UTC).year
    return f"{year}-01-01", f"{year}-12-31"


def _group(group: dict, measure: dict, number: int) -> Group:
    scoring = extension_of(group, SCORING) or _code(group.get("scoring")) or _code(measure.get("scoring"))
    basis = (
        extension_of(group, BASIS)
        or group.get("basis")
        or extension_of(measure, BASIS)
        or measure.get("basis")
    )
    populations: list[Population] = []
    for one in group.get("population", []):
        populations.append(_population(one, {known.id for known in populations}))
    taken = {one.id for one in populations}
    stratifiers = (
        _stratifier(one, at, taken)
        for at, one in enumerate(group.get("stratifier", []), 1)
        if "criteria" in one or one.get("component")
    )
    return Group(
        group.get("id") or f"Group_{number}",
        scoring or "proportion",
        basis or "boolean",
        tuple(populations),
        tuple(stratifiers),
        basis is not None,
        _unit(group) or _unit(measure),
    )


def _unit(holder: dict) -> str | None:
    """The unit that its score is said to have: by the extension, or by the element that later releases have."""
    said = holder.get("scoringUnit") or {}
    return extension_of(holder, UNIT) or _code(said) or said.get("text")


def _population(one: dict, taken: Collection[str]) -> Population:
    code = _code(one.get("code")) or ""
    return Population(
        _free(one.get("id") or code, taken),
        code,
        _expression(one),
        extension_of(one, CRITERIA_REFERENCE) or one.get("criteriaReference"),
        extension_of(one, AGGREGATE) or _code(one.get("aggregateMethod")),
    )


def _stratifier(one: dict, number: int, taken: Collection[str]) -> Stratifier:
    name = _free(one.get("id") or f"Stratifier_{number}", taken)
    components = tuple(
        (part.get("id") or f"Component_{at}", _expression(part))
        for at, part in enumerate(one.get("component", []), 1)
    )
    return Stratifier(name, _expression(one), components)


def _expression(holder: dict) -> str:
    """The definition that a criterion names, also when it is written in quotes."""
    expression = (holder.get("criteria") or {}).get("expression", "")
    quoted = len(expression) > 1 and expression[0] == expression[-1] == '"'
    return expression[1:-1] if quoted else expression


def _free(name: str, taken: Collection[str]) -> str:
    """The name, numbered where another one has it already."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _code(concept: dict | None) -> str | None:
    return next((coding.get("code") for coding in (concept or {}).get("coding", [])), None)


def extension_of(holder: Mapping, name: str) -> str | None:
    """What the extension of that name says, by a code or a text, of whichever of the guides it is."""
    for one in holder.get("extension", []):
        guide, _, own = str(one.get("url")).rpartition("/")[2].partition("-")
        if guide in GUIDES and own == name:
            return _code(one.get("valueCodeableConcept")) or one.get("valueCode") or one.get("valueString")
    return None
