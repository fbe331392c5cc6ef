"""A panel of any size for the API's benches: people with visits, results and problems, drawn by their number.

The same number is the same person in every population, so a search for one of the first thousand finds the same handful
among a thousand and among many thousands. Nobody in it is believable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

FAMILIES, GIVEN = 997, 89
PANEL = 500
"""Patients a practitioner has; the last one has the rest."""
CODES = ("4548-4", "2345-7", "718-7", "2160-0")
LOINC, SNOMED, ICD_10 = "http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
RARE = "rare-{}"
"""One problem in two hundred and fifty is coded for its group of a thousand people alone."""

BEGINNINGS = ("bar", "cel", "dim", "fon", "gul", "har", "jek", "kov", "lis", "mun")
MIDDLES = ("ado", "ebi", "ifu", "oga", "uhe", "aki", "elo", "imu", "ona", "upe")
ENDINGS = ("rath", "sted", "twin", "vold", "wurz", "xand", "yeck", "zill", "quom", "prug")

Line = tuple[str, bytes]


def records(first: int, end: int) -> Iterator[Line]:
    """Everything of the people from `first` to before `end`: seven resources each."""
    for number in range(first, end):
        yield from record(number)


def record(number: int) -> Iterator[Line]:
    subject = {"reference": f"Patient/p{number}"}
    yield "Patient", patient(number)
    yield _line(
        "Encounter",
        f"p{number}-e",
        status="finished",
        **{"class": {"code": "AMB"}},
        subject=subject,
        period={"start": moment(number, 0), "end": moment(number, 0)},
    )
    for place in range(len(CODES)):
        yield "Observation", result(number, place)
    code = RARE.format(number // 1000) if number % 250 == 7 else f"E{number % 90}"
    yield _line(
        "Condition",
        f"p{number}-c",
        subject=subject,
        code={"coding": [{"system": ICD_10, "code": code}]},
        clinicalStatus={"coding": [{"code": "active"}]},
        onsetDateTime=moment(number, 0),
    )


def result(number: int, place: int) -> bytes:
    return _line(
        "Observation",
        f"p{number}-o{place}",
        status="final",
        code={"coding": [{"system": LOINC, "code": CODES[place % len(CODES)]}]},
        subject={"reference": f"Patient/p{number}"},
        encounter={"reference": f"Encounter/p{number}-e"},
        effectiveDateTime=moment(number, place),
        valueQuantity={"value": 5 + number % 90 / 10, "unit": "%", "system": "http://unitsofmeasure.org"},
    )[1]


def patient(number: int) -> bytes:
    return _line(
        "Patient",
        f"p{number}",
        identifier=[{"system": "urn:mrn", "value": str(number)}],
        name=[{"family": family(number).title(), "given": [given(number).title()]}],
        gender="female" if number // 2 % 2 else "male",
        birthDate=born(number),
        address=[{"line": [f"{number} Elm Street"], "city": "Lanternford", "state": "MA"}],
        generalPractitioner=[{"reference": f"Practitioner/d{number // PANEL}"}],
    )[1]


def family(number: int) -> str:
    """Names that have as little in common as people's have, and none of which begins another."""
    hundreds, rest = divmod(number % FAMILIES, 100)
    return BEGINNINGS[hundreds] + MIDDLES[rest // 10] + ENDINGS[rest % 10]


def given(number: int) -> str:
    tens, ones = divmod(number % GIVEN, 10)
    return ENDINGS[tens] + BEGINNINGS[ones]


def born(number: int) -> str:
    return f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}"


def moment(number: int, place: int) -> str:
    """Within two thousand days; no two people of the first many thousands at the same minute."""
    day, minute = number % 2000, number // 2000 * 7 + place
    hour = f"{8 + minute // 60 % 10:02}:{minute % 60:02}:00-05:00"
    return f"{2018 + day // 365}-{1 + day % 12:02}-{1 + day % 28:02}T{hour}"


def _line(resource_type: str, identity: str, **body: Any) -> Line:
    return resource_type, json.dumps({"resourceType": resource_type, "id": identity, **body}).encode()
