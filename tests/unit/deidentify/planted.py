"""Resources stuffed with one canary: every element of a type that R4 knows is filled, and whatever can hold it does.

Codes, units, link ids, addresses of systems, types of references, numbers and dates are no exception: a clerk can type
anything anywhere. Only an address keeps its real town and state, because a limited data set may name them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from pipelines.deidentify import load_profile

DEEPEST = 5
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
SITE = "https://clinic.example.org/codes"
TEXT = (
    *("Canonical", "Uri", "Url", "Oid", "Uuid", "Id", "Markdown", "Base64Binary", "String", "Code"),
    *("Instant", "DateTime", "Date", "Time"),
)
NUMBERS = ("Decimal", "PositiveInt", "UnsignedInt", "Integer")
SKIPPED = {
    "resourceType",
    "resource_type",
    "fhir_comments",
    "modifierExtension",
    "implicitRules",
    "contained",
}


@dataclass(frozen=True)
class Canary:
    """What is planted. `needles` are what must not be seen afterwards; `number` is planted where numbers stand."""

    name: str
    text: str
    needles: tuple[str, ...]
    number: float = 1
    system: str | None = LOINC

    @property
    def coding(self) -> dict[str, Any]:
        coding = {"system": self.system, "version": self.text, "code": self.text, "display": self.text}
        return {name: value for name, value in coding.items() if value is not None}


CANARIES = [
    Canary("words", "Quillfeather of 14 Harbour Row", ("quillfeather", "harbour")),
    Canary("name", "Quillfeather", ("quillfeather",)),
    Canary("name as a site's code", "john-quillfeather", ("quillfeather",), system=SITE),
    Canary("name without a system", "QUILLFEATHER", ("quillfeather",), system=None),
    Canary("telephone", "617-555-0134", ("617-555-0134", "6175550134"), number=6175550134),
    Canary("telephone as a site's code", "6175550134", ("6175550134",), system=SITE),
    Canary(
        "social security number", "987-65-4321", ("987-65-4321",), system="http://hl7.org/fhir/sid/us-ssn"
    ),
    Canary("digits of one", "987654321", ("987654321",), number=987654321, system="http://snomed.info/sct"),
    Canary("record number", "MRN-4711", ("mrn",), system="https://almoner.dev/fhir/NamingSystem/mrn"),
    Canary("record number as a site's code", "MRN4711", ("mrn",), system=SITE),
    Canary("e-mail", "ana@quill.example", ("ana@", "quill"), system="mailto:ana@quill.example"),
    Canary("web address", "https://quill.example/ana.reyes", ("quill", "reyes"), system="urn:ietf:rfc:3986"),
    Canary("address as a system", "active", ("quill",), system="http://quill.example/john-smith"),
    Canary("license plate", "MA-7QF-819", ("7qf",), system="http://terminology.hl7.org/CodeSystem/v2-0203"),
]


@cache
def stuffed(resource_type: str, canary: Canary) -> bytes:
    """A resource of the type with every element filled, one of another type within it, and the kept extensions."""
    resource = _whole(resource_type, canary)
    resource["contained"] = [_whole("Observation", canary)]
    resource["extension"] = [*_extensions(resource_type, canary), _extension(canary)]
    return json.dumps(resource).encode()


def _whole(resource_type: str, canary: Canary) -> dict[str, Any]:
    filled = _filler(canary).object(resource_type, 0)
    return {"resourceType": resource_type, "id": canary.text, **filled}


class _Filler:
    def __init__(self, canary: Canary):
        self.canary, self.given = canary, _given(canary)
        self.made: dict[tuple[str, int], dict[str, Any]] = {}

    def object(self, type_name: str, depth: int) -> dict[str, Any]:
        if type_name in self.given:
            return self.given[type_name]
        if (type_name, depth) not in self.made:
            self.made[type_name, depth] = self.filled(type_name, depth)
        return self.made[type_name, depth]

    def filled(self, type_name: str, depth: int) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for name, repeats, annotation in _fields(type_name):
            if name in SKIPPED or name == "id" or name.startswith("_") or depth > DEEPEST:
                continue
            value = self.value(annotation, depth)
            if value is not None:
                filled[name] = [value] if repeats else value
        return filled

    def value(self, annotation: str, depth: int) -> Any:
        complex_type = re.search(r"abc\.(\w+?)Type\b", annotation)
        if complex_type:
            return None if complex_type[1] == "Resource" else self.object(complex_type[1], depth + 1)
        if any(f"{name}(" in annotation for name in NUMBERS):
            return self.canary.number
        if "bool" in annotation:
            return True
        return (
            self.canary.text
            if any(f"{name}(" in annotation or f"{name}]" in annotation for name in TEXT)
            else None
        )


_filler = cache(_Filler)


@cache
def _fields(type_name: str) -> list[tuple[str, bool, str]]:
    fields = get_fhir_model_class(type_name).model_fields
    return [
        (
            field.alias or name,
            bool(re.search(r"\b[Ll]ist\[", str(field.annotation))),
            f"{field.annotation} {field.metadata}",
        )
        for name, field in fields.items()
    ]


def _given(canary: Canary) -> dict[str, Any]:
    text = canary.text
    quantity = {
        "value": canary.number,
        "comparator": text,
        "unit": text,
        "system": canary.system or text,
        "code": text,
    }
    return {
        "Coding": canary.coding,
        "CodeableConcept": {"coding": [canary.coding], "text": text, "extension": [_extension(canary)]},
        "Reference": {
            "reference": f"Patient/{text}",
            "type": text,
            "display": text,
            "identifier": {"value": text},
        },
        "Narrative": {"status": "generated", "div": text},
        "Quantity": quantity,
        "Age": quantity,
        "Address": {
            **{"line": [text], "text": text, "district": text, "use": text, "type": text, "postalCode": text},
            **{"city": "Springfield", "state": "MA"},
        },
        "Extension": _extension(canary),
        "Meta": {
            **{
                "source": text,
                "versionId": text,
                "profile": [text, f"http://hl7.org/fhir/StructureDefinition/{text}"],
            },
            **{"tag": [canary.coding], "security": [canary.coding]},
        },
    }


def _extension(canary: Canary) -> dict[str, Any]:
    return {"url": "https://example.org/unknown", "valueString": canary.text}


def _extensions(resource_type: str, canary: Canary) -> list[dict[str, Any]]:
    """Every extension that is kept on this type, with the canary in place of its value."""
    values = {
        "boolean": {"valueBoolean": True},
        "code": {"valueCode": canary.text},
        "coding": {"valueCoding": canary.coding},
        "concept": {"valueCodeableConcept": {"coding": [canary.coding], "text": canary.text}},
        "date": {"valueDateTime": canary.text},
        "period": {"valuePeriod": {"start": canary.text}},
    }
    found = []
    for url, table in load_profile("limited").extensions.items():
        if resource_type in table["on"]:
            parts = [{"url": name, **values[kind]} for name, kind in table.get("parts", {}).items()]
            found.append(
                {"url": url, "extension": parts} if parts else {"url": url, **values[table["value"]]}
            )
    return found
