"""A measure made for a test: definitions in ELM by name, groups of populations, and cases with what they expect."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from pipelines.measures.elm.conformance import CaseReport, ConformanceReport, run_conformance
from tests.lib.elm import FHIR, op, part, query, ref, retrieve

CQFM = "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition"
PERIOD = {"start": "2026-01-01", "end": "2026-12-31"}
HELPERS = {"identifier": {"id": "FHIRHelpers", "version": "4.0.1"}, "statements": {"def": []}}
PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1980-05-01"}
NAME = "Made"


def named(name: str) -> dict:
    return {"type": "ExpressionRef", "name": name}


def helper(name: str, argument: dict) -> dict:
    """A function of FHIRHelpers, which the engine does itself."""
    return {"type": "FunctionRef", "libraryName": "FHIRHelpers", "name": name, "operand": [argument]}


def text(source: dict, path: str) -> dict:
    return helper("ToString", part(source, path))


def of_status(kind: str, status: str) -> dict:
    """The patient's resources of a type with a status."""
    return query(
        retrieve(kind),
        where=op(
            "Equal", text(ref("X"), "status"), {"type": "Literal", "valueType": STRING, "value": status}
        ),
    )


STRING = "{urn:hl7-org:elm-types:r1}String"
THE_PATIENT = {
    "name": "Patient",
    "context": "Patient",
    "expression": op("SingletonFrom", {"type": "Retrieve", "dataType": f"{FHIR}Patient"}),
}


def library(definitions: Mapping[str, dict], name: str = NAME, version: str = "1", **parts: Any) -> dict:
    """An ELM library without annotations, local ids or result types. `name()` and `name(x)` are functions."""
    statements = [THE_PATIENT]
    for key, expression in definitions.items():
        called, bracket, operand = key.removesuffix(")").partition("(")
        statement = {"name": called, "context": "Patient", "expression": expression}
        operands = {"type": "FunctionDef", "operand": [{"name": operand}] if operand else []}
        statements.append({**statement, **operands} if bracket else statement)
    return {
        "identifier": {"id": name, "version": version},
        "includes": {"def": [{"localIdentifier": "FHIRHelpers", "path": "hl7.fhir/FHIRHelpers"}]},
        "parameters": {"def": [{"name": "Measurement Period"}]},
        "statements": {"def": statements},
        **parts,
    }


def population(code: str, expression: str, name: str | None = None, **extensions: str) -> dict:
    found = {"code": {"coding": [{"code": code}]}, "criteria": {"expression": expression}}
    return {**found, **({"id": name} if name else {}), **_extensions(extensions)}


def _extensions(values: Mapping[str, str]) -> dict:
    listed = [{"url": f"{CQFM}/cqfm-{name}", "valueString": value} for name, value in values.items()]
    return {"extension": listed} if listed else {}


def measure(*populations: dict, scoring: str = "proportion", basis: str | None = None, **group: Any) -> dict:
    extensions = {"scoring": scoring, **({"populationBasis": basis} if basis else {})}
    return {
        "resourceType": "Measure",
        "url": f"http://example.org/Measure/{NAME}",
        "name": NAME,
        "library": [f"http://example.org/Library/{NAME}"],
        "group": [{"id": "g", "population": list(populations), **_extensions(extensions), **group}],
    }


def case(
    expected: Mapping[str, float], resources: Sequence[dict] = (), name: str = "c", **group: Any
) -> dict:
    return {
        "case": name,
        "measure": NAME,
        "period": PERIOD,
        "expected": [{"group": "g", "populations": dict(expected), **group}],
        "resources": [PATIENT, *resources],
    }


def as_resource(elm: dict) -> dict:
    data = base64.b64encode(orjson.dumps({"library": elm})).decode()
    content = [{"contentType": "application/elm+json", "data": data}]
    return {"resourceType": "Library", "id": elm["identifier"]["id"], "content": content}


def written(folder: Path, files: Mapping[str, Any]) -> Path:
    """Files by path in the folder; lists become NDJSON, texts stand as they are."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = content if isinstance(content, list) else [content]
        place.write_bytes(
            b"\n".join(one.encode() if isinstance(one, str) else orjson.dumps(one) for one in lines)
        )
    return folder


def judged(folder: Path, elm: dict, made: dict, *cases: dict) -> list[CaseReport]:
    """What conformance says of the cases of one measure."""
    found = run(folder, elm, made, *cases)
    assert not found.unjudged
    return found.measures[0].cases


def run(folder: Path, elm: dict, made: dict, *cases: dict) -> ConformanceReport:
    files = {"made.json": made, "elm.json": {"library": elm}, "cases/all.ndjson": list(cases)}
    return run_conformance(written(folder, files))


def agrees(folder: Path, elm: dict, made: dict, *cases: dict) -> None:
    assert [one.why for one in judged(folder, elm, made, *cases)] == [[] for _ in cases]
