"""A small package of an official measure, written by hand: adults, and who had a blood pressure taken in the year."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

from tests.lib.elm import literal, op

SYSTEM, FHIR = "{urn:hl7-org:elm-types:r1}", "{http://hl7.org/fhir}"
PRESSURES = "http://example.org/ValueSet/pressures"
LOINC = "http://loinc.org"
MEASURE: dict[str, Any] = {
    "resourceType": "Measure",
    "id": "adults",
    "url": "http://example.org/Measure/adults",
    "name": "CMS999Adults",
    "version": "1.0.0",
    "title": "Adults with a blood pressure",
    "description": "Adults whose blood pressure was taken in the year.",
    "publisher": "Example",
    "library": ["http://example.org/Library/Adults|1.0.0"],
    "scoring": {"coding": [{"code": "proportion"}]},
    "improvementNotation": {"coding": [{"code": "increase"}]},
    "group": [
        {
            "id": "all",
            "population": [
                {"id": code, "code": {"coding": [{"code": code}]}, "criteria": {"expression": expression}}
                for code, expression in (
                    ("initial-population", "Adults"),
                    ("denominator", "Adults"),
                    ("numerator", "Numerator"),
                )
            ],
        }
    ],
}


def small_package(version: str = "1.0.0") -> list[dict]:
    measure = {**copy.deepcopy(MEASURE), "version": version}
    return [measure, library(), value_set(), code_system()]


def library(
    numerator: dict | None = None,
    statements: dict[str, dict] | None = None,
    more: dict[str, dict] | None = None,
) -> dict:
    """The logic; `statements` take the place of those of the same name, `more` come beside them."""
    elm = {
        "library": {
            "identifier": {"id": "Adults", "version": "1.0.0"},
            "usings": {
                "def": [{"localIdentifier": "FHIR", "uri": "http://hl7.org/fhir", "version": "4.0.1"}]
            },
            "parameters": {
                "def": [
                    {
                        "name": "Measurement Period",
                        "parameterTypeSpecifier": {
                            "type": "IntervalTypeSpecifier",
                            "pointType": {"type": "NamedTypeSpecifier", "name": f"{SYSTEM}DateTime"},
                        },
                    }
                ]
            },
            "valueSets": {"def": [{"name": "Pressures", "id": PRESSURES}]},
            "statements": {
                "def": [
                    {
                        "name": "Patient",
                        "context": "Patient",
                        "expression": {
                            "type": "SingletonFrom",
                            "operand": {"type": "Retrieve", "dataType": f"{FHIR}Patient"},
                        },
                    },
                    {"name": "Adults", "context": "Patient", "expression": adults()},
                    {"name": "Pressures Taken", "context": "Patient", "expression": pressures()},
                    {
                        "name": "Numerator",
                        "context": "Patient",
                        "expression": numerator
                        or op("Exists", {"type": "ExpressionRef", "name": "Pressures Taken"}),
                    },
                ]
            },
        }
    }
    for name, expression in (more or {}).items():
        elm["library"]["statements"]["def"].append(
            {"name": name, "context": "Patient", "expression": expression}
        )
    for one in elm["library"]["statements"]["def"]:
        one["expression"] = (statements or {}).get(one["name"], one["expression"])
    data = base64.b64encode(json.dumps(elm).encode()).decode()
    return {
        "resourceType": "Library",
        "id": "Adults",
        "url": "http://example.org/Library/Adults",
        "name": "Adults",
        "version": "1.0.0",
        "status": "active",
        "type": {"coding": [{"code": "logic-library"}]},
        "content": [{"contentType": "application/elm+json", "data": data}],
    }


def adults(on: dict | None = None) -> dict:
    """Eighteen years by the end of the period."""
    period = {"type": "ParameterRef", "name": "Measurement Period"}
    born = {
        "type": "Property",
        "path": "birthDate.value",
        "source": {"type": "ExpressionRef", "name": "Patient"},
    }
    day = on or op("DateFrom", op("End", period))
    age = {"type": "CalculateAgeAt", "precision": "Year", "operand": [born, day]}
    return op("GreaterOrEqual", age, literal(18))


def pressures() -> dict:
    period = {"type": "ParameterRef", "name": "Measurement Period"}
    taken = {"type": "Property", "path": "effective.value", "scope": "P"}
    taken = op("ToDateTime", {"type": "As", "operand": taken, "asType": f"{SYSTEM}DateTime"})
    return {
        "type": "Query",
        "source": [
            {
                "alias": "P",
                "expression": {
                    "type": "Retrieve",
                    "dataType": f"{FHIR}Observation",
                    "codeProperty": "code",
                    "codeComparator": "in",
                    "codes": {"type": "ValueSetRef", "name": "Pressures", "preserve": True},
                },
            }
        ],
        "relationship": [],
        "where": op("In", taken, period, precision="Day"),
    }


def value_set(url: str = PRESSURES) -> dict:
    """All codes of a code system that is in the package too."""
    return {
        "resourceType": "ValueSet",
        "url": url,
        "version": "1",
        "name": "Pressures",
        "status": "active",
        "compose": {"include": [{"system": LOINC}]},
    }


def code_system() -> dict:
    return {
        "resourceType": "CodeSystem",
        "url": LOINC,
        "status": "active",
        "content": "fragment",
        "concept": [{"code": "85354-9"}, {"code": "55284-4", "concept": [{"code": "8480-6"}]}],
    }


def broken(what: str) -> list[dict]:
    """The package with one thing wrong."""
    measure, logic, codes, system = small_package()
    gone = {
        "type": "Retrieve",
        "dataType": f"{FHIR}Observation",
        "codeProperty": "code",
        "codeComparator": "in",
        "codes": {"type": "ValueSetRef", "name": "Pressures", "preserve": True},
    }
    if what == "a library that is not there":
        return [measure, codes, system]
    if what == "a value set that is not there":
        logic = _with_value_set(logic, "http://example.org/ValueSet/gone")
    if what == "an operator that nobody knows":
        logic = library(op("Fly", op("Exists", gone)))
    if what == "a definition that is not there":
        measure["group"][0]["population"][2]["criteria"]["expression"] = "Nothing"
    if what == "a value set by a filter":
        part = {"system": LOINC, "filter": [{"property": "CLASS", "op": "=", "value": "BP"}]}
        codes["compose"] = {"include": [part]}
    if what == "a code system that is not there":
        return [measure, logic, codes]
    if what == "a name that is no name":
        measure["name"] = "Adults & others / 1"
    if what == "the same measure twice":
        return [measure, {**measure, "version": "2"}, logic, codes, system]
    if what == "no measure":
        return [logic, codes, system]
    return [measure, logic, codes, system]


def _with_value_set(logic: dict, url: str) -> dict:
    elm = json.loads(base64.b64decode(logic["content"][0]["data"]))
    elm["library"]["valueSets"]["def"][0]["id"] = url
    data = base64.b64encode(json.dumps(elm).encode()).decode()
    return {**logic, "content": [{"contentType": "application/elm+json", "data": data}]}


def written(package: list[dict], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, one in enumerate(package):
        place = folder / f"{number}-{one['resourceType']}.json"
        place.write_text(json.dumps(one), encoding="utf-8")
    return folder
