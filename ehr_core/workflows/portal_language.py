"""In which language the portal answers: the one asked for, else the record's, else English."""

from __future__ import annotations

from data_contracts.api.portal import LANGUAGES_SPOKEN, Language, OwnLanguage
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id

LAST_RESORT: Language = "en"


def own_person(work: UnitOfWork, permission: str = "own.read") -> PersonFacts:
    """The patient at the screen. Raises Forbidden or NotFound for anybody else."""
    work.actor.require(permission)
    if work.actor.patient_id is None:
        raise NotFound("The portal shows a patient's own record.")
    person = people_by_id(work, [work.actor.patient_id]).get(work.actor.patient_id)
    if person is None:
        raise NotFound("Your record could not be found. Please call the clinic.")
    return person


def spoken(tag: str | None) -> Language | None:
    """The portal's language for a BCP 47 tag ('es-MX' is Spanish); null for one that it has no words for."""
    primary = (tag or "").split("-")[0].strip().lower()
    return next((language for language in LANGUAGES_SPOKEN if language == primary), None)


def answer_language(asked: str | None, person: PersonFacts) -> Language:
    """What was asked for; an unknown language is not refused, the record's then counts."""
    return spoken(asked) or spoken(person.language_tag) or LAST_RESORT


def own_language(work: UnitOfWork) -> OwnLanguage:
    """The record's language, audited; null when none is recorded or the portal has no words for it."""
    person = own_person(work, "own.read" if work.actor.may("own.read") else "own.book")
    work.audit("portal.language.read", patient_id=person.patient_id)
    return OwnLanguage(language=spoken(person.language_tag))
