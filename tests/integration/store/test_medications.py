"""Medications: they belong to no patient, and are part of what a prescription says."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ehr_core.kernel.fhir_json import encode
from ehr_core.store.importer import load_resources
from ehr_core.store.medications import PATIENTS_AN_ANNOUNCEMENT, parts
from tests.integration.store.conftest import SITE, patient


def prescription(patient_id: str, medication_id: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient_id}"},
        "medicationReference": {"reference": f"Medication/{medication_id}"},
    }


def medicine(code: str) -> dict[str, Any]:
    return {"resourceType": "Medication", "code": {"coding": [{"system": "rxnorm", "code": code}]}}


def test_a_record_brings_the_medications_that_its_prescriptions_refer_to(opened) -> None:
    with opened() as store:
        for name in ("ana", "ben"):
            store.create("Patient", patient(), id=name)
            store.create("Medication", medicine("617311"), id=f"of-{name}")
            store.create("MedicationRequest", prescription(name, f"of-{name}"))
    with opened() as store:
        record = list(store.patient_resources(["ana"]))
        assert [name for name, _ in record] == ["Patient", "MedicationRequest", "Medication"]
        assert b'"of-ana"' in record[-1][1]
        assert [name for name, _ in store.patient_resources(["ana"], ["Patient"])] == ["Patient"]


def test_a_changed_medication_is_announced_for_everybody_who_has_it_prescribed(opened, admin_url) -> None:
    with opened() as store:
        for name in ("ana", "ben", "cleo"):
            store.create("Patient", patient(), id=name)
        store.create("Medication", medicine("1"), id="m")
        for name in ("ana", "ben"):
            store.create("MedicationRequest", prescription(name, "m"))
        stopped = store.create("MedicationRequest", prescription("cleo", "m"))
        store.delete("MedicationRequest", stopped.id)
        store.update("Medication", "m", medicine("617311"))
    with psycopg.connect(admin_url) as connection:
        told = connection.execute(
            "SELECT patient_ids, code_tokens FROM core.outbox WHERE resource_type = 'Medication' AND act = 'update'"
        ).fetchall()
    assert told == [(["ana", "ben"], ["rxnorm|617311", "rxnorm|1"])]


def test_a_medication_that_an_import_changes_is_announced_as_well(opened, database, staff, admin_url) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")
        store.create("Medication", medicine("1"), id="m")
        store.create("MedicationRequest", prescription("ana", "m"))
    line = encode({"id": "m", **medicine("617311")})
    load_resources(database, staff, [("Medication", line)], processes=1, site_time_zone=SITE)
    with psycopg.connect(admin_url) as connection:
        told = connection.execute("SELECT patient_ids FROM core.outbox WHERE act = 'import'").fetchall()
    assert told == [(["ana"],)]


@pytest.mark.parametrize(
    ("patients", "expected"), [(0, [0]), (1, [1]), (200, [200]), (201, [200, 1]), (450, [200, 200, 50])]
)
def test_a_medicine_of_the_whole_house_is_announced_in_parts(patients, expected) -> None:
    assert PATIENTS_AN_ANNOUNCEMENT == 200
    assert [len(part) for part in parts([str(number) for number in range(patients)])] == expected
