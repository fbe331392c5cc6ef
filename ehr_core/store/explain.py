"""Walks a resource by FHIR's definitions and says everything that is wrong with it, each with its FHIRPath.

The slow and exact judge: validation.py asks it when the compiled check refuses a resource or sees something that it
cannot settle. Messages name elements and rules, never values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ehr_core.kernel.errors import Issue
from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, Definition, Element, definition, is_resource
from ehr_core.store.invariants import INVARIANTS
from ehr_core.store.primitives import problem_with
from ehr_core.store.references import named_type

DEEPEST = 100
"""Levels of nesting that are read; clinical data needs about ten."""
MOST_ISSUES = 20
LONGEST_NAME = 64
"""Characters of an unknown element's name that are repeated to the sender."""


class _Object(dict):
    """A JSON object that remembers which keys it held twice."""

    repeated: tuple[str, ...] = ()


def explain(resource_type: str, body: bytes) -> list[Issue]:
    """Everything wrong (at most MOST_ISSUES); empty when nothing is. `body` is known to be JSON in UTF-8."""
    try:
        content = json.loads(body, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else "is not valid JSON"
        return [Issue(resource_type, reason)]
    issues = []
    for issue in _resource(resource_type, resource_type, content, depth=0):
        issues.append(issue)
        if len(issues) == MOST_ISSUES:
            break
    return issues


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        made.repeated = tuple(sorted({name for name in names if names.count(name) > 1}))
    return made


def _resource(path: str, expected: str | None, content: Any, depth: int) -> Iterator[Issue]:
    if not isinstance(content, dict):
        yield Issue(path, "must be a JSON object")
        return
    name = content.get("resourceType")
    if not isinstance(name, str) or not is_resource(name) or (expected and name != expected):
        yield Issue(
            f"{path}.resourceType", f"must be {expected}" if expected else "must name a resource type"
        )
        return
    yield from _object_issues(path, definition(name), content, depth)


def _object_issues(path: str, described: Definition, content: Any, depth: int) -> Iterator[Issue]:
    if not isinstance(content, dict):
        yield Issue(path, "must be a JSON object")
        return
    if depth > DEEPEST:
        yield Issue(path, "is nested too deeply")
        return
    if not content:
        yield Issue(path, "must not be empty")
        return
    for name in content.repeated:
        yield Issue(f"{path}.{_short(name)}", "is given twice in one object")
    for name in content:
        if name == "resourceType" and described.is_resource:
            continue
        element = described.elements.get(name.removeprefix("_"))
        if element is None or (name.startswith("_") and not element.primitive):
            yield Issue(f"{path}.{_short(name)}", "is not an element of this type")
    for element in described.elements.values():
        yield from _element_issues(path, element, content, depth)
    yield from _choice_issues(path, described, content)
    if described.name == "Extension":
        yield from _extension_issues(path, described, content)
    yield from _target_issues(path, described, content)
    yield from _invariant_issues(path, described, content)


def _element_issues(path: str, element: Element, content: dict, depth: int) -> Iterator[Issue]:
    place = f"{path}.{element.name}"
    value, sibling = content.get(element.name), content.get(f"_{element.name}")
    if element.name not in content and f"_{element.name}" not in content:
        if element.required:
            yield Issue(place, "is required", "required")
        return
    if f"_{element.name}" in content:
        yield from _sibling_issues(f"{path}._{element.name}", element, sibling, depth)
    if element.name not in content:
        return
    if not element.many:
        yield from _value_issues(place, element, value, depth)
    elif not isinstance(value, list):
        yield Issue(place, "must be a list")
    elif not value:
        yield Issue(place, "must not be an empty list")
    else:
        for index, item in enumerate(value):
            if item is None and element.primitive and _filled(sibling, index):
                continue
            yield from _value_issues(f"{place}[{index}]", element, item, depth)


def _filled(sibling: Any, index: int) -> bool:
    return isinstance(sibling, list) and index < len(sibling) and sibling[index] is not None


def _sibling_issues(place: str, element: Element, sibling: Any, depth: int) -> Iterator[Issue]:
    """`_birthDate` and its like: an object with id or extensions, or a list of these and nulls."""
    extension = definition("Element")
    if not element.many:
        yield from _object_issues(place, extension, sibling, depth + 1)
    elif not isinstance(sibling, list) or not sibling:
        yield Issue(place, "must be a list that is not empty")
    else:
        for index, item in enumerate(sibling):
            if item is not None:
                yield from _object_issues(f"{place}[{index}]", extension, item, depth + 1)


def _value_issues(place: str, element: Element, value: Any, depth: int) -> Iterator[Issue]:
    if element.type == ANY_RESOURCE:
        yield from _resource(place, None, value, depth + 1)
    elif not element.primitive:
        yield from _object_issues(place, definition(element.type), value, depth + 1)
    elif problem := problem_with(element.type, value):
        yield Issue(place, problem)
    elif element.codes and value not in element.codes:
        yield Issue(place, f"must be one of: {', '.join(element.codes)}", "code-invalid")


def _choice_issues(path: str, described: Definition, content: dict) -> Iterator[Issue]:
    for group, names in described.choices.items():
        present = [name for name in names if name in content or f"_{name}" in content]
        if len(present) > 1:
            yield Issue(f"{path}.{group}[x]", f"has {len(present)} types at once: {', '.join(present)}")
        elif not present and group in described.required_choices:
            yield Issue(f"{path}.{group}[x]", "is required", "required")


def _extension_issues(path: str, described: Definition, content: dict) -> Iterator[Issue]:
    valued = any(name in content or f"_{name}" in content for name in described.choices["value"])
    if valued == ("extension" in content):
        yield Issue(path, "must have either a value or extensions, and not both", "invariant")


def _target_issues(path: str, described: Definition, content: dict) -> Iterator[Issue]:
    """References to a type that the element does not allow."""
    for element in described.elements.values():
        if element.type != "Reference" or not element.targets or ANY_RESOURCE in element.targets:
            continue
        value = content.get(element.name)
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            held = one if isinstance(one, dict) else {}
            text = held.get("reference")
            named = named_type(text) if isinstance(text, str) else None if text else held.get("type")
            if isinstance(named, str) and named not in element.targets:
                place = f"{path}.{element.name}" + (f"[{index}]" if isinstance(value, list) else "")
                yield Issue(place, f"must be to one of: {', '.join(element.targets)}", "value")


def _invariant_issues(path: str, described: Definition, content: dict) -> Iterator[Issue]:
    """FHIR's rules between elements; what is not even built as it should be has been told already."""
    for invariant in INVARIANTS.get(described.name, ()):
        try:
            holds = invariant.holds(content)
        except (AttributeError, TypeError, ValueError):
            continue
        if not holds:
            place = f"{path}.{invariant.element}" if invariant.element else path
            code = "code-invalid" if invariant.key == "binding" else "invariant"
            yield Issue(place, invariant.sentence, code)


def _short(name: str) -> str:
    """A name from outside, cut and freed of what is not a name, for it may hold anything."""
    return "".join(character for character in name if character.isalnum() or character in "_-")[:LONGEST_NAME]
