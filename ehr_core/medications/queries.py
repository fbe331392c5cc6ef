"""Reads the prescriptions of one patient with what became of them; each question is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from data_contracts.api.medications import PrescriptionWritten
from ehr_core.kernel.fhir_json import codings, decode
from ehr_core.medications.home import HOME_IDENTIFIER
from ehr_core.medications.prescriptions import REQUEST_IDENTIFIER, state_of
from ehr_core.medications.products import RXNORM
from ehr_core.store.tokens import identifier_token

Resource = dict[str, Any]

OF_REQUEST = text("""
SELECT id, version_id, body FROM fhir.medication_request
 WHERE patient_id = :patient_id AND identifier_tokens @> ARRAY[:token] AND NOT deleted
""")
HOME_OF_REQUEST = text("""
SELECT id FROM fhir.medication_statement
 WHERE patient_id = :patient_id AND identifier_tokens @> ARRAY[:token] AND NOT deleted
""")
GIVEN_OF_REQUEST = text("""
SELECT id, version_id, body FROM fhir.medication_administration
 WHERE patient_id = :patient_id AND identifier_tokens @> ARRAY[:token] AND NOT deleted
""")
GIVEN = text("""
SELECT id, version_id, body FROM fhir.medication_administration
 WHERE patient_id = :patient_id AND NOT deleted AND status <> 'entered-in-error'
 ORDER BY date_low DESC NULLS LAST, id DESC LIMIT :most
""")
ON_LIST = text("""
SELECT 'MedicationRequest' AS kind, id, version_id, body FROM fhir.medication_request
 WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'MedicationStatement', id, version_id, body FROM fhir.medication_statement
 WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'Medication', m.id, m.version_id, m.body FROM fhir.medication m WHERE NOT m.deleted AND m.id IN (
  SELECT substr(token, length('medication:Medication/') + 1)
  FROM (SELECT reference_tokens FROM fhir.medication_request WHERE patient_id = :id AND NOT deleted
        UNION ALL
        SELECT reference_tokens FROM fhir.medication_statement WHERE patient_id = :id AND NOT deleted) AS named,
       unnest(named.reference_tokens) AS token
  WHERE token LIKE 'medication:Medication/%')
UNION ALL
SELECT 'MedicationDispense', id, version_id, body FROM fhir.medication_dispense
 WHERE patient_id = :id AND NOT deleted AND status = 'completed'
""")
REFILLS = text("""
SELECT t.id, t.version_id, t.body, t.patient_id, r.id AS prescription_id, r.version_id AS prescription_version_id,
       r.body AS prescription, p.display_name, p.birth_date,
       (SELECT max(date_low) FROM fhir.encounter e
         WHERE e.patient_id = t.patient_id AND NOT e.deleted AND e.status = 'finished') AS last_visit,
       given.last_dispensed, given.times AS dispensed_times
  FROM fhir.task t
  JOIN fhir.patient p ON p.id = t.patient_id AND NOT p.deleted
  JOIN fhir.medication_request r ON NOT r.deleted
   AND t.reference_tokens @> ARRAY['focus:MedicationRequest/' || r.id] AND r.patient_id = t.patient_id
  CROSS JOIN LATERAL (
    SELECT max(d.date_low) AS last_dispensed, count(*) AS times FROM fhir.medication_dispense d
     WHERE d.patient_id = t.patient_id AND NOT d.deleted AND d.status = 'completed'
       AND d.reference_tokens @> ARRAY['prescription:MedicationRequest/' || r.id]) AS given
 WHERE NOT t.deleted AND t.status = 'requested' AND t.code_tokens @> ARRAY[:code]
   AND (CAST(:patient_id AS text) IS NULL OR t.patient_id = :patient_id)
 ORDER BY t.date_low NULLS FIRST, t.id LIMIT :most
""")

REFILLS_WAITING = text("""
SELECT count(*) FROM fhir.task WHERE NOT deleted AND status = 'requested' AND code_tokens @> ARRAY[:code]
""")


@dataclass(frozen=True)
class Kept:
    """A stored resource with its version."""

    kind: str
    id: str
    version_id: int
    resource: Resource


def prescription_of_request(
    connection: Connection, patient_id: str, request_id: str
) -> PrescriptionWritten | None:
    """What an earlier sending of the same request wrote; None for the first one."""
    token = identifier_token(REQUEST_IDENTIFIER, request_id)
    row = connection.execute(OF_REQUEST, {"patient_id": patient_id, "token": token}).first()
    if row is None:
        return None
    state = state_of(decode(row.body), dispensed=False)
    return PrescriptionWritten(prescription_id=row.id, version_id=row.version_id, state=state)


def home_medication_of_request(connection: Connection, patient_id: str, request_id: str) -> str | None:
    token = identifier_token(HOME_IDENTIFIER, request_id)
    return connection.execute(HOME_OF_REQUEST, {"patient_id": patient_id, "token": token}).scalar()


def administration_of_request(connection: Connection, patient_id: str, token: str) -> Kept | None:
    """What an earlier sending of the same request wrote; `token` is the identifier's."""
    row = connection.execute(GIVEN_OF_REQUEST, {"patient_id": patient_id, "token": token}).first()
    return None if row is None else _kept("MedicationAdministration", row)


def administrations(connection: Connection, patient_id: str, *, most: int) -> list[Kept]:
    rows = connection.execute(GIVEN, {"patient_id": patient_id, "most": most})
    return [_kept("MedicationAdministration", row) for row in rows]


def _kept(kind: str, row: Any) -> Kept:
    return Kept(kind, row.id, row.version_id, decode(row.body))


def medication_records(connection: Connection, patient_id: str) -> list[Kept]:
    rows = connection.execute(ON_LIST, {"id": patient_id})
    return [Kept(row.kind, row.id, row.version_id, decode(row.body)) for row in rows]


def codes_on_list(records: list[Kept]) -> set[str]:
    """Every RxNorm code by which the list names a drug."""
    return {
        code
        for kept in records
        for concept in (kept.resource.get("medicationCodeableConcept"), kept.resource.get("code"))
        for system, code in codings(concept)
        if system == RXNORM
    }


def open_refills(connection: Connection, code: str, *, patient_id: str | None, most: int) -> Sequence[Any]:
    """Refill requests that wait, oldest first, each with its prescription and what approving it needs to know."""
    return connection.execute(REFILLS, {"code": code, "patient_id": patient_id, "most": most}).all()


def count_refills(connection: Connection, code: str) -> int:
    return connection.execute(REFILLS_WAITING, {"code": code}).scalar_one()


def day_of(value: Any) -> date | None:
    return None if value is None else value.date()
