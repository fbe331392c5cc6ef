"""Prints how fast the FHIR API takes single creates and transactions: checked, promoted, indexed, audited, announced.

The API runs in a process of its own; a few connections that stay open send it one thing after the other. Reads,
searches, exports and the cost of the policy have benches of their own in `tests/bench/api`.
Run: python -m tests.bench.api_bench [patients]
"""

from __future__ import annotations

import itertools
import json
import sys
from datetime import UTC, datetime

from tests.bench.api.door import Door, databases, load, running_door
from tests.bench.api.people import Line, patient

WRITES = 300
ENTRIES = 100
BUNDLES = 12


def main(patients: int = 1_000) -> None:
    people: list[Line] = [("Patient", patient(number)) for number in range(patients)]
    with databases(1) as (admin_url,):
        load(admin_url, iter(people))
        with running_door(admin_url) as door:
            writes(door)
            bundles(door)


def writes(door: Door) -> None:
    """Single creates through the whole door: checked, promoted, indexed, audited, announced."""
    numbers = itertools.count()
    made = door.timed(
        (("POST", "/fhir/Observation", observation(next(numbers))) for _ in iter(int, 1)), WRITES
    )
    print(f"create an Observation:            {made}")


def bundles(door: Door) -> None:
    """Transactions of a hundred entries, with references among them."""
    numbers = itertools.count(10**6)
    times = door.timed((("POST", "/fhir", bundle(next(numbers))) for _ in iter(int, 1)), BUNDLES)
    rate = ENTRIES * BUNDLES / times.wall
    print(
        f"transactions of {ENTRIES} entries:      {rate:,.0f} resources/s, p50 {times.at(0.5) * 1000:.0f} ms"
    )


def observation(number: int, patient_id: str | None = None) -> bytes:
    coded = {"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coded]},
        "subject": {"reference": f"Patient/{patient_id or f'p{number % 1000}'}"},
        "effectiveDateTime": datetime(2026, 1, 1 + number % 28, 9, tzinfo=UTC).isoformat(),
        "valueQuantity": {
            "value": 5 + number % 90 / 10,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        },
    }
    return json.dumps(body).encode()


def bundle(number: int) -> bytes:
    """A new patient and their results, which refer to them by the entry's own address."""
    whose = f"urn:uuid:00000000-0000-4000-8000-{number:012d}"
    person = json.loads(patient(number))
    del person["id"]
    entries = [{"fullUrl": whose, "resource": person, "request": {"method": "POST", "url": "Patient"}}]
    for place in range(ENTRIES - 1):
        result = json.loads(observation(place)) | {"subject": {"reference": whose}}
        entries.append({"resource": result, "request": {"method": "POST", "url": "Observation"}})
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
