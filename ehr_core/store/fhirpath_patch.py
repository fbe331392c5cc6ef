"""FHIRPath Patch: a Parameters resource whose operations add, insert, delete, replace and move elements.

Source: FHIR R4, fhirpatch.html.
"""

from __future__ import annotations

from typing import Any

from ehr_core.kernel.fhir_definitions import Definition, Element, definition
from ehr_core.store.element_paths import PathNotUnderstood, Place, Step, places, steps_of
from ehr_core.store.exact_json import parse, written
from ehr_core.store.json_patch import MOST_OPERATIONS, PatchFails

TYPES = ("add", "insert", "delete", "replace", "move")


def fhirpath_patched(body: bytes, patch: bytes) -> bytes:
    """The resource after the patch. Raises PatchFails naming the operation and its part."""
    parameters = parse(patch, "The patch")
    if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
        raise PatchFails("Parameters", "must be a Parameters resource")
    operations = parameters.get("parameter")
    if not isinstance(operations, list) or not 0 < len(operations) <= MOST_OPERATIONS:
        raise PatchFails("Parameters.parameter", f"must hold 1 to {MOST_OPERATIONS} operations")
    resource = parse(body, "The resource")
    for index, operation in enumerate(operations):
        _apply(resource, _Operation(operation, f"Parameters.parameter[{index}]"))
    return written(resource)


class _Operation:
    """One operation's parts by name."""

    def __init__(self, parameter: Any, place: str):
        self.place = place
        parts = parameter.get("part") if isinstance(parameter, dict) else None
        if not isinstance(parts, list) or parameter.get("name") != "operation":
            raise PatchFails(place, "must be named 'operation' and have parts")
        self.parts = {part["name"]: part for part in parts if isinstance(part, dict) and "name" in part}

    def text(self, name: str) -> str:
        found = self.value(name)
        if not isinstance(found, str):
            raise PatchFails(f"{self.place}.part.where(name='{name}')", "must be a text")
        return found

    def number(self, name: str) -> int:
        found = self.value(name)
        if type(found) is not int or found < 0:
            raise PatchFails(f"{self.place}.part.where(name='{name}')", "must be a whole number")
        return found

    def value(self, name: str, described: Definition | None = None) -> Any:
        """The part's value, whatever its type; an element without a type of its own is built from inner parts, as
        `described` has them."""
        part = self.parts.get(name)
        if part is None:
            raise PatchFails(f"{self.place}.part.where(name='{name}')", "is required")
        return _value_of(part, f"{self.place}.part.where(name='{name}')", described)

    def places(self, resource: dict[str, Any]) -> list[Place]:
        try:
            return places(resource, steps_of(self.text("path")))
        except PathNotUnderstood as error:
            raise PatchFails(f"{self.place}.part.where(name='path')", str(error)) from None


def _value_of(part: dict[str, Any], place: str, described: Definition | None = None) -> Any:
    key = next((key for key in part if key.startswith("value")), None)
    if key:
        return part[key]
    if "part" in part and all(isinstance(inner, dict) and "name" in inner for inner in part["part"]):
        built: dict[str, Any] = {}
        for inner in part["part"]:
            name, element = _element(described, inner["name"], inner)
            inside = definition(element.type) if element is not None and not element.primitive else None
            value = _value_of(inner, place, inside)
            if element is not None and element.many:
                value = [*built.get(name, ()), value]
            elif name in built:
                raise PatchFails(place, f"has more than one '{inner['name']}'")
            built[name] = value
        return built
    raise PatchFails(place, "has no value")


def _element(described: Definition | None, name: str, part: dict[str, Any]) -> tuple[str, Element | None]:
    """An element by its name; a choice gets its type from how the part carries the value."""
    if described is None:
        return name, None
    if name not in described.elements and name in described.choices:
        name += next((key[len("value") :] for key in part if key.startswith("value")), "")
    return name, described.elements.get(name)


