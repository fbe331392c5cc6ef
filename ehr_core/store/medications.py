"""Medications and places belong to no patient, yet say what a prescription or a visit is: who refers to which."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, text

from ehr_core.store.resource_types import RESOURCE_TYPES

MEDICATION, PRESCRIPTION, LOCATION = "Medication", "MedicationRequest", "Location"
NAMING_A_MEDICATION = (PRESCRIPTION, "MedicationAdministration", "MedicationDispense")
PATIENTS_AN_ANNOUNCEMENT = 200
"""A medicine of the whole house is announced in parts: no single outbox row may cost more than a lease allows."""


def patients_prescribed(connection: Connection, medication_ids: Collection[str]) -> list[str]:
    """The patients who were prescribed, given or handed one of these medications, by a current record."""
    tokens = [f"medication:{MEDICATION}/{medication_id}" for medication_id in medication_ids]
    named = " UNION ".join(
        f"SELECT patient_id FROM fhir.{RESOURCE_TYPES[name].table} "
        "WHERE reference_tokens && :tokens AND NOT deleted AND patient_id IS NOT NULL"
        for name in NAMING_A_MEDICATION
    )
    found = text(f"SELECT patient_id FROM ({named}) AS named ORDER BY patient_id")
    return list(connection.execute(found, {"tokens": tokens}).scalars()) if tokens else []


def medications_prescribed(connection: Connection, patient_ids: Sequence[str]) -> Iterator[bytes]:
    """The bodies of the medications that these patients were prescribed, given or handed, each once."""
    return _referred(connection, MEDICATION, "medication", NAMING_A_MEDICATION, patient_ids)


def locations_visited(connection: Connection, patient_ids: Sequence[str]) -> Iterator[bytes]:
    """The bodies of the places that these patients' encounters name, each once."""
    return _referred(connection, LOCATION, "location", ("Encounter",), patient_ids)


def _referred(
    connection: Connection, name: str, by: str, holders: Sequence[str], patient_ids: Sequence[str]
) -> Iterator[bytes]:
    tokens = " UNION ".join(
        f"SELECT unnest(reference_tokens) AS token FROM fhir.{RESOURCE_TYPES[holder].table} "
        "WHERE patient_id = ANY(:ids) AND NOT deleted"
        for holder in holders
    )
    found = text(
        f"SELECT body FROM fhir.{RESOURCE_TYPES[name].table} WHERE NOT deleted AND id IN ("
        f"SELECT substr(token, length('{by}:{name}/') + 1) FROM ({tokens}) AS said "
        f"WHERE token LIKE '{by}:{name}/%') ORDER BY id"
    )
    for body in connection.execute(found, {"ids": list(patient_ids)}).scalars():
        yield body.encode()


def parts(patient_ids: Sequence[str]) -> list[Sequence[str]]:
    """The patients in the portions that are announced together; one empty portion when there is nobody."""
    starts = range(0, max(len(patient_ids), 1), PATIENTS_AN_ANNOUNCEMENT)
    return [patient_ids[start : start + PATIENTS_AN_ANNOUNCEMENT] for start in starts]
