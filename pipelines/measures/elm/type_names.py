"""Types as ELM names them, in one short form: `DateTime`, `fhir:Encounter`, `Interval<Date>`, `List<Code>`, `A|B`."""

from __future__ import annotations

from pipelines.measures.elm.fhir_model import type_named

SYSTEM = "{urn:hl7-org:elm-types:r1}"
FHIR = "{http://hl7.org/fhir}"


def type_text(specifier: dict | None) -> str:
    """The short form of an ELM type specifier; `Any` when there is none."""
    if not specifier:
        return "Any"
    kind = specifier.get("type", "NamedTypeSpecifier")
    if kind == "NamedTypeSpecifier":
        return named(specifier.get("name") or specifier.get("resultTypeName") or "Any")
    if kind == "IntervalTypeSpecifier":
        return f"Interval<{type_text(specifier['pointType'])}>"
    if kind == "ListTypeSpecifier":
        return f"List<{type_text(specifier['elementType'])}>"
    if kind == "ChoiceTypeSpecifier":
        choices = specifier.get("choice") or specifier.get("type") or []
        return "|".join(dict.fromkeys(type_text(choice) for choice in choices))
    if kind == "TupleTypeSpecifier":
        return "Tuple"
    return "Any"


def named(name: str) -> str:
    if name.startswith(SYSTEM):
        return name.removeprefix(SYSTEM)
    if name.startswith("{"):
        short = name.split("}", 1)[1]
        return f"fhir:{type_named(short) or short}"
    return name


def options(type_name: str) -> tuple[str, ...]:
    """The alternatives of a choice type; `|` inside of `List<…>` does not part them."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(type_name):
        depth += (letter == "<") - (letter == ">")
        if letter == "|" and depth == 0:
            parts.append(type_name[start:position])
            start = position + 1
    return (*parts, type_name[start:])


def inner(type_name: str) -> str:
    return type_name[type_name.index("<") + 1 : -1]
