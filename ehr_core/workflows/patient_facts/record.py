"""Reads what decision support needs of one patient: every kind of resource in one statement, results by newest few.

The whole record is read, restricted items too: a restricted item must not silence a safety check. What leaves this
package are facts for the rules, never resources for a screen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import decode

Resource = dict[str, Any]

NEWEST_OF_A_CODE = 6
"""Results of one code that a trend check may look back on."""

RECORD = text("""
SELECT 'Patient' AS kind, body FROM fhir.patient WHERE id = :id AND NOT deleted
UNION ALL
SELECT 'AllergyIntolerance', body FROM fhir.allergy_intolerance WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'Condition', body FROM fhir.condition WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'MedicationRequest', body FROM fhir.medication_request WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'MedicationStatement', body FROM fhir.medication_statement WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'Medication', m.body FROM fhir.medication m WHERE NOT m.deleted AND m.id IN (
  SELECT substr(token, length('medication:Medication/') + 1)
  FROM (SELECT reference_tokens FROM fhir.medication_request WHERE patient_id = :id AND NOT deleted
        UNION ALL
        SELECT reference_tokens FROM fhir.medication_statement WHERE patient_id = :id AND NOT deleted) AS named,
       unnest(named.reference_tokens) AS token
  WHERE token LIKE 'medication:Medication/%')
UNION ALL
SELECT 'Immunization', body FROM fhir.immunization
 WHERE patient_id = :id AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'Observation', body FROM (
  SELECT body, row_number() OVER (PARTITION BY code_tokens ORDER BY date_low DESC NULLS LAST, id DESC) AS place
  FROM fhir.observation
  WHERE patient_id = :id AND NOT deleted AND status IN ('final', 'amended', 'corrected')) AS newest
 WHERE place <= :newest
""")


@dataclass
class Record:
    """The resources by type; `unreadable` are the types of which a row could not be read."""

    found: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    unreadable: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[Resource]:
        return self.found[kind]


def read_record(work: UnitOfWork, patient_id: str) -> Record:
    record = Record()
    rows = work.connection.execute(RECORD, {"id": patient_id, "newest": NEWEST_OF_A_CODE})
    for kind, body in rows:
        try:
            record.found[kind].append(decode(body))
        except BadRequest:
            record.unreadable.add(kind)
    return record
