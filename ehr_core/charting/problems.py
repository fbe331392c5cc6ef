"""The problem list: a problem put on it, ended, or refuted; every entry of one disease follows. No commit inside."""

from __future__ import annotations

from typing import Any

from data_contracts.api.chart import Recorded
from data_contracts.api.problems import EndProblem, RecordProblem
from data_contracts.code_systems import ICD_10_CM
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.diagnoses import CATEGORIES, CLINICAL, CONDITION_CATEGORY, VERIFICATION
from ehr_core.charting.notes.diagnosis_search import names_by_code
from ehr_core.charting.parts import Resource, concept, day, instant, person, reference
from ehr_core.charting.queries import chart_facts
from ehr_core.charting.recordable import refused
from ehr_core.charting.service import (
    check_seen,
    create,
    prove,
    recorded,
    subject_to_write,
    to_write,
    update,
)
from ehr_core.charting.summary import is_current, same_problem
from ehr_core.charting.timing import check_day, first_birth_day
from ehr_core.kernel.errors import Conflict
from ehr_core.kernel.fhir_json import decode, without_empty
from ehr_core.store.versions import StoredResource

NOT_CURRENT = "This problem is not on the list any more. Open the chart again."


def record_problem(work: UnitOfWork, *, patient_id: str, problem: RecordProblem) -> Recorded:
    """Puts it on the list. Raises InvalidResource naming the field, Conflict where it stands there already."""
    subject = subject_to_write(work, patient_id, None)
    built = _condition(work, patient_id, problem)
    if problem.since is not None:
        check_day(problem.since, today=work.today(), born=first_birth_day(subject.birth_date))
    if any(same_problem(built, one) for one in _current(work, patient_id)):
        raise Conflict("This problem is on the list already.")
    return recorded(work, [create(work, built)])


def end_problem(work: UnitOfWork, *, condition_id: str, end: EndProblem) -> Recorded:
    """Ends it with its reason; the diagnoses of single visits that say the same end with it, and stay in the history.

    Raises NotFound, StaleVersion, Conflict for one that is over already, InvalidResource naming the field.
    """
    stored = to_write(work, "Condition", condition_id)
    check_seen(stored, end.version_id)
    condition = decode(stored.body)
    if not is_current(condition):
        raise Conflict(NOT_CURRENT)
    subject = subject_to_write(work, stored.patient_id or "", None)
    if end.on is not None:
        check_day(end.on, today=work.today(), born=first_birth_day(subject.birth_date))
    same = [one for one in _current(work, stored.patient_id or "") if same_problem(condition, one)]
    written = [_ended(work, to_write(work, "Condition", one["id"]), end) for one in same]
    return recorded(work, [*written, prove(work, written, "UPDATE", reason=end.reason)])


def _condition(work: UnitOfWork, patient_id: str, problem: RecordProblem) -> Resource:
    name = problem.name.strip()
    if problem.code is not None:
        if problem.code not in names_by_code():
            raise refused("code", "This is no code of the list of diagnoses. Search for it, or leave it out.")
        name = names_by_code()[problem.code]
    category, display = CATEGORIES[True]
    return without_empty(
        {
            "resourceType": "Condition",
            "clinicalStatus": _status(CLINICAL, "active"),
            "verificationStatus": _status(VERIFICATION, "confirmed"),
            "category": [{"coding": [{"system": CONDITION_CATEGORY, "code": category, "display": display}]}],
            "code": concept(ICD_10_CM.uri, problem.code, name) if problem.code else {"text": name},
            "subject": reference("Patient", patient_id),
            "onsetDateTime": day(problem.since) if problem.since else None,
            "recordedDate": instant(work.now()),
            "recorder": person(work.actor),
        }
    )


def _ended(work: UnitOfWork, stored: StoredResource, end: EndProblem) -> StoredResource:
    condition = decode(stored.body)
    if end.ending == "refuted":
        changed = condition | {"verificationStatus": _status(VERIFICATION, "refuted")}
    else:
        changed = condition | {"clinicalStatus": _status(CLINICAL, "resolved")}
        if end.on is not None and not any(name.startswith("abatement") for name in condition):
            changed["abatementDateTime"] = day(end.on)
    return update(work, stored, changed)


def _current(work: UnitOfWork, patient_id: str) -> list[Resource]:
    return [one for one in chart_facts(work, patient_id, encounters=0).of("Condition") if is_current(one)]


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
