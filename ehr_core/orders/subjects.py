"""The patient as ordering sees them: whether anything can be ordered, and who is asked about pregnancy."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.kernel.fhir_json import decode, extension
from ehr_core.orders.lines import Subject

BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
NO_SUCH_PATIENT = "There is no such patient. Search again; the record may have been deleted."


def read_subject(work: UnitOfWork, patient_id: str) -> Subject:
    """Raises NotFound for a record that this actor does not reach."""
    return _subject(work, _row(work, patient_id))


def subject_to_order_for(work: UnitOfWork, patient_id: str) -> Subject:
    """As `read_subject`; raises Conflict for a record that is not in use, and for the deceased."""
    row = _row(work, patient_id)
    if row.replaced_by is not None:
        raise Conflict("This record was merged into another one. Open the surviving record and order there.")
    if row.deceased:
        raise Conflict("The patient is recorded as deceased: nothing can be ordered.")
    return _subject(work, row)


def _row(work: UnitOfWork, patient_id: str):
    row = work.connection.execute(
        text(
            "SELECT id, gender, birth_date, deceased, replaced_by, body FROM fhir.patient "
            "WHERE id = :id AND NOT deleted"
        ),
        {"id": patient_id},
    ).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_PATIENT)
    return row


def _subject(work: UnitOfWork, row) -> Subject:
    sex = (extension(decode(row.body), BIRTH_SEX) or {}).get("valueCode")
    return Subject(row.id, row.gender, sex, _age_years(row.birth_date, work.today()))


def _age_years(born: date | None, today: date) -> int | None:
    """Completed years; None when only a month or year of birth is known."""
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
