"""Random edits of a stored panel, as a clinic makes them: recorded, corrected, retracted, removed, and time passing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.store.repository import Store
from tests.lib.api import RunningApi

LOINC, ICD10, CVX = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/cvx"
RESULTS = (
    ("4548-4", "%", (6.4, 7.9, 8.0, 11.2)),
    ("44261-6", "{score}", (2, 10, 19)),
    ("13457-7", "mg/dL", (90, 190)),
    ("33914-3", "mL/min/{1.73_m2}", (41, 88)),
    ("9318-7", "mg/g", (12, 310)),
    ("24606-6", None, (None,)),
    ("21440-3", None, (None,)),
)
PROBLEMS = ("E11.9", "I10", "I25.10", "Z90.710", "Z90.13", "Z85.038", "F31.9", "N18.6", "R54")
VACCINES = ("140", "216", "33")
EDITABLE = ("observation", "condition", "procedure", "immunization", "medication_request")


@dataclass(frozen=True)
class Edit:
    """One act on one person; `seed` decides the details."""

    act: str
    seed: int


def make(api: RunningApi, edit: Edit) -> None:
    """Applies the edit through the store, in a transaction of its own."""
    random = Random(edit.seed)
    if edit.act == "days pass":
        api.clock.instant += timedelta(days=random.choice((1, 1, 30, 45, 200)))
        return
    with api.work() as work:
        ACTS[edit.act](work, random, _someone(work, random), api.clock.now())


def _someone(work: UnitOfWork, random: Random) -> str:
    rows = work.connection.exec_driver_sql("SELECT id FROM fhir.patient WHERE NOT deleted ORDER BY id")
    return random.choice(rows.scalars().all())


def _recently(random: Random, now: datetime) -> str:
    return (now - timedelta(days=random.choice((0, 0, 3, 170, 364, 400)))).isoformat()


def record_result(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    code, unit, values = random.choice(RESULTS)
    value = random.choice(values)
    body: dict[str, Any] = {
        "resourceType": "Observation",
        "status": random.choice(("final", "final", "preliminary")),
        "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": _recently(random, now),
    }
    if value is not None:
        body["valueQuantity"] = {"value": value, "unit": unit, "code": unit, "system": UCUM}
    Store(work).create("Observation", body)


def record_pressure(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    pair = (("8480-6", random.choice((118, 129, 139, 162))), ("8462-4", random.choice((70, 80, 91))))
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": _recently(random, now),
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": code}]},
                "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
            }
            for code, value in pair
        ],
    }
    Store(work).create("Observation", body)


def add_problem(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    body = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "code": {"coding": [{"system": ICD10, "code": random.choice(PROBLEMS)}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "onsetDateTime": _recently(random, now)[:10],
        "recordedDate": now.date().isoformat(),
    }
    Store(work).create("Condition", body)


def vaccinate(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    body = {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": CVX, "code": random.choice(VACCINES)}]},
        "patient": {"reference": f"Patient/{patient_id}"},
        "occurrenceDateTime": _recently(random, now)[:10],
    }
    Store(work).create("Immunization", body)


def correct(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """Another value for a stored number, where the person has one."""
    for body in _stored(work, random, patient_id, "observation"):
        if "valueQuantity" in body:
            body["status"] = "corrected"
            body["valueQuantity"]["value"] = round(
                body["valueQuantity"]["value"] * random.choice((0.7, 1.3)), 1
            )
            Store(work).update("Observation", body["id"], body)
            return


def retract(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    for body in _stored(work, random, patient_id, "observation")[:3]:
        Store(work).update("Observation", body["id"], {**body, "status": "entered-in-error"})


def remove(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    for body in _stored(work, random, patient_id, random.choice(EDITABLE))[:2]:
        Store(work).delete(body["resourceType"], body["id"])


def change_person(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    body = json.loads(Store(work).read("Patient", patient_id).body)
    change = random.choice(
        (
            {"deceasedBoolean": True},
            {"active": False},
            {"gender": random.choice(("female", "male"))},
            {"birthDate": f"{now.year - random.choice((21, 45, 50, 65, 75, 76))}-{now:%m}-15"},
        )
    )
    kept = {name: value for name, value in body.items() if not name.startswith("deceased")}
    Store(work).update("Patient", patient_id, {**(kept if "deceasedBoolean" in change else body), **change})


def _stored(work: UnitOfWork, random: Random, patient_id: str, table: str) -> list[dict[str, Any]]:
    rows = work.connection.exec_driver_sql(
        f'SELECT body FROM fhir."{table}" WHERE patient_id = %s AND NOT deleted ORDER BY id', (patient_id,)
    )
    found = [json.loads(body) for body in rows.scalars()]
    random.shuffle(found)
    return found


CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
UCUM = "http://unitsofmeasure.org"
ACTS: dict[str, Callable[[UnitOfWork, Random, str, datetime], None]] = {
    "record a result": record_result,
    "record a pressure": record_pressure,
    "add a problem": add_problem,
    "vaccinate": vaccinate,
    "correct a result": correct,
    "retract results": retract,
    "remove": remove,
    "change the person": change_person,
}
