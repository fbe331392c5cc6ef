"""The records with a defect, each with whose it is. For who may drill; audited with their patients."""

from __future__ import annotations

from sqlalchemy import Row, text

from data_contracts.api.data_quality import DefectiveRecord, DefectiveRecords
from data_contracts.data_quality import described_check
from ehr_core.access.chart_policy import evidence_open
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable


def defective_records(work: UnitOfWork, check_id: str) -> DefectiveRecords:
    """The kept records of a check whose charts this reader may open, the newest first. Raises NotFound."""
    for permission in ("data_quality.read", "measure.drill"):
        work.actor.require(permission)
    if described_check(check_id) is None:
        raise NotFound(f"There is no data check '{check_id}'.")
    rows = work.connection.execute(
        text(
            "SELECT * FROM quality.data_record WHERE check_id = :id "
            "ORDER BY evidence_on DESC NULLS LAST, patient_id, evidence_key"
        ),
        {"id": check_id},
    ).all()
    persons = people_by_id(work, sorted({row.patient_id for row in rows}))
    alike = mistakable({patient_id: person.name for patient_id, person in persons.items()})
    work.audit("quality.data_records.read", patient_ids=sorted(persons), detail={"check_id": check_id})
    return DefectiveRecords(
        check_id=check_id,
        rows=[
            _as_record(work, row, persons[row.patient_id], same_name=row.patient_id in alike)
            for row in rows
            if row.patient_id in persons
        ],
    )


def _as_record(work: UnitOfWork, row: Row, person: PersonFacts, *, same_name: bool) -> DefectiveRecord:
    shown = evidence_open(work, row.evidence_sensitivity, row.patient_id)
    return DefectiveRecord(
        patient_id=row.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        same_name=same_name,
        resource_type=row.evidence_type,
        resource_id=row.evidence_id if shown else None,
        on=row.evidence_on if shown else None,
        masked=not shown,
    )
