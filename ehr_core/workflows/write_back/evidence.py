"""Turns evidence keys back into resource ids, over each patient's own resources and for changed rows only."""

from __future__ import annotations

from sqlalchemy import Connection, text

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.workflows.write_back.differences import fresh_table

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

RESOLVED, NAMED, LABELLED = "resolved_evidence", "named_evidence", "labelled_evidence"
ALSO = "unnest(string_to_array(delta.rests_also_on, ',')) AS fact"

NAME = f"""
INSERT INTO {NAMED}
SELECT patient_id, evidence_type, evidence_key, evidence_on FROM {{delta}} AS delta
WHERE evidence_key IS NOT NULL AND known_evidence_id IS NULL
UNION SELECT patient_id, split_part(fact, '/', 1), split_part(fact, '/', 2),
  CAST(nullif(split_part(fact, '/', 3), '') AS date)
FROM {{delta}} AS delta, {ALSO} WHERE rests_also_on_ids IS NULL"""
WRONG_NAME = f"""
SELECT EXISTS (SELECT FROM {{delta}} AS delta, {ALSO} WHERE fact !~ '^[^/]+/[^/]+/[^/]*$'
  OR NOT pg_input_is_valid(nullif(split_part(fact, '/', 3), ''), 'date'))"""
UNRESOLVED = (
    f"NOT EXISTS (SELECT FROM {RESOLVED} AS resolved WHERE resolved.patient_id = named.patient_id "
    "AND resolved.evidence_key = named.evidence_key AND resolved.evidence_type = named.evidence_type)"
)
KEEP_THE_OTHERS = f"""
UPDATE {{delta}} AS delta SET rests_also_on_ids = found.ids FROM (
  SELECT said.patient_id, said.rests_also_on,
    array_agg(DISTINCT resolved.evidence_type || '/' || resolved.resource_id) AS ids
  FROM (SELECT DISTINCT patient_id, rests_also_on, fact FROM {{delta}} AS delta, {ALSO}
    WHERE rests_also_on_ids IS NULL) AS said
  JOIN {RESOLVED} AS resolved ON resolved.patient_id = said.patient_id
    AND resolved.evidence_type = split_part(fact, '/', 1) AND resolved.evidence_key = split_part(fact, '/', 2)
  GROUP BY said.patient_id, said.rests_also_on) AS found
WHERE delta.patient_id = found.patient_id AND delta.rests_also_on = found.rests_also_on
  AND delta.rests_also_on_ids IS NULL"""

LABELS_OF_FACTS = f"""
INSERT INTO {LABELLED} SELECT patient_id, CAST(:type AS text) || '/' || id, sensitivity
FROM {{facts}} WHERE sensitivity IS NOT NULL AND patient_id IN (SELECT patient_id FROM {{delta}})"""
JOINED = "access.labels_joined(delta.evidence_sensitivity, found.labels)"
LABEL = f"""
UPDATE {{delta}} AS delta SET evidence_sensitivity = {JOINED} FROM (
  SELECT rests.place, array_agg(DISTINCT label) AS labels FROM (
    SELECT delta.ctid AS place, patient_id,
      evidence_type || '/' || coalesce(known_evidence_id, resolved.resource_id) AS reference
    FROM {{delta}} AS delta LEFT JOIN {RESOLVED} AS resolved USING (patient_id, evidence_type, evidence_key)
    UNION ALL SELECT ctid, patient_id, unnest(rests_also_on_ids) FROM {{delta}}) AS rests
  JOIN {LABELLED} AS labelled USING (patient_id, reference), unnest(labelled.labels) AS label
  GROUP BY rests.place) AS found
WHERE delta.ctid = found.place AND delta.evidence_sensitivity IS DISTINCT FROM {JOINED}"""
LABEL_OF_KEPT_FACTS = f"""
UPDATE {{delta}} AS delta SET evidence_sensitivity = {JOINED} FROM quality.official_label AS found
WHERE found.patient_id = delta.patient_id AND {{same}} AND delta.evidence_sensitivity IS DISTINCT FROM {JOINED}"""


def with_evidence(delta: str) -> str:
    """The delta as a subquery in which `evidence_id` is what `resolve_evidence` found, else what it was."""
    return (
        f"(SELECT given.*, coalesce(resolved.resource_id, given.known_evidence_id) AS evidence_id FROM "
        f"(SELECT * FROM {delta}) AS given LEFT JOIN {RESOLVED} AS resolved USING "
        "(patient_id, evidence_type, evidence_key))"
    )


