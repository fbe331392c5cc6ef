"""Acts of registration: search for a patient, read the banner. Each checks its permission and is audited."""

from __future__ import annotations

import hashlib

from data_contracts.api.patients import PatientBanner, PatientSearchResult
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Forbidden, NotFound
from ehr_core.kernel.name_sounds import folded
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.presenters import present_banner, present_hits
from ehr_core.registration.queries import find_people, people_by_id
from ehr_core.registration.query_words import read_query

IDENTITY_PERMISSIONS = ("chart.read", "patient.search", "worklist.read")


def search_patients(work: UnitOfWork, *, query: str, limit: int = 20) -> PatientSearchResult:
    """Finds patients by name in any order (other forms and sounds of it too), birth date, phone or record number.

    One audit row: the sealed list of hits, and what was typed as a hash only. Raises BadRequest when too little or
    an impossible date was typed.
    """
    work.actor.require("patient.search")
    wanted = read_query(query, today=work.today())
    found = find_people(work, wanted, limit=limit)
    work.audit(
        "patient_search",
        resource_type="Patient",
        patient_ids=[person.patient_id for person in found.people],
        detail={"query_sha256": hash_query(query), "hits": len(found.people), "total": found.total},
    )
    hits = present_hits(found.people, work.today(), alike=found.alike)
    return PatientSearchResult(query=query, hits=hits, total=found.total)


def hash_query(query: str) -> str:
    """The same for the same words, however they were spaced or capitalised."""
    return hashlib.sha256(folded(query).encode()).hexdigest()


def read_banner(work: UnitOfWork, *, patient_id: str) -> PatientBanner:
    """Who this is. For staff with a reason to know, and for the person. Raises NotFound."""
    require_identity(work, patient_id)
    person = person_by_id(work, patient_id)
    work.audit("banner_read", resource_type="Patient", resource_id=patient_id, patient_id=patient_id)
    return present_banner(person, work.today())


def person_by_id(work: UnitOfWork, patient_id: str) -> PersonFacts:
    """The facts of one patient, unaudited; raises NotFound when there is none that this actor reaches."""
    found = people_by_id(work, [patient_id]).get(patient_id)
    if found is None:
        raise NotFound("There is no such patient. Search again; the record may have been deleted.")
    return found


def require_identity(work: UnitOfWork, patient_id: str) -> None:
    """Raises Forbidden, or NotFound for a patient who asks about anybody else."""
    if work.actor.kind == "patient":
        work.actor.require("own.read")
        if work.actor.patient_id != patient_id:
            raise NotFound("There is no such patient. Search again; the record may have been deleted.")
        return
    if not any(work.actor.may(permission) for permission in IDENTITY_PERMISSIONS):
        raise Forbidden("This needs the permission to find patients, which your role does not give.")
