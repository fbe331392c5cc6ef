"""Whether references to contained resources lead to a type that their element allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ehr_core.kernel.errors import Issue
from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, Definition, Element, definition


def wrong_inner_types(resource_type: str, body: bytes) -> list[Issue]:
    """An issue for each '#id' that is of another type. The resource is built as R4 has it."""
    content = msgspec.json.decode(body)
    types = {f"#{each.get('id')}": each.get("resourceType") for each in content.get("contained", ())}
    found = _wrong(definition(resource_type), content, resource_type, types)
    return list(found) if any(types) else []


def _wrong(described: Definition, node: dict[str, Any], path: str, types: dict[str, str]) -> Iterator[Issue]:
    for name, value in node.items():
        element = described.elements.get(name)
        if element is None or element.primitive or element.type == ANY_RESOURCE:
            continue
        for index, each in enumerate(value if isinstance(value, list) else [value]):
            place = f"{path}.{name}[{index}]" if isinstance(value, list) else f"{path}.{name}"
            if element.type == "Reference":
                yield from _wrong_target(element, each, place, types)
            else:
                yield from _wrong(definition(element.type), each, place, types)


def _wrong_target(
    element: Element, reference: dict[str, Any], place: str, types: dict[str, str]
) -> Iterator[Issue]:
    named = types.get(reference.get("reference", ""))
    if named and element.targets and ANY_RESOURCE not in element.targets and named not in element.targets:
        yield Issue(place, f"must be to one of: {', '.join(element.targets)}", "value")
