"""Random edits of a stored panel, as a clinic makes them: recorded, corrected, retracted, removed, and time passing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from data_contracts.code_systems import PANEL_STATUS
from data_contracts.valuesets import value_set
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict
from ehr_core.store.repository import Store
from tests.lib.api import RunningApi

LOINC, ICD10, CVX = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/cvx"
RESULTS = (
    ("4548-4", "%", (6.4, 7.9, 8.0, 11.2)),
    ("44261-6", "{score}", (2, 10, 19)),
    ("13457-7", "mg/dL", (90, 190)),
    ("33914-3", "mL/min/{1.73_m2}", (41, 88)),
    ("9318-7", "mg/g", (12, 310)),
    ("2085-9", "mg/dL", (31, 64)),
    ("2093-3", "mg/dL", (150, 260)),
    ("29463-7", "kg", (58, 120)),
    ("24606-6", None, (None,)),
    ("21440-3", None, (None,)),
)
PROBLEMS = ("E11.9", "I10", "I25.10", "Z90.710", "Z90.13", "Z85.038", "F31.9", "N18.6", "R54")
VACCINES = ("140", "216", "33")
SCREENINGS = (
    ("mammography", ("breast_abnormal", "negative_result")),
    ("hpv_test", ("cervical_abnormal", "negative_result")),
    ("cervical_cytology", ("cervical_abnormal", "negative_result")),
    ("stool_blood_test", ("positive_result", "negative_result")),
    ("breast_workup", ("negative_result",)),
    ("colonoscopy", ("negative_result",)),
)
UNKNOWN_MODIFIER = {"url": "https://other.example/never-seen", "valueBoolean": True}
EDITABLE = ("observation", "condition", "procedure", "immunization", "medication_request")
FEWEST = 6
REMOVABLE = (*EDITABLE, "encounter", "diagnostic_report", "coverage", "flag")


@dataclass(frozen=True)
class Edit:
    """One act on one person; `seed` decides the details."""

    act: str
    seed: int


def make(api: RunningApi, edit: Edit) -> None:
    """Applies the edit through the store, in a transaction of its own. A record that was merged away takes no more."""
    random = Random(edit.seed)
    if edit.act == "days pass":
        api.clock.instant += timedelta(days=random.choice((1, 1, 30, 45, 200)))
        return
    try:
        with api.work() as work:
            ACTS[edit.act](work, random, _someone(work, random), api.clock.now())
    except Conflict as refused:
        if "merged into another" not in refused.message:
            raise


def _someone(work: UnitOfWork, random: Random) -> str:
    rows = work.connection.exec_driver_sql("SELECT id FROM fhir.patient WHERE NOT deleted ORDER BY id")
    return random.choice(rows.scalars().all())


def _others_in_use(work: UnitOfWork, but: str) -> list[str]:
    """Whose records were not merged: a ring of merged records is refused."""
    rows = work.connection.exec_driver_sql(
        "SELECT id FROM fhir.patient WHERE NOT deleted AND replaced_by IS NULL AND id <> %s ORDER BY id",
        (but,),
    )
    return list(rows.scalars())


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


def screen(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """A screening with its coded result: as a result, as a report with a conclusion, or as an act alone."""
    test, results = random.choice(SCREENINGS)
    code, result = _coded(random, test), _coded(random, random.choice(results))
    common = {"code": code, "subject": {"reference": f"Patient/{patient_id}"}}
    on = {"effectiveDateTime": _recently(random, now)}
    kind = random.choice(("Observation", "DiagnosticReport", "Procedure"))
    if kind == "Observation":
        body = {"status": "final", "valueCodeableConcept": result, **on}
    elif kind == "DiagnosticReport":
        body = {"status": random.choice(("final", "preliminary")), "conclusionCode": [result], **on}
    else:
        body = {"status": "completed", "performedDateTime": _recently(random, now)}
    Store(work).create(kind, {"resourceType": kind, **common, **body})


def prescribe(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    body = {
        "resourceType": "MedicationRequest",
        "status": random.choice(("active", "active", "stopped", "cancelled")),
        "intent": random.choice(("order", "order", "proposal")),
        "medicationCodeableConcept": _coded(random, random.choice(("statins", "cessation_medication"))),
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": _recently(random, now),
    }
    Store(work).create("MedicationRequest", body)


def visit(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """A stay or a visit: of hospice, ended with a discharge to hospice, palliative, or none of these."""
    start = _recently(random, now)
    body = {
        "resourceType": "Encounter",
        "status": random.choice(("finished", "in-progress", "planned", "cancelled")),
        "class": {"system": ACT_CODE, "code": random.choice(("HH", "IMP", "AMB"))},
        "type": [
            _coded(random, random.choice(("hospice_encounter", "palliative_care", "depression_follow_up")))
        ],
        "subject": {"reference": f"Patient/{patient_id}"},
        "period": {"start": start} | ({"end": now.isoformat()} if random.random() < 0.5 else {}),
    }
    if random.random() < 0.3:
        body["hospitalization"] = {"dischargeDisposition": _coded(random, "hospice_discharge")}
    Store(work).create("Encounter", body)


def flag(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """Opted out or moved away: from some day on, until some day, or not any more."""
    code = random.choice(("outreach-opt-out", "transferred-out"))
    days = [
        (now + timedelta(days=random.choice((-40, -1, 0, 1, 20, 90)))).date().isoformat() for _ in range(2)
    ]
    period = dict(zip(random.choice((("start",), ("end",), ("start", "end"))), sorted(days), strict=False))
    body = {
        "resourceType": "Flag",
        "id": f"flag-{patient_id[:20]}-{code}",
        "status": random.choice(("active", "active", "inactive", "entered-in-error")),
        "code": {"coding": [{"system": PANEL_STATUS.uri, "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "period": period,
    }
    Store(work).update("Flag", body["id"], body)


def insure(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """Another payer, now or from a day to come, perhaps for a while."""
    start = now + timedelta(days=random.choice((-100, 0, 30)))
    ends = {"end": (start + timedelta(days=60)).date().isoformat()} if random.random() < 0.5 else {}
    body = {
        "resourceType": "Coverage",
        "status": random.choice(("active", "active", "cancelled")),
        "type": {
            "coding": [{"system": "https://nahdo.org/sopt", "code": random.choice(("1", "2", "5", "81"))}]
        },
        "beneficiary": {"reference": f"Patient/{patient_id}"},
        "payor": [{"display": "Some payer"}],
        "period": {"start": start.date().isoformat(), **ends},
    }
    Store(work).create("Coverage", body)


def merge(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """Merged into somebody else, or taken apart again."""
    body = json.loads(Store(work).read("Patient", patient_id).body)
    others = _others_in_use(work, patient_id)
    if body.pop("link", None) is None and others:
        into = {"reference": f"Patient/{random.choice(others)}"}
        body |= {"link": [{"other": into, "type": "replaced-by"}], "active": False}
    else:
        body["active"] = True
    Store(work).update("Patient", patient_id, body)


def spoil(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """An extension that may turn the meaning round, on one resource or on the person: nobody can judge the record."""
    stored = _stored(work, random, patient_id, random.choice(EDITABLE))
    body = (stored or [json.loads(Store(work).read("Patient", patient_id).body)])[0]
    Store(work).update(body["resourceType"], body["id"], {**body, "modifierExtension": [UNKNOWN_MODIFIER]})


def mend(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """Takes one such extension of anybody away again."""
    for table in ("patient", *EDITABLE):
        rows = work.connection.exec_driver_sql(
            f"SELECT body FROM fhir.\"{table}\" WHERE NOT deleted AND body LIKE '%%modifierExtension%%' ORDER BY id"
        )
        for body in map(json.loads, rows.scalars()):
            kept = {name: value for name, value in body.items() if name != "modifierExtension"}
            Store(work).update(body["resourceType"], body["id"], kept)
            return


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


def label(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """Puts a restricting label on some facts of one kind, or takes it off again."""
    for body in _stored(work, random, patient_id, random.choice(EDITABLE))[:4]:
        meta = dict(body.get("meta", {}))
        if meta.pop("security", None) is None:
            meta["security"] = [{"system": ACT_CODE, "code": random.choice(("HIV", "PSY"))}]
        Store(work).update(body["resourceType"], body["id"], {**body, "meta": meta})


def retract(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    for body in _stored(work, random, patient_id, "observation")[:3]:
        Store(work).update("Observation", body["id"], {**body, "status": "entered-in-error"})


def remove(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    for body in _stored(work, random, patient_id, random.choice(REMOVABLE))[:2]:
        Store(work).delete(body["resourceType"], body["id"])


def remove_person(work: UnitOfWork, random: Random, patient_id: str, now: datetime) -> None:
    """The Patient alone: what was recorded of the person stays and belongs to nobody. A few people are left."""
    if len(_others_in_use(work, patient_id)) > FEWEST:
        Store(work).delete("Patient", patient_id)


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


def _coded(random: Random, name: str) -> dict[str, Any]:
    """One code of a value set."""
    codes = sorted((code.system.uri, code.code) for code in value_set(name).codes if not code.is_prefix)
    system, code = random.choice(codes)
    return {"coding": [{"system": system, "code": code}]}


def _stored(work: UnitOfWork, random: Random, patient_id: str, table: str) -> list[dict[str, Any]]:
    rows = work.connection.exec_driver_sql(
        f'SELECT body FROM fhir."{table}" WHERE patient_id = %s AND NOT deleted ORDER BY id', (patient_id,)
    )
    found = [json.loads(body) for body in rows.scalars()]
    random.shuffle(found)
    return found


CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
UCUM = "http://unitsofmeasure.org"
ACTS: dict[str, Callable[[UnitOfWork, Random, str, datetime], None]] = {
    "record a result": record_result,
    "record a pressure": record_pressure,
    "add a problem": add_problem,
    "vaccinate": vaccinate,
    "correct a result": correct,
    "label": label,
    "retract results": retract,
    "remove": remove,
    "remove a person": remove_person,
    "change the person": change_person,
    "screen": screen,
    "prescribe": prescribe,
    "visit": visit,
    "flag": flag,
    "insure": insure,
    "merge": merge,
    "spoil": spoil,
    "mend": mend,
}
