"""Tables in, tables out: resources go in as they stand in the lake, rows come out as dictionaries."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from pipelines.flatten import FlattenReport, flatten

NEW_YORK = "America/New_York"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
_connection = duckdb.connect()


def flat(*resources: dict[str, Any] | str, zone: str = NEW_YORK) -> FlattenReport:
    """Flattens resources (or lines of JSON, where digits matter) in a connection that the tests share."""
    by_type: dict[str, list[bytes]] = {}
    for resource in resources:
        line = resource if isinstance(resource, str) else json.dumps(resource)
        by_type.setdefault(json.loads(line)["resourceType"], []).append(line.encode())
    return flatten(_connection, by_type, key_id="test-1", site_time_zone=zone)


def rows(table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a flat table, in the order of their keys."""
    key = "patient_key" if table == "patient" else "resource_key"
    listed = ", ".join(f'"{column}"' for column in columns)
    return _connection.execute(f'SELECT {listed} FROM "{table}" ORDER BY "{key}"').fetchall()


def reference(kind: str, key: str) -> dict[str, str]:
    return {"reference": f"{kind}/{key}"}


def coding(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observation(key: str = "o1", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": key,
        "status": "final",
        "code": coding(LOINC, "4548-4"),
        "subject": reference("Patient", "p1"),
        **elements,
    }


def result(loinc: str, value: Any, unit: str | None, **quantity: Any) -> str:
    """A laboratory result as a line, its number as written."""
    written = {
        "value": "DIGITS",
        **({"code": unit, "unit": unit, "system": UCUM} if unit else {}),
        **quantity,
    }
    line = json.dumps(observation(code=coding(LOINC, loinc), valueQuantity=written))
    return line.replace('"DIGITS"', str(value))
