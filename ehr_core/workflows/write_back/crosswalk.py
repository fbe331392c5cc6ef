"""The crosswalk: which patient stands behind a pseudonym. Built here, read here, never sent out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.pseudonym import PseudonymKey, derive_key

ROWS_A_COPY = 20_000


def key_in_use(work: UnitOfWork, master_key_hex: str, zone: str) -> PseudonymKey:
    """The key that a new snapshot of this zone is made with; the first one is made on first use."""
    connection = work.connection
    in_use = text("SELECT key_id FROM core.pseudonym_key WHERE zone = :zone AND retired_at IS NULL")
    key_id = connection.execute(in_use, {"zone": zone}).scalar_one_or_none()
    if key_id is None:
        connection.execute(
            text("INSERT INTO core.pseudonym_key (key_id, zone) VALUES (:id, :zone) ON CONFLICT DO NOTHING"),
            {"id": f"{zone.replace('_', '-')}-1", "zone": zone},
        )
        key_id = connection.execute(in_use, {"zone": zone}).scalar_one()
    return derive_key(master_key_hex, key_id)


def key_named(work: UnitOfWork, master_key_hex: str, key_id: str) -> PseudonymKey:
    """A key that this installation has given out, in use or retired. Raises NotFound for any other."""
    known = work.connection.execute(
        text("SELECT zone FROM core.pseudonym_key WHERE key_id = :id"), {"id": key_id}
    ).scalar_one_or_none()
    if known is None:
        raise NotFound(f"There is no pseudonym key '{key_id}'. Ask for the key again and start a new run.")
    return derive_key(master_key_hex, key_id)


def extend_to_all(work: UnitOfWork, key: PseudonymKey) -> int:
    """Enters every patient that the crosswalk does not have yet under this key; returns how many."""
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
        "INSERT INTO core.crosswalk (key_id, zone, patient_id, pseudonym) "
        "SELECT :key, zone, entry.patient_id, entry.pseudonym FROM core.pseudonym_key, "
        "unnest(CAST(:ids AS text[]), CAST(:pseudonyms AS text[])) AS entry (patient_id, pseudonym) "
        "WHERE key_id = :key ON CONFLICT DO NOTHING"
    )
    ids = list(patient_ids)
    for start in range(0, len(ids), ROWS_A_COPY):
        part = ids[start : start + ROWS_A_COPY]
        pseudonyms = [key.pseudonym("Patient", patient_id) for patient_id in part]
        done = connection.execute(statement, {"key": key.key_id, "ids": part, "pseudonyms": pseudonyms})
        entered += done.rowcount
    return entered
