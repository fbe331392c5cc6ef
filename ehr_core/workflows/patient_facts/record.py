"""Reads what decision support needs of some patients: every kind of resource in one statement, results by newest few.

The whole record is read, restricted items too: a restricted item must not silence a safety check. What leaves this
package are facts for the rules, never resources for a screen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from ehr_core.access.chart_policy import whole_record
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import decode
from ehr_core.workflows.patient_facts.days import at_site

Resource = dict[str, Any]

NEWEST_OF_A_CODE = 6
"""Results of one code that a trend check may look back on."""
ENCOUNTER_MONTHS = 36
"""No rule asks for an older visit; procedures are read whole, since some count for ever."""
MOST_ENCOUNTERS = 200

RECORD = text("""
SELECT 'Patient' AS kind, id AS patient_id, body FROM fhir.patient WHERE id = ANY(:ids) AND NOT deleted
UNION ALL
SELECT 'AllergyIntolerance', patient_id, body FROM fhir.allergy_intolerance
 WHERE patient_id = ANY(:ids) AND NOT deleted
UNION ALL
SELECT 'Condition', patient_id, body FROM fhir.condition WHERE patient_id = ANY(:ids) AND NOT deleted
UNION ALL
SELECT 'MedicationRequest', patient_id, body FROM fhir.medication_request
 WHERE patient_id = ANY(:ids) AND NOT deleted
UNION ALL
SELECT 'MedicationStatement', patient_id, body FROM fhir.medication_statement
 WHERE patient_id = ANY(:ids) AND NOT deleted
UNION ALL
SELECT 'Medication', named.patient_id, m.body FROM (
  SELECT DISTINCT taken.patient_id, substr(token, length('medication:Medication/') + 1) AS id
  FROM (SELECT patient_id, reference_tokens FROM fhir.medication_request
         WHERE patient_id = ANY(:ids) AND NOT deleted
        UNION ALL
        SELECT patient_id, reference_tokens FROM fhir.medication_statement
         WHERE patient_id = ANY(:ids) AND NOT deleted) AS taken,
       unnest(taken.reference_tokens) AS token
  WHERE token LIKE 'medication:Medication/%') AS named
  JOIN fhir.medication m ON m.id = named.id AND NOT m.deleted
UNION ALL
SELECT 'MedicationDispense', patient_id, body FROM fhir.medication_dispense
 WHERE patient_id = ANY(:ids) AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'MedicationAdministration', patient_id, body FROM fhir.medication_administration
 WHERE patient_id = ANY(:ids) AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'Immunization', patient_id, body FROM fhir.immunization
 WHERE patient_id = ANY(:ids) AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'Procedure', patient_id, body FROM fhir.procedure
 WHERE patient_id = ANY(:ids) AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'Encounter', patient_id, body FROM (
  SELECT patient_id, body, row_number() OVER (PARTITION BY patient_id ORDER BY date_low DESC, id) AS place
  FROM fhir.encounter
  WHERE patient_id = ANY(:ids) AND NOT deleted AND status IN ('finished', 'in-progress', 'onleave')
    AND date_low >= CAST(:now AS timestamptz) - make_interval(months => :months)) AS seen
 WHERE place <= :encounters
UNION ALL
(SELECT 'Observation', o.patient_id, o.body FROM (
  SELECT id, row_number() OVER (
           PARTITION BY patient_id, hash_array_extended(code_tokens, 0)
           ORDER BY date_low DESC NULLS LAST, id DESC) AS place
  FROM fhir.observation
  WHERE patient_id = ANY(:ids) AND NOT deleted AND status IN ('final', 'amended', 'corrected')) AS newest
  JOIN fhir.observation o USING (id)
  WHERE place <= :newest ORDER BY place)
""")
"""Results come newest first: facts keep the day only, and of two values of one day the later one counts."""


Split = Callable[[list[Resource]], tuple[list[Resource], int]]
"""Resources as (those that the reader may see, how many are held back)."""


@dataclass
class Record:
    """One patient's resources by type; `unreadable` are the types of which a row could not be read, `withheld` those
    of which something is kept from the reader."""

    found: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    unreadable: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[Resource]:
        return self.found[kind]

    def seen_by(self, split: Split) -> Record:
        """The part that a reader may see, with the types of which something is held back."""
        part = Record(unreadable=self.unreadable)
        for kind, resources in self.found.items():
            part.found[kind], hidden = split(resources)
            if hidden:
                part.withheld.add(kind)
        return part


def read_records(work: UnitOfWork, patient_ids: Iterable[str]) -> dict[str, Record]:
    """By patient id; a patient who is not there has an empty record."""
    records = {one: Record() for one in patient_ids}
    given = {
        "ids": list(records),
        "newest": NEWEST_OF_A_CODE,
        "now": work.now(),
        "months": ENCOUNTER_MONTHS,
        "encounters": MOST_ENCOUNTERS,
    }
    zone = ZoneInfo(work.site_time_zone)
    with whole_record(work):
        rows = work.connection.execute(RECORD, given).all() if records else ()
    for kind, patient_id, body in rows:
        try:
            records[patient_id].found[kind].append(at_site(decode(body), zone))
        except BadRequest:
            records[patient_id].unreadable.add(kind)
    return records
