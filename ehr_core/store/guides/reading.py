"""Reduces a StructureDefinition to what it asks for beyond R4 itself: compact facts that are stored and checked.

Facts of a profile: `url`, `version`, `type`, `base`, `whole` (from a snapshot: the base has been taken in), `elements`
(by id without the type in front, in their order) and `rules` (FHIRPath by key). An element's facts, each only where it
says more than R4: `min`, `max`, `types`, `to` (resource types of references), `profiles`, `fixed`, `pattern`,
`binding` and `limit` ([strength, value set]), `rules`, `by` (discriminators 'kind:path') and `closed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, Definition, Element, definition, is_resource
from ehr_core.store.invariants import INVARIANTS

BASE = "http://hl7.org/fhir/StructureDefinition/"
MAX_VALUE_SET = f"{BASE}elementdefinition-maxValueSet"
URL_SLICING = ["value:url"]
CHECKED = ("required", "extensible")
R4_RULES = frozenset({"ele-1", "ext-1"} | {rule.key for rules in INVARIANTS.values() for rule in rules})
Facts = dict[str, Any]
TypeOf = Callable[[str], str | None]
"""The FHIR type that a profile's address is about; None when it is not known."""


class NotAProfile(BadRequest):
    """A definition that cannot be understood; the message says which and why."""


def profile_facts(definition_json: Mapping[str, Any], type_of: TypeOf) -> Facts:
    """The facts of a constraint on an R4 type. Raises NotAProfile."""
    url, type_name = definition_json.get("url"), definition_json.get("type")
    if not isinstance(url, str) or not isinstance(type_name, str) or known_type(type_name) is None:
        raise NotAProfile("A StructureDefinition needs a url and an R4 type.")
    snapshot = _elements(definition_json, "snapshot")
    elements = snapshot or _elements(definition_json, "differential")
    if not elements:
        raise NotAProfile(f"The profile {url} has neither a snapshot nor a differential.")
    facts: Facts = {
        "url": url,
        "version": str(definition_json.get("version", "")),
        "type": type_name,
        "base": str(definition_json.get("baseDefinition", "")),
        "whole": bool(snapshot),
        "elements": {},
        "rules": {},
    }
    for element in elements:
        key = _key(element, type_name)
        said = _said(element, type_name, key, type_of, facts["rules"])
        if said or key.rpartition(".")[2].count(":"):
            facts["elements"][key] = said
    return facts


def known_type(name: str) -> Definition | None:
    try:
        return definition(name)
    except (ValueError, KeyError):
        return None


