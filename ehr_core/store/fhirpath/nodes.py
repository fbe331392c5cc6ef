"""What a FHIRPath expression walks over: the values of a resource as JSON, and how much walking it may do."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

MOST_STEPS = 300_000
"""Values that all rules together look at in one resource; a rule of HL7's needs a few dozen."""
LONGEST_TEXT = 1_000_000
"""Characters of a text that an expression makes."""
ELSEWHERE = object()
"""Beside what a reference leads to outside of the resource: its type is known, and nothing else of it."""
SYSTEM_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "decimal": (float, Decimal),
}


class TooMuchWork(Exception):
    """An expression would take longer than anybody should wait."""


class Unknown(Exception):
    """An answer hangs on something that is not held here, such as the resource behind a reference."""


class Node:
    """One value: JSON, its FHIR type where that is known, and the `_x` beside a primitive."""

    __slots__ = ("beside", "type", "value")

    def __init__(self, value: Any, type_name: str | None = None, beside: Any = None):
        self.value = value
        self.type = type_name
        self.beside = beside

    def is_of(self, name: str) -> bool:
        """True when the value is of that type; a value of unknown type is what its JSON looks like."""
        value = self.value
        if isinstance(value, dict) and "resourceType" in value:
            return value["resourceType"] == name or name in ("Resource", "DomainResource")
        if self.type is not None:
            return self.type.lower() == name.lower() or (self.type, name) in SUBTYPES
        wanted = SYSTEM_TYPES.get(name.lower())
        if wanted is not None:
            return type(value) in wanted
        return isinstance(value, dict) == name[:1].isupper()


SUBTYPES = frozenset(
    {
        (name, "Quantity")
        for name in ("Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity")
    }
    | {(name, "string") for name in ("code", "id", "markdown")}
    | {(name, "uri") for name in ("url", "canonical", "uuid", "oid")}
    | {(name, "integer") for name in ("positiveInt", "unsignedInt")}
)
Nodes = list[Node]


class Walk:
    """The evaluations over one resource: the moment they are asked at, and how much work is left for all of them."""

    __slots__ = ("left", "now", "resource")

    def __init__(self, resource: Any, left: int = MOST_STEPS):
        self.resource = Node(resource)
        self.now = datetime.now(UTC)
        self.left = left

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork

    def text(self, text: str) -> Node:
        """A text that the expression made; raises TooMuchWork when it grows without measure."""
        self.spend(1 + len(text) // 100)
        if len(text) > LONGEST_TEXT:
            raise TooMuchWork
        return Node(text)


def children(node: Node, name: str) -> Nodes:
    """The elements of that name, a choice by its stem too: `value` finds `valueQuantity`."""
    holder = node.value if isinstance(node.value, dict) else node.beside
    if not isinstance(holder, dict):
        return []
    if node.beside is ELSEWHERE:
        raise Unknown
    if name in holder or f"_{name}" in holder:
        return listed(holder.get(name), holder.get(f"_{name}"), None)
    length = len(name)
    for key in holder:
        stem = key[1:] if key.startswith("_") else key
        if stem.startswith(name) and stem[length : length + 1].isupper():
            kind = stem[length:]
            type_name = kind if kind in COMPLEX else kind[0].lower() + kind[1:]
            return listed(holder.get(stem), holder.get(f"_{stem}"), type_name)
    return []


COMPLEX = frozenset(
    {
        *("Address", "Age", "Annotation", "Attachment", "CodeableConcept", "Coding", "ContactPoint", "Count"),
        *(
            "Distance",
            "Dosage",
            "Duration",
            "HumanName",
            "Identifier",
            "Money",
            "Period",
            "Quantity",
            "Range",
        ),
        *("Ratio", "Reference", "SampledData", "Signature", "Timing", "ContactDetail", "Contributor", "Meta"),
        *("DataRequirement", "Expression", "ParameterDefinition", "RelatedArtifact", "TriggerDefinition"),
        "UsageContext",
    }
)


def listed(value: Any, beside: Any, type_name: str | None) -> Nodes:
    """A value or list of values, each with what stands beside it."""
    if type(value) is list or type(beside) is list:
        values = value if type(value) is list else []
        sides = beside if type(beside) is list else []
        return [
            Node(
                values[index] if index < len(values) else None,
                type_name,
                sides[index] if index < len(sides) else None,
            )
            for index in range(max(len(values), len(sides)))
        ]
    return [] if value is None and beside is None else [Node(value, type_name, beside)]


def all_children(node: Node) -> Nodes:
    if node.beside is ELSEWHERE:
        raise Unknown
    holder = node.value if isinstance(node.value, dict) else node.beside
    if not isinstance(holder, dict):
        return []
    names = dict.fromkeys(key.removeprefix("_") for key in holder if key != "resourceType")
    return [child for name in names for child in listed(holder.get(name), holder.get(f"_{name}"), None)]
