"""Writes down that a check outside this system was done: the prescription monitoring program was reviewed, and such.

Crosses charting (the record) and the facts that the opioid rules ask for: the same list of kinds is read there.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from data_contracts.api.medications import RecordReview, ReviewRecorded
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import concept, person, reference
from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.repository import Store
from ehr_core.workflows.patient_facts.events import kinds
from ehr_core.workflows.prescribe import require_in_use, require_writing

LONGEST_AGO = timedelta(days=366)
ON_THAT_DAY = text("""
SELECT id FROM fhir.procedure WHERE patient_id = :id AND NOT deleted AND status = 'completed'
   AND code_tokens @> ARRAY[:code] AND left(CAST(body AS jsonb) ->> 'performedDateTime', 10) = :on LIMIT 1
""")


def record_review(work: UnitOfWork, *, patient_id: str, done: RecordReview) -> ReviewRecorded:
    """Once a day and kind: said again, it changes nothing. Raises InvalidResource for a day that cannot be."""
    require_writing(work)
    require_in_use(work, patient_id)
    on = done.on or work.today()
    if not work.today() - LONGEST_AGO <= on <= work.today():
        raise InvalidResource(
            [Issue("on", "must be within the last year and not in the future.", "invariant")]
        )
    reviews = kinds()["reviews"]
    given = {"id": patient_id, "code": f"{reviews['system']}|{done.kind}", "on": on.isoformat()}
    found = work.connection.execute(ON_THAT_DAY, given).scalar()
    if found is None:
        built = {
            "resourceType": "Procedure",
            "status": "completed",
            "code": concept(reviews["system"], done.kind, reviews[done.kind]),
            "subject": reference("Patient", patient_id),
            "performedDateTime": on.isoformat(),
            "performer": [{"actor": person(work.actor)}],
        }
        found = Store(work).create("Procedure", encode(built)).id
    return ReviewRecorded(procedure_id=found, words=reviews[done.kind], on=on)
