"""Medications belong to no patient, yet say what a prescription is: whose records refer to them, and to which."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, text

MEDICATION, PRESCRIPTION = "Medication", "MedicationRequest"
PATIENTS_AN_ANNOUNCEMENT = 200
"""A medicine of the whole house is announced in parts: no single outbox row may cost more than a lease allows."""


def patients_prescribed(connection: Connection, medication_ids: Collection[str]) -> list[str]:
    """The patients with a current prescription record that refers to one of these medications."""
    tokens = [f"medication:{MEDICATION}/{medication_id}" for medication_id in medication_ids]
    found = text(
        "SELECT DISTINCT patient_id FROM fhir.medication_request "
        "WHERE reference_tokens && :tokens AND NOT deleted AND patient_id IS NOT NULL ORDER BY patient_id"
    )
    return list(connection.execute(found, {"tokens": tokens}).scalars()) if tokens else []


def medications_prescribed(connection: Connection, patient_ids: Sequence[str]) -> Iterator[bytes]:
    """The bodies of the medications that these patients' prescription records refer to, each once."""
    found = text(
        "SELECT body FROM fhir.medication WHERE NOT deleted AND id IN ("
        "SELECT substr(token, length('medication:Medication/') + 1) "
        "FROM fhir.medication_request r, unnest(r.reference_tokens) AS token "
        "WHERE r.patient_id = ANY(:ids) AND NOT r.deleted AND token LIKE 'medication:Medication/%') ORDER BY id"
    )
    for body in connection.execute(found, {"ids": list(patient_ids)}).scalars():
        yield body.encode()


def parts(patient_ids: Sequence[str]) -> list[Sequence[str]]:
    """The patients in the portions that are announced together; one empty portion when there is nobody."""
    starts = range(0, max(len(patient_ids), 1), PATIENTS_AN_ANNOUNCEMENT)
    return [patient_ids[start : start + PATIENTS_AN_ANNOUNCEMENT] for start in starts]
