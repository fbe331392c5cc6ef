"""Acts of the profile: read it whole, save the demographics, and show what somebody else changed meanwhile."""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.demographics import (
    CareTeamFacts,
    DemographicChanges,
    PatientProfile,
    Person,
    Saved,
    SaveDemographics,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Forbidden, InvalidResource, Issue
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.registration.agreements import read_consents, read_directives
from ehr_core.registration.circle import read_care_team, read_proxies, save_care_team
from ehr_core.registration.coverages import read_coverages
from ehr_core.registration.demographics import read_facts, write_facts
from ehr_core.registration.fact_checks import check_facts
from ehr_core.registration.fact_words import changes_between
from ehr_core.registration.parts import check_part_version, patient_to_write, read_parts
from ehr_core.registration.pictures import photo_of
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.service import person_by_id
from ehr_core.store.repository import Store

CLINICIANS = text("""
SELECT id, display_name FROM fhir.practitioner
WHERE NOT deleted AND active IS NOT FALSE AND display_name IS NOT NULL ORDER BY family_text, display_name LIMIT 500
""")
WHO = text("""
SELECT a.display_name FROM audit.event e JOIN access.account a ON a.id = e.actor_id
WHERE e.patient_id = :id AND e.resource_type = 'Patient' AND e.resource_id = :id AND e.act IN ('create', 'update')
  AND e.detail ->> 'version' = :version AND e.outcome = 'success' ORDER BY e.at DESC LIMIT 1
""")


def read_profile(work: UnitOfWork, *, patient_id: str) -> PatientProfile:
    """Everything at once. Raises Forbidden, NotFound."""
    if not (work.actor.may("registration.write") or work.actor.may("chart.read")):
        raise Forbidden("This needs the permission to register patients, which your role does not give.")
    stored = Store(work).read("Patient", patient_id)
    patient = decode(stored.body)
    parts = read_parts(work, patient_id)
    documents, agreed = parts.get("DocumentReference", []), parts.get("Consent", [])
    profile = PatientProfile(
        banner=present_banner(person_by_id(work, patient_id), work.today()),
        version_id=stored.version_id,
        updated_at=stored.last_updated,
        facts=read_facts(patient),
        photo=photo_of(work, patient),
        coverages=read_coverages(parts.get("Coverage", []), documents),
        proxies=read_proxies(parts.get("RelatedPerson", []), work.today().isoformat()),
        care_team=read_care_team(parts.get("CareTeam", [])),
        directives=read_directives(agreed, documents),
        consents=read_consents(work, patient_id, agreed),
        clinicians=_clinicians(work),
    )
    work.audit("profile_read", resource_type="Patient", resource_id=patient_id, patient_id=patient_id)
    return profile


def save_demographics(work: UnitOfWork, *, patient_id: str, save: SaveDemographics) -> Saved:
    """Raises StaleVersion when somebody else saved first (see `changes_since`), InvalidResource naming each field."""
    stored = patient_to_write(work, patient_id)
    check_part_version(stored, save.version_id)
    patient = decode(stored.body)
    check_facts(save.facts, read_facts(patient), today=work.today())
    clinician = _clinician(work, save.facts.clinician_id)
    made = write_facts(patient, save.facts, clinician=clinician)
    if made == patient:
        return Saved(resource_id=patient_id, version_id=stored.version_id)
    written = Store(work).update("Patient", patient_id, encode(made), if_match=stored.version_id)
    return Saved(resource_id=patient_id, version_id=written.version_id)


def changes_since(work: UnitOfWork, *, patient_id: str, version_id: int) -> DemographicChanges:
    """What the record says now beside what it said in the version that was drawn, field by field."""
    work.actor.require("registration.write")
    now = Store(work).read("Patient", patient_id)
    then = Store(work).vread("Patient", patient_id, version_id)
    facts = read_facts(decode(now.body))
    return DemographicChanges(
        version_id=now.version_id,
        changed_at=now.last_updated,
        changed_by=_who_wrote(work, patient_id, now.version_id),
        changes=changes_between(read_facts(decode(then.body)), facts),
        facts=facts,
    )


def save_team(work: UnitOfWork, *, patient_id: str, team: CareTeamFacts) -> Saved:
    """The care team, with the names of its clinicians as the directory has them."""
    work.actor.require("registration.write")
    names = {person.practitioner_id: person.name for person in _clinicians(work)}
    return save_care_team(work, patient_id=patient_id, team=team, names=names)


def _clinicians(work: UnitOfWork) -> list[Person]:
    return [
        Person(practitioner_id=row.id, name=row.display_name) for row in work.connection.execute(CLINICIANS)
    ]


def _clinician(work: UnitOfWork, practitioner_id: str | None) -> dict[str, str] | None:
    """A reference to somebody of the directory. Raises InvalidResource when there is no such one."""
    if practitioner_id is None:
        return None
    found = Store(work).read_many("Practitioner", [practitioner_id])
    if not found:
        raise InvalidResource(
            [Issue("clinician_id", "There is no such clinician in the directory.", "value")]
        )
    return {"reference": f"Practitioner/{practitioner_id}"}


def _who_wrote(work: UnitOfWork, patient_id: str, version_id: int) -> str | None:
    return work.connection.execute(WHO, {"id": patient_id, "version": str(version_id)}).scalar_one_or_none()
