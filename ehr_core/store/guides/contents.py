"""What a package puts into force: its profiles, value sets, code systems and search parameters, as facts.

What cannot be used is named with the reason, and the rest is taken in: a guide whose one odd parameter is not indexed
here is still worth having.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_definitions import is_resource
from ehr_core.store.guides.package import BadPackage, Package, PackageTooLarge
from ehr_core.store.guides.reading import known_type, profile_facts
from ehr_core.store.guides.search_expressions import NotSimple, search_facts
from ehr_core.store.guides.value_sets import code_system_facts, value_set_facts
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_parameters import Search, known_parameters
from ehr_core.store.tables import current_table
from ehr_core.store.visible import NOBODY, Sight

PROFILE, VALUE_SET, CODE_SYSTEM, SEARCH = "profile", "value_set", "code_system", "search"
MOST_CODES = 500_000
MOST_ELEMENTS = 300_000
Facts = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One definition of a package, reduced to what is checked or searched."""

    kind: str
    url: str
    version: str
    facts: Facts


@dataclass
class Contents:
    """The parts, and in words what was left out."""

    parts: list[Part] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        kinds = (PROFILE, VALUE_SET, CODE_SYSTEM, SEARCH)
        return {kind: sum(part.kind == kind for part in self.parts) for kind in kinds}


def contents_of(package: Package, type_of: Callable[[str], str | None]) -> Contents:
    """`type_of` knows the profiles that are in force already. Raises BadPackage or PackageTooLarge."""
    own = {
        each["url"]: each["type"]
        for each in package.resources
        if each["resourceType"] == "StructureDefinition" and isinstance(each.get("type"), str)
    }
    found = Contents()
    for resource in package.resources:
        take = TAKERS[resource["resourceType"]]
        try:
            taken = take(resource, lambda url: own.get(url) or type_of(url))
        except BadRequest as why:
            found.left_out.append(f"{resource['resourceType']} {resource['url']}: {why.message}")
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            raise BadPackage(
                f"The {resource['resourceType']} {resource['url']} in the package is not built as R4 has it."
            ) from None
        else:
            found.parts += taken
    _check_sizes(found)
    return found


def _check_sizes(found: Contents) -> None:
    codes = sum(_codes_in(part.facts) for part in found.parts if part.kind in (VALUE_SET, CODE_SYSTEM))
    elements = sum(len(part.facts["elements"]) for part in found.parts if part.kind == PROFILE)
    if codes > MOST_CODES:
        raise PackageTooLarge(
            f"The package's value sets and code systems hold more than {MOST_CODES:,} codes."
        )
    if elements > MOST_ELEMENTS:
        raise PackageTooLarge(f"The package's profiles hold more than {MOST_ELEMENTS:,} elements.")


def _codes_in(facts: Facts) -> int:
    if "codes" in facts:
        return len(facts["codes"])
    return sum(len(part.get("codes", ())) for part in facts["include"] + facts["exclude"])


TypeOf = Callable[[str], str | None]


def _profile(resource: Mapping[str, Any], type_of: TypeOf) -> list[Part]:
    """Profiles and extensions; R4's own types and logical models say nothing that is checked."""
    if resource.get("derivation") != "constraint" or resource.get("kind") not in ("resource", "complex-type"):
        return []
    type_name = resource.get("type")
    if not isinstance(type_name, str) or not (is_resource(type_name) or known_type(type_name)):
        return []
    facts = profile_facts(resource, type_of)
    return [Part(PROFILE, facts["url"], facts["version"], facts)]


def _value_set(resource: Mapping[str, Any], type_of: TypeOf) -> list[Part]:
    facts = value_set_facts(resource)
    return [Part(VALUE_SET, facts["url"], facts["version"], facts)]


def _code_system(resource: Mapping[str, Any], type_of: TypeOf) -> list[Part]:
    if resource.get("content") not in ("complete", "fragment", "example"):
        return []
    facts = code_system_facts(resource)
    return [Part(CODE_SYSTEM, facts["url"], facts["version"], facts)]


@cache
def searched_already(type_name: str) -> frozenset[str]:
    """The names of the parameters of a type that need no package."""
    search = Search(Sight(NOBODY), "UTC")
    return frozenset(known_parameters(RESOURCE_TYPES[type_name], current_table(type_name), search))


def _search(resource: Mapping[str, Any], type_of: TypeOf) -> list[Part]:
    wanted = [name for name in resource.get("base") or () if name in RESOURCE_TYPES]
    if all(resource.get("code") in searched_already(name) for name in wanted):
        return []
    try:
        found = [
            (type_name, fact)
            for type_name, fact in search_facts(resource)
            if fact.name not in searched_already(type_name)
        ]
    except NotSimple as why:
        raise NotSimple(f"{why.message}, so it is not searched") from None
    if not found:
        return []
    facts: Facts = {
        "name": found[0][1].name,
        "kind": found[0][1].kind,
        "paths": {type_name: list(fact.paths) for type_name, fact in found},
    }
    return [Part(SEARCH, resource["url"], str(resource.get("version", "")), facts)]


TAKERS: dict[str, Callable[[Mapping[str, Any], TypeOf], list[Part]]] = {
    "StructureDefinition": _profile,
    "ValueSet": _value_set,
    "CodeSystem": _code_system,
    "SearchParameter": _search,
}
