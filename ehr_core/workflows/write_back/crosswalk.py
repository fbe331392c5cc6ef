"""The crosswalk: which patient stands behind a pseudonym. Built here, read here, never sent out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.pseudonym import PseudonymKey

ROWS_A_COPY = 20_000
FOLLOW_MERGES = """
UPDATE core.crosswalk AS entry SET merged_into = patient.replaced_by FROM fhir.patient AS patient
WHERE entry.key_id = :key AND entry.patient_id = patient.id
  AND entry.merged_into IS DISTINCT FROM patient.replaced_by{only}"""


def extend_to_all(work: UnitOfWork, key: PseudonymKey) -> int:
    """Enters every patient that is not there yet under this key, and follows merges; returns how many were entered."""
    work.connection.execute(text(FOLLOW_MERGES.format(only="")), {"key": key.key_id})
    missing = work.connection.execute(
        text(
            "SELECT id FROM fhir.patient p WHERE NOT EXISTS "
            "(SELECT 1 FROM core.crosswalk c WHERE c.key_id = :key AND c.patient_id = p.id)"
        ),
        {"key": key.key_id},
    ).scalars()
    return _enter(work.connection, key, missing.all())


def extend_to(work: UnitOfWork, key: PseudonymKey, patient_ids: Sequence[str]) -> int:
    """The same for these patients only: the instant path does not look at everybody."""
    only = FOLLOW_MERGES.format(only=" AND patient.id = ANY(:ids)")
    work.connection.execute(text(only), {"key": key.key_id, "ids": list(patient_ids)})
    missing = work.connection.execute(
        text(
            "SELECT p.id FROM fhir.patient p WHERE p.id = ANY(:ids) AND NOT EXISTS "
            "(SELECT 1 FROM core.crosswalk c WHERE c.key_id = :key AND c.patient_id = p.id)"
        ),
        {"key": key.key_id, "ids": list(patient_ids)},
    ).scalars()
    return _enter(work.connection, key, missing.all())


def _enter(connection: Connection, key: PseudonymKey, patient_ids: Iterable[str]) -> int:
    entered = 0
    statement = text(
        "INSERT INTO core.crosswalk (key_id, zone, patient_id, pseudonym, merged_into) "
        "SELECT :key, zone, entry.patient_id, entry.pseudonym, patient.replaced_by FROM core.pseudonym_key, "
        "unnest(CAST(:ids AS text[]), CAST(:pseudonyms AS text[])) AS entry (patient_id, pseudonym) "
        "JOIN fhir.patient AS patient ON patient.id = entry.patient_id "
        "WHERE key_id = :key ON CONFLICT DO NOTHING"
    )
    ids = list(patient_ids)
    for start in range(0, len(ids), ROWS_A_COPY):
        part = ids[start : start + ROWS_A_COPY]
        pseudonyms = [key.pseudonym("Patient", patient_id) for patient_id in part]
        done = connection.execute(statement, {"key": key.key_id, "ids": part, "pseudonyms": pseudonyms})
        entered += done.rowcount
    return entered
