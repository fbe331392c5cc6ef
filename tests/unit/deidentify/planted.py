"""Resources stuffed with canaries: every element of a type that R4 knows, filled; whatever may hold words holds one."""

from __future__ import annotations

import re
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

CANARY = "Quillfeather"
PHRASE = f"{CANARY} of 14 Harbour Row, 555-0134"
DEEPEST = 5
WORDS = ("Canonical", "Uri", "Url", "Oid", "Uuid", "Id", "Markdown", "Base64Binary", "String")
KEPT_PRIMITIVES = {
    "Boolean": True,
    "Decimal": 1.5,
    "PositiveInt": 1,
    "UnsignedInt": 1,
    "Integer": 1,
    "Instant": "2020-01-01T00:00:00Z",
    "DateTime": "2020-01-01",
    "Date": "2020-01-01",
    "Time": "10:00:00",
    "Code": "active",
}
CODING = {"system": "http://loinc.org", "version": PHRASE, "code": "4548-4", "display": PHRASE}
REFERENCE = {
    "reference": f"Patient/{CANARY}",
    "type": "Patient",
    "display": PHRASE,
    "identifier": {"value": PHRASE},
}
EXTENSION = [{"url": f"https://example.org/{CANARY}", "valueString": PHRASE}]
GIVEN = {
    "Coding": CODING,
    "CodeableConcept": {"coding": [CODING], "text": PHRASE, "extension": EXTENSION},
    "Reference": REFERENCE,
    "Narrative": {"status": "generated", "div": PHRASE},
    "Quantity": {"value": 1.5, "unit": PHRASE, "system": "http://unitsofmeasure.org", "code": "mg"},
    "Address": {"line": [PHRASE], "text": PHRASE, "district": PHRASE, "city": "Springfield", "state": "MA"},
    "Extension": EXTENSION[0],
    "Meta": {"source": f"https://{CANARY}.example.org", "tag": [CODING], "security": [CODING]},
}
SKIPPED = {
    "resourceType",
    "resource_type",
    "fhir_comments",
    "modifierExtension",
    "implicitRules",
    "contained",
    "linkId",
}


def stuffed(resource_type: str) -> dict[str, Any]:
    """A resource of the type with every element filled. `linkId`, which is a code, is left to others."""
    return {"resourceType": resource_type, "id": CANARY, **_object(resource_type, 0)}


def _object(type_name: str, depth: int) -> dict[str, Any]:
    if type_name in GIVEN:
        return GIVEN[type_name]
    filled: dict[str, Any] = {}
    for name, field in get_fhir_model_class(type_name).model_fields.items():
        alias = field.alias or name
        if alias in SKIPPED or alias == "id" or alias.startswith("_") or depth > DEEPEST:
            continue
        value = _value(str(field.annotation), depth)
        if value is not None:
            filled[alias] = [value] if re.search(r"\b[Ll]ist\[", str(field.annotation)) else value
    return filled


def _value(annotation: str, depth: int) -> Any:
    complex_type = re.search(r"abc\.(\w+?)Type\b", annotation)
    if complex_type:
        name = complex_type[1]
        return None if name == "Resource" else _object(name, depth + 1)
    for primitive, value in KEPT_PRIMITIVES.items():
        if re.search(rf"\b{primitive}\(", annotation):
            return value
    if "bool" in annotation:
        return True
    return PHRASE if any(f"{word}(" in annotation for word in WORDS) else None
