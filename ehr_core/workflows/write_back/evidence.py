"""Turns evidence keys back into resource ids, over each patient's own resources and for changed rows only."""

from __future__ import annotations

from sqlalchemy import Connection, text

from data_contracts.guidelines.sql import sensitivity_rank
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.store.resource_types import RESOURCE_TYPES

log = get_logger(__name__)

EVIDENCE_TABLES: dict[str, str] = {
    name: f'fhir."{row.table}"' for name, row in RESOURCE_TYPES.items() if row.patient or name == "Patient"
}
"""What may decide an answer: whatever belongs to a patient. Another word is refused and never becomes SQL."""

NEAR_THE_DAY = (
    "AND resource.date_low < asked.evidence_on + 2 AND coalesce(resource.date_high, resource.date_low) >= "
    "asked.evidence_on - 1"
)
"""A first, narrow look: the evidence's day in the site's zone is within a day of the stored instant."""

ROWS_A_FETCH = 10_000
RESOLVED = "resolved_evidence"

UNRESOLVED = (
    "delta.evidence_key IS NOT NULL AND delta.known_evidence_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM resolved_evidence AS resolved WHERE resolved.patient_id = delta.patient_id "
    "AND resolved.evidence_key = delta.evidence_key AND resolved.evidence_type = delta.evidence_type)"
)

LABEL = """
UPDATE {delta} AS delta SET evidence_sensitivity = fact.strictest
FROM (SELECT labelled.patient_id, labelled.id, (SELECT label FROM unnest(labelled.sensitivity) AS label
        ORDER BY {rank_of_label} DESC LIMIT 1) AS strictest FROM {facts} AS labelled
      WHERE labelled.sensitivity IS NOT NULL
        AND labelled.patient_id IN (SELECT patient_id FROM {delta} WHERE evidence_type = :type)) AS fact
  LEFT JOIN {resolved} AS resolved ON resolved.patient_id = fact.patient_id
    AND resolved.evidence_type = :type AND resolved.resource_id = fact.id
WHERE delta.patient_id = fact.patient_id AND delta.evidence_type = :type
  AND (delta.known_evidence_id = fact.id OR delta.evidence_key = resolved.evidence_key)
  AND (delta.evidence_sensitivity IS NULL OR {rank_of_said} < {rank_of_fact})"""


def with_evidence(delta: str) -> str:
    """The delta as a subquery in which `evidence_id` is what `resolve_evidence` found, else what it was."""
    return (
        f"(SELECT given.*, coalesce(resolved.resource_id, given.known_evidence_id) AS evidence_id FROM "
        f"(SELECT * FROM {delta}) AS given LEFT JOIN {RESOLVED} AS resolved USING "
        "(patient_id, evidence_type, evidence_key))"
    )


def resolve_evidence(connection: Connection, delta: str, key: PseudonymKey) -> int:
    """Fills `resolved_evidence` for the delta's rows; returns how many stay without a resource.

    A row stays unresolved when its resource was deleted in the meantime; the change that did it re-measures it.
    """
    connection.execute(
        text(
            f"CREATE TEMP TABLE IF NOT EXISTS {RESOLVED} (patient_id text, evidence_type text, evidence_key text, "
            "resource_id text) ON COMMIT DELETE ROWS"
        )
    )
    connection.execute(text(f"DELETE FROM {RESOLVED}"))
    for narrowing in (NEAR_THE_DAY, ""):
        for resource_type in _unresolved_types(connection, delta):
            _resolve_type(connection, delta, resource_type, narrowing, key)
    unresolved = connection.execute(
        text(f"SELECT count(*) FROM {delta} AS delta WHERE {UNRESOLVED}")
    ).scalar_one()
    if unresolved:
        log.warning("evidence_not_resolved", table=delta, rows=unresolved)
    return unresolved


def take_labels(connection: Connection, delta: str) -> int:
    """Gives the delta's rows the labels that the chart's own rows have where they are stricter; returns how many.

    The lake knows the labels that came with a fact; the chart judges what nobody labelled by its codes as well.
    """
    types = connection.execute(
        text(f"SELECT DISTINCT evidence_type FROM {delta} WHERE evidence_key IS NOT NULL ORDER BY 1")
    )
    return sum(
        connection.execute(
            text(
                LABEL.format(
                    delta=delta,
                    facts=EVIDENCE_TABLES[evidence_type],
                    resolved=RESOLVED,
                    rank_of_label=sensitivity_rank("label"),
                    rank_of_said=sensitivity_rank("delta.evidence_sensitivity"),
                    rank_of_fact=sensitivity_rank("fact.strictest"),
                )
            ),
            {"type": evidence_type},
        ).rowcount
        for evidence_type in types.scalars().all()
    )


def _unresolved_types(connection: Connection, delta: str) -> list[str]:
    found = connection.execute(
        text(f"SELECT DISTINCT evidence_type FROM {delta} AS delta WHERE {UNRESOLVED}")
    ).scalars()
    types = sorted(found.all())
    if not EVIDENCE_TABLES.keys() >= set(types):
        raise BadRequest("A row names evidence of a type that no definition uses.")
    return types


def _resolve_type(
    connection: Connection, delta: str, resource_type: str, narrowing: str, key: PseudonymKey
) -> None:
    wanted = {
        (patient_id, evidence_key)
        for patient_id, evidence_key in connection.execute(
            text(
                f"SELECT delta.patient_id, delta.evidence_key FROM {delta} AS delta "
                f"WHERE delta.evidence_type = :type AND {UNRESOLVED}"
            ),
            {"type": resource_type},
        )
    }
    candidates = _candidates(connection, delta, resource_type, narrowing)  # a COPY holds its connection
    with connection.connection.cursor() as cursor, cursor.copy(f"COPY {RESOLVED} FROM STDIN") as copy:
        for patient_id, resource_id in candidates:
            pseudonym = key.pseudonym(resource_type, resource_id)
            if (patient_id, pseudonym) in wanted:
                copy.write_row((patient_id, resource_type, pseudonym, resource_id))


def _candidates(
    connection: Connection, delta: str, resource_type: str, narrowing: str
) -> list[tuple[str, str]]:
    """(patient id, resource id) of the patients' own resources of this type."""
    patient_column = "id" if resource_type == "Patient" else "patient_id"
    narrowing = "" if resource_type == "Patient" else narrowing
    statement = text(
        f"SELECT DISTINCT resource.{patient_column}, resource.id FROM {EVIDENCE_TABLES[resource_type]} AS resource "
        f"JOIN (SELECT DISTINCT delta.patient_id, delta.evidence_on FROM {delta} AS delta "
        f"WHERE delta.evidence_type = :type AND {UNRESOLVED}) AS asked "
        f"ON asked.patient_id = resource.{patient_column} {narrowing} WHERE NOT resource.deleted"
    )
    return [tuple(row) for row in connection.execute(statement, {"type": resource_type})]
