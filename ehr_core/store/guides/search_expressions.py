"""Compiles a SearchParameter's expression to paths that are promoted and searched; what is not simple is refused.

Simple are element paths, choices with `as` or `ofType`, extensions by their address, contacts by their system, and
unions of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_definitions import Element, definition, is_resource
from ehr_core.store.element_values import steps_of
from ehr_core.store.fhirpath.parsing import NotUnderstood, Tree, parsed
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_facts import SearchFact

CODED = frozenset(
    {"code", "Coding", "CodeableConcept", "Identifier", "ContactPoint", "boolean", "id", "string", "uri"}
)
SUITABLE = {
    "token": CODED,
    "string": frozenset({"string", "markdown", "Address"}),
    "date": frozenset({"date", "dateTime", "instant", "Period"}),
    "quantity": frozenset({"Quantity", "Age", "Duration", "Count", "Distance"}),
    "uri": frozenset({"uri", "url", "canonical", "oid", "uuid"}),
    "reference": frozenset({"Reference", "canonical"}),
}
"""The types that each kind of parameter is searched in."""
NAME_LENGTH = 64
RESOLVED = ("type", "is", ("call", "resolve", ()))


class NotSimple(BadRequest):
    """A parameter that cannot be searched here; the message says why."""


@dataclass(frozen=True)
class Place:
    """An element on the way: its path as search_facts.toml writes it, and what it is."""

    path: str
    element: Element | None
    type_name: str


def search_facts(parameter: Mapping[str, Any]) -> Iterator[tuple[str, SearchFact]]:
    """(resource type, fact) for each type kept here that the parameter is for. Raises NotSimple."""
    name, kind, expression = (parameter.get(key) for key in ("code", "type", "expression"))
    if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH or not _is_plain(name):
        raise NotSimple("its code is no plain name")
    if kind not in SUITABLE:
        raise NotSimple(f"parameters of type {str(kind)[:20]} are not taken from packages")
    if not isinstance(expression, str):
        raise NotSimple("it has no expression")
    try:
        branches = list(_branches(parsed(expression)))
    except NotUnderstood as why:
        raise NotSimple(f"its expression {why}") from None
    for type_name in parameter.get("base") or ():
        if type_name in RESOURCE_TYPES:
            yield type_name, SearchFact(name, kind, _paths(branches, type_name, kind))


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _branches(tree: Tree) -> Iterator[Tree]:
    if tree[0] == "both" and tree[1] == "|":
        yield from _branches(tree[2])
        yield from _branches(tree[3])
    else:
        yield tree


def _paths(branches: list[Tree], type_name: str, kind: str) -> tuple[str, ...]:
    found: list[str] = []
    for branch in branches:
        if _root(branch) not in (type_name, "Resource", "DomainResource"):
            continue
        places = _walked(branch, type_name)
        suitable = [place for place in places if place.element and place.type_name in SUITABLE[kind]]
        if kind == "token":
            suitable = _whole_codings(suitable, type_name)
        if not suitable:
            raise NotSimple(f"its expression leads to nothing that a {kind} parameter is searched in")
        if kind == "string" and any(p.type_name == "Address" and p.path != "address" for p in suitable):
            raise NotSimple("its expression leads to an address that is not searched as text")
        found += [place.path for place in suitable]
    if not found:
        raise NotSimple(f"its expression says nothing of {type_name}")
    return tuple(dict.fromkeys(found))


def _whole_codings(places: list[Place], type_name: str) -> list[Place]:
    """A coding's code is searched with its system: by the coding itself."""
    codings = [
        Place(place.path.removesuffix(".code"), place.element, "Coding")
        for place in places
        if place.path.endswith(".code") and _holder(place.path, type_name) == "Coding"
    ]
    return codings or places


def _holder(path: str, type_name: str) -> str:
    """The type of what holds the last element of a path."""
    described = definition(type_name)
    for step in steps_of(path)[:-1]:
        name = step if isinstance(step, str) else step[0]
        described = definition(described.elements[name.rstrip("_")].type)
    return described.name


def _root(tree: Tree) -> str:
    while tree[0] in ("step", "item"):
        tree = tree[1]
    if tree[0] == "type":
        return _root(tree[2])
    return tree[1] if tree[0] == "name" else ""


def _walked(tree: Tree, type_name: str) -> list[Place]:
    """The places that an expression leads to; a choice without a type leads to several."""
    if tree[0] == "name":
        return [Place("", None, type_name)]
    if tree[0] == "type" and tree[1] == "as":
        return _of_type(_walked(tree[2], type_name), tree[3])
    if tree[0] != "step":
        raise NotSimple("its expression is more than a path")
    places, step = _walked(tree[1], type_name), tree[2]
    if step[0] == "name":
        return [inner for place in places for inner in _inside(place, step[1])]
    if step[0] == "call":
        return _called(places, step[1], step[2])
    raise NotSimple("its expression is more than a path")


def _inside(place: Place, name: str) -> list[Place]:
    described = definition(place.type_name) if place.type_name[:1].isupper() else None
    if described is None:
        return []
    names = described.choices.get(name, (name,))
    start = f"{place.path}." if place.path else ""
    return [
        Place(f"{start}{each}", element, element.type)
        for each in names
        if (element := described.elements.get(each)) is not None
    ]


def _of_type(places: list[Place], name: str) -> list[Place]:
    return [place for place in places if place.type_name.lower() == name.lower()]


def _called(places: list[Place], name: str, arguments: tuple[Tree, ...]) -> list[Place]:
    if name in ("ofType", "as"):
        return _of_type(places, arguments[0][1])
    if name == "extension" and len(arguments) == 1 and arguments[0][0] == "literal":
        inner = [each for place in places for each in _inside(place, "extension")]
        return [_filtered(place, "url", arguments[0][1]) for place in inner]
    if name == "where" and len(arguments) == 1 and (asked := _equality(arguments[0])):
        return [_filtered(place, *asked) for place in places]
    if name == "where" and len(arguments) == 1 and arguments[0][:3] == RESOLVED:
        references = [place for place in places if place.type_name == "Reference"]
        return [_leading(place, arguments[0][3]) for place in references]
    raise NotSimple(f"its expression asks '{name[:20]}(…)', which is not indexed here")


def _leading(place: Place, type_name: str) -> Place:
    """The references that lead to one type."""
    if not is_resource(type_name):
        raise NotSimple("its expression asks for a type that is no resource")
    return Place(f"{place.path}[{type_name}]", place.element, place.type_name)


def _equality(tree: Tree) -> tuple[str, str] | None:
    """(element, text) of a condition such as url = 'http://…'."""
    if tree[0] == "both" and tree[1] == "=" and tree[2][0] == "name" and tree[3][0] == "literal":
        name, text = tree[2][1], tree[3][1]
        return (name, text) if isinstance(text, str) else None
    return None


def _filtered(place: Place, name: str, text: str) -> Place:
    """The place with its filter: an extension's address, or a contact's system."""
    start, _, last = place.path.rpartition(".")
    start = f"{start}." if start else ""
    if name == "url" and last == "extension" and ")" not in text and text:
        return Place(f"{start}extension({text})", place.element, place.type_name)
    if name == "system" and place.type_name == "ContactPoint" and text.isalpha():
        return Place(f"{place.path}[{text}]", place.element, place.type_name)
    raise NotSimple("its expression has a filter that is not indexed here")
