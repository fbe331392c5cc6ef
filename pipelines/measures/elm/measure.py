"""Measures: the groups, populations, basis, scoring and stratifiers that a FHIR Measure names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ehr_core.kernel.errors import BadRequest

SCORING = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-scoring"
BASIS = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis"
CRITERIA_REFERENCE = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-criteriaReference"
AGGREGATE = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-aggregateMethod"


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
    id: str
    expression: str


@dataclass(frozen=True)
class Supplement:
    """A definition reported beside the populations: supplemental data or a factor to adjust the risk by."""

    id: str
    expression: str
    adjusts_risk: bool = False


@dataclass(frozen=True)
class Group:
    id: str
    scoring: str
    basis: str
    populations: tuple[Population, ...]
    stratifiers: tuple[Stratifier, ...]

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
    if _code(content.get("scoring")) == "composite":
        raise BadRequest(
            f"The measure '{name}' is a composite. Evaluate the measures that it is composed of."
        )
    if not content.get("library"):
        raise BadRequest(f"The measure '{name}' names no library.")
    try:
        return _measure(content)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadRequest(f"The measure '{name}' cannot be read: {type(error).__name__} {error}.") from None


def _measure(content: dict) -> Measure:
    library, _, version = content["library"][0].partition("|")
    period = content.get("effectivePeriod") or {}
    return Measure(
        content.get("url", ""),
        content.get("name") or content["id"],
        content.get("version", ""),
        content.get("title", ""),
        library.rsplit("/", 1)[-1],
        version or None,
        tuple(_group(group, content, number) for number, group in enumerate(content.get("group", []), 1)),
        tuple(_supplement(one) for one in content.get("supplementalData", []) if "criteria" in one),
        (period["start"], period["end"]) if "start" in period and "end" in period else None,
    )


def _supplement(one: dict) -> Supplement:
    expression = one["criteria"]["expression"]
    usage = (_code(each) for each in one.get("usage", []))
    return Supplement(one.get("id") or expression, expression, "risk-adjustment-factor" in usage)


def period_now() -> tuple[str, str]:
    """This calendar year, for a case and a measure that name no period."""
    year = datetime.now(UTC).year
    return f"{year}-01-01", f"{year}-12-31"


def _group(group: dict, measure: dict, number: int) -> Group:
    scoring = _extension(group, SCORING) or _code(measure.get("scoring")) or "proportion"
    basis = _extension(group, BASIS) or _extension(measure, BASIS) or "boolean"
    return Group(
        group.get("id") or f"Group_{number}",
        scoring,
        basis,
        tuple(_population(one) for one in group.get("population", [])),
        tuple(
            Stratifier(one.get("id", f"Stratifier_{at}"), one["criteria"]["expression"])
            for at, one in enumerate(group.get("stratifier", []), 1)
            if "criteria" in one
        ),
    )


def _population(one: dict) -> Population:
    code = _code(one.get("code")) or ""
    return Population(
        one.get("id", code),
        code,
        one.get("criteria", {}).get("expression", ""),
        _extension(one, CRITERIA_REFERENCE),
        _extension(one, AGGREGATE),
    )


def _code(concept: dict | None) -> str | None:
    return next((coding.get("code") for coding in (concept or {}).get("coding", [])), None)


def _extension(holder: dict, url: str) -> str | None:
    for one in holder.get("extension", []):
        if one.get("url") == url:
            return _code(one.get("valueCodeableConcept")) or one.get("valueCode") or one.get("valueString")
    return None