def resolve_evidence(connection: Connection, delta: str, key: PseudonymKey) -> int:
    """Fills `resolved_evidence` and `rests_also_on_ids` for the delta's rows; returns how many facts stay unknown.

    A fact stays unresolved when its resource was deleted in the meantime; the change that did it re-measures it.
    """
    fresh_table(connection, NAMED, "patient_id text, evidence_type text, evidence_key text, evidence_on date")
    fresh_table(
        connection, RESOLVED, "patient_id text, evidence_type text, evidence_key text, resource_id text"
    )
    if connection.execute(text(WRONG_NAME.format(delta=delta))).scalar_one():
        raise BadRequest(
            "rests_also_on: name each fact as type/pseudonym/day, the day as YYYY-MM-DD or empty."
        )
    connection.execute(text(NAME.format(delta=delta)))
    for narrowing in (NEAR_THE_DAY, ""):
        for resource_type in _unresolved_types(connection):
            _resolve_type(connection, resource_type, narrowing, key)
    connection.execute(text(KEEP_THE_OTHERS.format(delta=delta)))
    unresolved = connection.execute(
        text(f"SELECT count(*) FROM {NAMED} AS named WHERE {UNRESOLVED}")
    ).scalar_one()
    if unresolved:
        log.warning("evidence_not_resolved", table=delta, facts=unresolved)
    return unresolved


def take_labels(connection: Connection, delta: str) -> int:
    """Adds to the delta's rows every label that the chart has of any fact they rest on; returns to how many.

    The lake knows the strictest label that came with a fact; the chart has all, and judges what nobody labelled by its
    codes as well.
    """
    types = connection.execute(
        text(
            f"SELECT evidence_type FROM {delta} WHERE evidence_key IS NOT NULL "
            f"UNION SELECT split_part(unnest(rests_also_on_ids), '/', 1) FROM {delta} ORDER BY 1"
        )
    )
    fresh_table(connection, LABELLED, "patient_id text, reference text, labels text[]")
    for evidence_type in types.scalars().all():
        labels = LABELS_OF_FACTS.format(delta=delta, facts=EVIDENCE_TABLES[evidence_type])
        connection.execute(text(labels), {"type": evidence_type})
    label = LABEL.format(delta=delta)
    return connection.execute(text(label)).rowcount


def take_labels_of_kept_facts(connection: Connection, delta: str, same: str) -> int:
    """The same for answers whose facts are kept beside them (quality.measure_evidence).

    `same` says which of `found` (quality.official_label) belong to a row of `delta`.
    """
    label = LABEL_OF_KEPT_FACTS.format(delta=delta, same=same)
    return connection.execute(text(label)).rowcount


def _unresolved_types(connection: Connection) -> list[str]:
    found = connection.execute(
        text(f"SELECT DISTINCT evidence_type FROM {NAMED} AS named WHERE {UNRESOLVED}")
    ).scalars()
    types = sorted(found.all())
    if not EVIDENCE_TABLES.keys() >= set(types):
        raise BadRequest("A row names evidence of a type that no definition uses.")
    return types


def _resolve_type(connection: Connection, resource_type: str, narrowing: str, key: PseudonymKey) -> None:
    wanted = {
        (patient_id, evidence_key)
        for patient_id, evidence_key in connection.execute(
            text(
                f"SELECT patient_id, evidence_key FROM {NAMED} AS named WHERE evidence_type = :type AND {UNRESOLVED}"
            ),
            {"type": resource_type},
        )
    }
    candidates = _candidates(connection, resource_type, narrowing)  # a COPY holds its connection
    with connection.connection.cursor() as cursor, cursor.copy(f"COPY {RESOLVED} FROM STDIN") as copy:
        for patient_id, resource_id in candidates:
            pseudonym = key.pseudonym(resource_type, resource_id)
            if (patient_id, pseudonym) in wanted:
                copy.write_row((patient_id, resource_type, pseudonym, resource_id))


def _candidates(connection: Connection, resource_type: str, narrowing: str) -> list[tuple[str, str]]:
    """(patient id, resource id) of the patients' own resources of this type."""
    patient_column = "id" if resource_type == "Patient" else "patient_id"
    narrowing = "" if resource_type == "Patient" else narrowing
    statement = text(
        f"SELECT DISTINCT resource.{patient_column}, resource.id FROM {EVIDENCE_TABLES[resource_type]} AS resource "
        f"JOIN (SELECT DISTINCT patient_id, evidence_on FROM {NAMED} AS named "
        f"WHERE evidence_type = :type AND {UNRESOLVED}) AS asked "
        f"ON asked.patient_id = resource.{patient_column} {narrowing} WHERE NOT resource.deleted"
    )
    return [tuple(row) for row in connection.execute(statement, {"type": resource_type})]
