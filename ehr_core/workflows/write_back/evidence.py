"""Turns evidence keys back into resource ids, over each patient's own resources and for changed rows only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import Connection, text

from data_contracts.guidelines.criterion import FHIR_TYPES
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.pseudonym import PseudonymKey

log = get_logger(__name__)

EVIDENCE_TABLES: dict[str, str] = {
    resource_type: f'fhir."{re.sub("(?<=[a-z])(?=[A-Z])", "_", resource_type).lower()}"'
    for resource_type in {*FHIR_TYPES.values(), "Patient"}
}
"""What may decide an answer. A body that names another type is refused: its words never become SQL."""

NEAR_THE_DAY = (
    "AND resource.date_low < asked.evidence_on + 2 AND coalesce(resource.date_high, resource.date_low) >= "
    "asked.evidence_on - 1"
)
"""A first, narrow look: the evidence's day in the site's zone is within a day of the stored instant."""

ROWS_A_FETCH = 10_000


def resolve_evidence(connection: Connection, delta: str, key: PseudonymKey) -> int:
    """Sets `evidence_id` in the delta; returns how many rows stay without one.

    A row stays unresolved when its resource was deleted in the meantime; the change that did it re-measures it.
    """
    types = connection.execute(
        text(
            f"SELECT DISTINCT evidence_type FROM {delta} WHERE evidence_key IS NOT NULL AND evidence_id IS NULL"
        )
    ).scalars()
    for resource_type in types.all():
        if resource_type not in EVIDENCE_TABLES:
            raise BadRequest("A row names evidence of a type that no definition uses.")
        for narrowing in (NEAR_THE_DAY, ""):
            _resolve_type(connection, delta, resource_type, narrowing, key)
    unresolved = connection.execute(
        text(f"SELECT count(*) FROM {delta} WHERE evidence_key IS NOT NULL AND evidence_id IS NULL")
    ).scalar_one()
    if unresolved:
        log.warning("evidence_not_resolved", table=delta, rows=unresolved)
    return unresolved


def _resolve_type(
    connection: Connection, delta: str, resource_type: str, narrowing: str, key: PseudonymKey
) -> None:
    wanted = {
        (patient_id, evidence_key)
        for patient_id, evidence_key in connection.execute(
            text(
                f"SELECT patient_id, evidence_key FROM {delta} "
                "WHERE evidence_type = :type AND evidence_key IS NOT NULL AND evidence_id IS NULL"
            ),
            {"type": resource_type},
        )
    }
    if not wanted:
        return
    found = _match(_candidates(connection, delta, resource_type, narrowing), wanted, resource_type, key)
    if found:
        _store(connection, delta, resource_type, found)


def _candidates(
    connection: Connection, delta: str, resource_type: str, narrowing: str
) -> Iterable[tuple[str, str]]:
    """(patient id, resource id) of the patients' own resources of this type."""
    patient_column = "id" if resource_type == "Patient" else "patient_id"
    narrowing = "" if resource_type == "Patient" else narrowing
    statement = text(
        f"SELECT DISTINCT resource.{patient_column}, resource.id FROM {EVIDENCE_TABLES[resource_type]} AS resource "
        f"JOIN (SELECT DISTINCT patient_id, evidence_on FROM {delta} WHERE evidence_type = :type "
        "AND evidence_key IS NOT NULL AND evidence_id IS NULL) AS asked "
        f"ON asked.patient_id = resource.{patient_column} {narrowing} WHERE NOT resource.deleted"
    ).execution_options(stream_results=True, yield_per=ROWS_A_FETCH)
    return connection.execute(statement, {"type": resource_type})


def _match(
    candidates: Iterable[tuple[str, str]],
    wanted: set[tuple[str, str]],
    resource_type: str,
    key: PseudonymKey,
) -> list[tuple[str, str, str]]:
    found = []
    for patient_id, resource_id in candidates:
        pseudonym = key.pseudonym(resource_type, resource_id)
        if (patient_id, pseudonym) in wanted:
            found.append((patient_id, pseudonym, resource_id))
    return found


def _store(connection: Connection, delta: str, resource_type: str, found: list[tuple[str, str, str]]) -> None:
    patients, pseudonyms, ids = map(list, zip(*found, strict=True))
    connection.execute(
        text(
            f"UPDATE {delta} AS delta SET evidence_id = found.id FROM unnest(CAST(:patients AS text[]), "
            "CAST(:pseudonyms AS text[]), CAST(:ids AS text[])) AS found (patient_id, evidence_key, id) "
            "WHERE delta.patient_id = found.patient_id AND delta.evidence_key = found.evidence_key "
            "AND delta.evidence_type = :type"
        ),
        {"patients": patients, "pseudonyms": pseudonyms, "ids": ids, "type": resource_type},
    )