def _apply(resource: dict[str, Any], operation: _Operation) -> None:
    kind = operation.text("type")
    if kind not in TYPES:
        raise PatchFails(f"{operation.place}.part.where(name='type')", f"must be one of: {', '.join(TYPES)}")
    found = operation.places(resource)
    if kind == "delete":
        if len(found) > 1:
            raise PatchFails(operation.place, "would delete more than one element")
        for place in found:
            _delete(resource, place)
        return
    if kind in ("insert", "move"):
        _reorder(operation, kind, found)
        return
    if len(found) != 1:
        raise PatchFails(operation.place, "must lead to exactly one element")
    if kind == "replace":
        _replace(resource, found[0], operation)
    else:
        _add(resource, found[0], operation)


def _add(resource: dict[str, Any], place: Place, operation: _Operation) -> None:
    """Appends to a list, or sets an element that is not there. A choice gets its type from the value's own name."""
    node, name = place.value, operation.text("name")
    if not isinstance(node, dict):
        raise PatchFails(operation.place, "leads to a value that has no elements")
    described = _described(resource, steps_of(operation.text("path")))
    name, element = _element(described, name, operation.parts.get("value", {}))
    inside = definition(element.type) if element is not None and not element.primitive else None
    value = operation.value("value", inside)
    if isinstance(node.get(name), list):
        node[name].append(value)
    elif element is not None and element.many:
        node[name] = value if isinstance(value, list) else [value]
    elif name in node:
        raise PatchFails(operation.place, "adds an element that is there already: replace it")
    else:
        node[name] = value


def _replace(resource: dict[str, Any], place: Place, operation: _Operation) -> None:
    """Puts the value there; a choice then has the name of the value's type."""
    steps = steps_of(operation.text("path"))
    holding = _described(resource, steps[:-1])
    value, key = operation.value("value", _described(resource, steps)), place.key
    if holding is not None and place.name in holding.choices and isinstance(key, str):
        named, element = _element(holding, place.name, operation.parts["value"])
        if element is not None and named != key:
            del place.holder[key]
            place.holder.pop(f"_{key}", None)
            key = named
    place.holder[key] = value


def _described(resource: dict[str, Any], steps: list[Step]) -> Definition | None:
    """The definition of the type that the steps lead to; None when it cannot be told."""
    described = definition(resource["resourceType"])
    for step in steps:
        if step.kind != "name" or step.value == resource["resourceType"]:
            continue
        element = described.elements.get(step.value)
        if element is None or element.primitive or element.type == "Resource":
            return None
        described = definition(element.type)
    return described


def _reorder(operation: _Operation, kind: str, found: list[Place]) -> None:
    holders = {id(place.holder) for place in found}
    listed = found[0].holder if found else None
    if len(holders) != 1 or not isinstance(listed, list):
        raise PatchFails(operation.place, "must lead to the items of one list")
    if kind == "insert":
        index = operation.number("index")
        if index > len(listed):
            raise PatchFails(operation.place, "inserts behind the end of the list")
        listed.insert(index, operation.value("value"))
        return
    source, destination = operation.number("source"), operation.number("destination")
    if max(source, destination) >= len(listed):
        raise PatchFails(operation.place, "moves from or to behind the end of the list")
    listed.insert(destination, listed.pop(source))


def _delete(resource: dict[str, Any], place: Place) -> None:
    """Takes the element out; a list or object that is empty then goes too, for FHIR knows none."""
    if place.key == "":
        raise PatchFails("Parameters", "cannot delete the whole resource")
    del place.holder[place.key]
    _drop_empty(resource)


def _drop_empty(node: Any) -> None:
    inner = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in inner:
        _drop_empty(value)
    if isinstance(node, dict):
        for name in [name for name, value in node.items() if value in ({}, [])]:
            del node[name]
    elif isinstance(node, list):
        node[:] = [value for value in node if value not in ({}, [])]
