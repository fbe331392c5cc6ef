"""What FHIR R4 says of its types: each element's types and whether it repeats (facts in fhir_r4.txt)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FACTS = Path(__file__).with_name("fhir_r4.txt")
SYSTEM_TYPE = {
    "boolean": "Boolean",
    "integer": "Integer",
    "positiveInt": "Integer",
    "unsignedInt": "Integer",
    "decimal": "Decimal",
    "date": "Date",
    "dateTime": "DateTime",
    "instant": "DateTime",
    "time": "Time",
    **dict.fromkeys(
        (
            *("string", "code", "id", "markdown", "uri", "url", "canonical", "oid", "uuid"),
            *("base64Binary", "xhtml"),
        ),
        "String",
    ),
}
"""The system type of each FHIR primitive's value."""
PARENT = {
    **dict.fromkeys(("Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"), "Quantity"),
    **dict.fromkeys(("code", "id", "markdown"), "string"),
    **dict.fromkeys(("url", "canonical", "oid", "uuid"), "uri"),
    **dict.fromkeys(("positiveInt", "unsignedInt"), "integer"),
}


@dataclass(frozen=True)
class Element:
    types: tuple[str, ...]
    repeats: bool = False
    choice: bool = False


@cache
def _lines() -> dict[str, str]:
    return dict(line.split(" ", 1) for line in FACTS.read_text(encoding="utf-8").splitlines())


@cache
def elements(type_name: str) -> dict[str, Element] | None:
    """The elements of a type by name (`value` for value[x]); None when FHIR has no such type."""
    line = _lines().get(type_name)
    if line is None:
        return None
    found = {}
    for word in line.split():
        name, types = word.split(":", 1)
        repeats = types.endswith("*")
        choice = name.endswith("[x]")
        found[name.removesuffix("[x]")] = Element(tuple(types.removesuffix("*").split("|")), repeats, choice)
    return found


@cache
def resource_types() -> frozenset[str]:
    return frozenset(name for name, line in _lines().items() if "meta:Meta" in line)


@cache
def type_named(name: str) -> str | None:
    """Our name of a type as ELM writes it (`Encounter.Location`, `EncounterStatus`); None when it is unknown."""
    plain = name.replace(".", "")
    if plain in _lines() or plain in SYSTEM_TYPE or plain in ("Resource", "DomainResource", "Element"):
        return plain
    lowered = plain.lower()
    return next((known for known in _lines() if known.lower() == lowered), None)


def is_a(type_name: str, wanted: str) -> bool:
    """Is the type the wanted one, or a specialisation of it?"""
    if wanted in ("Element", "Any") or type_name == wanted:
        return True
    if wanted in ("Resource", "DomainResource"):
        return type_name in resource_types()
    parent = PARENT.get(type_name)
    return parent is not None and is_a(parent, wanted)