def _elements(definition_json: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    held = definition_json.get(part)
    found = held.get("element") if isinstance(held, dict) else None
    return [each for each in found or () if isinstance(each, dict) and isinstance(each.get("path"), str)]


def _key(element: Mapping[str, Any], type_name: str) -> str:
    """'component:systolic.code' for 'Observation.component:systolic.code'; '' for the root."""
    written = element.get("id") or element["path"]
    if "id" not in element and element.get("sliceName"):
        written = f"{written}:{element['sliceName']}"
    return str(written).removeprefix(type_name).removeprefix(".")


def _said(element: Mapping[str, Any], type_name: str, key: str, type_of: TypeOf, rules: Facts) -> Facts:
    base = base_elements(type_name, element["path"])
    sliced = ":" in key.rpartition(".")[2]
    said: Facts = _cardinality(element, base, sliced) if key else {}
    said |= _types(element, base, sliced, type_of) if key else {}
    for name, value in element.items():
        if name.startswith("fixed"):
            said["fixed"] = value
        elif name.startswith("pattern"):
            said["pattern"] = value
    said |= _bindings(element)
    said |= _slicing(element, key)
    own = [each for each in element.get("constraint", ()) if _is_own(each)]
    if own:
        said["rules"] = [str(each["key"]) for each in own]
        rules |= {str(each["key"]): _rule(each) for each in own}
    return said


def base_elements(type_name: str, path: str) -> list[Element]:
    """What R4 says of a path: one element, or those of a choice; empty where it says nothing that is kept here."""
    described = known_type(type_name)
    found: list[Element] = []
    for name in path.split(".")[1:]:
        if described is None:
            return []
        stem = name.removesuffix("[x]")
        group = described.choices.get(stem, ()) if name.endswith("[x]") else (name,)
        found = [described.elements[each] for each in group if each in described.elements]
        if not found or found[0].type == ANY_RESOURCE:
            return found if name == path.rpartition(".")[2] else []
        described = None if found[0].primitive else known_type(found[0].type)
    return found


def _cardinality(element: Mapping[str, Any], base: list[Element], sliced: bool) -> Facts:
    said: Facts = {}
    own = element.get("base", {})
    lowest = own.get("min", int(bool(base) and base[0].required and not base[0].choice))
    highest = own.get("max", "*" if base and base[0].many else "1")
    low, high = element.get("min"), element.get("max")
    if isinstance(low, int) and low > (0 if sliced else lowest):
        said["min"] = low
    if isinstance(high, str) and high.isdigit() and (high != highest or (sliced and highest == "*")):
        said["max"] = int(high)
    return said


def _types(element: Mapping[str, Any], base: list[Element], sliced: bool, type_of: TypeOf) -> Facts:
    given = [each for each in element.get("type", ()) if isinstance(each.get("code"), str)]
    names = [each["code"] for each in given if "/" not in each["code"]]
    said: Facts = {}
    if element["path"].endswith("[x]") and names:
        allowed = {each.type for each in base}
        if sliced or allowed - set(names):
            said["types"] = sorted(set(names))
    targets = [target for each in given for target in each.get("targetProfile", ())]
    types = [_target(target, type_of) for target in targets]
    if types and None not in types and ANY_RESOURCE not in types:
        wider = {name for each in base for name in each.targets}
        if sliced or not wider or wider - set(types):
            said["to"] = sorted(set(filter(None, types)))
    profiles = [url for each in given for url in each.get("profile", ()) if not _is_base(url)]
    if profiles:
        said["profiles"] = profiles
    return said


def _target(url: str, type_of: TypeOf) -> str | None:
    url = url.partition("|")[0]
    name = url.removeprefix(BASE)
    return name if name == ANY_RESOURCE or is_resource(name) else type_of(url)


def _is_base(url: str) -> bool:
    return url.startswith(BASE) and known_type(url.removeprefix(BASE)) is not None


def _bindings(element: Mapping[str, Any]) -> Facts:
    """A `code`'s binding to R4's own list is settled by the structure already."""
    given = element.get("binding")
    if not isinstance(given, dict):
        return {}
    said: Facts = {}
    codes = {each.get("code") for each in element.get("type", ())} == {"code"}
    url = given.get("valueSet")
    if isinstance(url, str) and given.get("strength") in CHECKED:
        own = codes and url.startswith("http://hl7.org/fhir/ValueSet/")
        if not own:
            said["binding"] = [given["strength"], url]
    for extension in given.get("extension", ()):
        if extension.get("url") == MAX_VALUE_SET and not codes:
            limit = extension.get("valueCanonical") or extension.get("valueUri")
            if isinstance(limit, str):
                said["limit"] = ["required", limit]
    return said


def _slicing(element: Mapping[str, Any], key: str) -> Facts:
    given = element.get("slicing")
    if not isinstance(given, dict):
        return {}
    by = [f"{each.get('type')}:{each.get('path')}" for each in given.get("discriminator", ())]
    said: Facts = {"closed": True} if given.get("rules") == "closed" else {}
    is_extension = key.rpartition(".")[2] in ("extension", "modifierExtension")
    return said if is_extension and by == URL_SLICING else said | {"by": by}


def _is_own(constraint: Mapping[str, Any]) -> bool:
    """Not R4's own, which every resource is checked against anyway."""
    source = constraint.get("source")
    whole = isinstance(constraint.get("key"), str) and isinstance(constraint.get("expression"), str)
    return whole and not (isinstance(source, str) and _is_base(source)) and constraint["key"] not in R4_RULES


def _rule(constraint: Mapping[str, Any]) -> Facts:
    return {
        "severity": "warning" if constraint.get("severity") == "warning" else "error",
        "expression": constraint["expression"],
        "sentence": str(constraint.get("human") or f"must keep the rule {constraint['key']}"),
    }
