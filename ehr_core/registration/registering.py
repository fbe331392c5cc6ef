"""Registers somebody after looking for who is there already: two clerks at once make one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import text

from data_contracts.api.registration import (
    SHORTEST_REASON,
    AnotherPerson,
    DuplicateCandidate,
    DuplicateCandidates,
    Grade,
    NewPatient,
    Registered,
    RegisterPatient,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.kernel.fhir_json import encode
from ehr_core.kernel.ids import new_id
from ehr_core.registration.candidates import near_records, survivors_of
from ehr_core.registration.matching.grading import Judgement, judge
from ehr_core.registration.matching.identity import Identity, identity_of
from ehr_core.registration.new_patient import build_patient, check_new_patient
from ehr_core.registration.presenters import present_hits
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.record_numbers import assign_record_number
from ehr_core.store.locks import identity_lock
from ehr_core.store.repository import Store

GRADE_ORDER: dict[Grade, int] = {"certain": 0, "possible": 1, "certainly_not": 2}
MOST_SHOWN = 25

SAY_NOT_THE_SAME = text(
    "INSERT INTO registration.not_the_same (one_id, other_id, said_at, by_id, by_name, reason) "
    "VALUES (least(:a, :b), greatest(:a, :b), :at, :by_id, :by_name, :reason) ON CONFLICT DO NOTHING"
)


def likely_duplicates(work: UnitOfWork, *, person: NewPatient) -> DuplicateCandidates:
    """Who may be this person already, graded, and who may be taken for them. One audit row with the list sealed.

    Raises InvalidResource for a form that cannot be right.
    """
    work.actor.require("registration.write")
    check_new_patient(person, today=work.today())
    found = graded(work, identity_of(build_patient(person, mrn=None)))
    work.audit(
        "duplicate_search",
        resource_type="Patient",
        patient_ids=[candidate.hit.patient_id for candidate in found.candidates],
        detail={"to_look_at": len(found.to_look_at())},
    )
    return found


def graded(work: UnitOfWork, person: Identity, *, own: str = "") -> DuplicateCandidates:
    """Every near record judged; a merged one counts for the record that survives it. Audits nothing."""
    judged = {patient_id: judge(person, other) for patient_id, other in near_records(work, person, own=own)}
    today = survivors_of(work, judged)
    best: dict[str, tuple[Judgement, bool]] = {}
    for found_id, judgement in judged.items():
        patient_id = today.get(found_id, found_id)
        if patient_id != own and (patient_id not in best or judgement.points > best[patient_id][0].points):
            best[patient_id] = (judgement, patient_id != found_id)
    return DuplicateCandidates(candidates=_shown(work, best))


def _shown(work: UnitOfWork, best: Mapping[str, tuple[Judgement, bool]]) -> list[DuplicateCandidate]:
    people = people_by_id(work, best)
    ordered = sorted(people, key=lambda one: (GRADE_ORDER[best[one][0].grade], -best[one][0].points, one))[
        :MOST_SHOWN
    ]
    hits = present_hits([people[patient_id] for patient_id in ordered], work.today())
    return [
        DuplicateCandidate(
            hit=hit,
            grade=best[hit.patient_id][0].grade,
            reasons=list(best[hit.patient_id][0].reasons),
            earlier_record=best[hit.patient_id][1],
        )
        for hit in hits
    ]


def register_patient(work: UnitOfWork, *, registration: RegisterPatient) -> Registered:
    """A new record with a record number of this site.

    Looks again, while nobody else registers: raises Conflict when somebody is there whom the clerk has not looked at,
    or a certain one without the reason why it is another person. Raises InvalidResource, Forbidden.
    """
    work.actor.require("registration.write")
    check_new_patient(registration.person, today=work.today())
    identity_lock(work.connection, "Patient", [("registration", "new")])
    wanted = identity_of(build_patient(registration.person, mrn=None))
    said = {another.patient_id: another for another in registration.looked_at}
    found = graded(work, wanted).to_look_at()
    _refuse_unseen(found, said)
    patient_id = new_id()
    mrn = assign_record_number(work, patient_id)
    Store(work).create("Patient", encode(build_patient(registration.person, mrn=mrn)), id=patient_id)
    remember_different(work, patient_id, [said[candidate.hit.patient_id] for candidate in found])
    work.audit(
        "patient_registered",
        resource_type="Patient",
        resource_id=patient_id,
        patient_id=patient_id,
        detail={"looked_at": len(found), "certain": sum(each.grade == "certain" for each in found)},
    )
    return Registered(patient_id=patient_id, mrn=mrn)


def _refuse_unseen(found: Iterable[DuplicateCandidate], said: Mapping[str, AnotherPerson]) -> None:
    for candidate in found:
        another = said.get(candidate.hit.patient_id)
        if another is None:
            raise Conflict(
                "Nobody was registered: there is a record that may be this person's and that you have not looked at. "
                "Somebody may have made it a moment ago. Look at the list again."
            )
        if candidate.grade == "certain" and len((another.reason or "").strip()) < SHORTEST_REASON:
            raise BadRequest(
                "Nobody was registered: this is almost certainly a person who is there already. Open that record, "
                "or say in words why it is another person."
            )


def remember_different(work: UnitOfWork, patient_id: str, others: Iterable[AnotherPerson]) -> None:
    """Keeps that a person said so: the pair is not offered as a duplicate again."""
    rows = [
        {
            "a": patient_id,
            "b": another.patient_id,
            "at": work.now(),
            "by_id": work.actor.actor_id,
            "by_name": work.actor.name,
            "reason": (another.reason or "").strip() or None,
        }
        for another in others
    ]
    if rows:
        work.connection.execute(SAY_NOT_THE_SAME, rows)
