"""A rule, a proxy or a disclosure is about a patient who is there: under a mistyped id it would protect nobody."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from data_contracts.api.access import PatientNamed
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.fhir_json import decode
from ehr_core.registration.reading import MRN_SYSTEM, read_person
from ehr_core.store.tokens import identifier_token

LOOKER = Actor("service:known-patients", "service", "Whether a patient is there", (), frozenset())
"""Whoever keeps the rules is not always let in by them: whether a record is there is asked for them."""
THERE = text("SELECT 1 FROM fhir.patient WHERE id = :id")
NAMED = text(
    "SELECT body FROM fhir.patient WHERE NOT deleted AND (id = :who OR identifier_tokens && :tokens) LIMIT 2"
)
NAMED_TOGETHER = text("SELECT body FROM fhir.patient WHERE NOT deleted AND id = ANY(:ids)")
NOT_KNOWN = "There is no patient of this id or record number. Compare it with the banner of the chart."
SEVERAL = "Several records bear this number. Use the id in the address of the chart."
NAMES = ("access.manage", "audit.read", "disclosure.manage")
"""Any of these lets somebody learn whose record an id is: what is kept about it is kept for a person, by name."""


def require_known(parts: Parts, work: UnitOfWork, permission: str, patient_id: str) -> None:
    """Raises Forbidden without the permission, and NotFound for an id that nobody has."""
    work.actor.require(permission)
    with begin(parts.database, LOOKER, parts.clock, parts.settings.site_time_zone) as looking:
        if looking.connection.execute(THERE, {"id": patient_id}).first() is None:
            raise NotFound(NOT_KNOWN)


def name_patient(parts: Parts, work: UnitOfWork, who: str) -> PatientNamed:
    """By id or record number, audited; raises Forbidden, NotFound, and BadRequest where several bear the number."""
    if not any(map(work.actor.may, NAMES)):
        work.actor.require(NAMES[0])
    asked = {"who": who, "tokens": [identifier_token(MRN_SYSTEM, who)]}
    with begin(parts.database, LOOKER, parts.clock, parts.settings.site_time_zone) as looking:
        found = looking.connection.execute(NAMED, asked).scalars().all()
    if not found:
        raise NotFound(NOT_KNOWN)
    if len(found) > 1:
        raise BadRequest(SEVERAL)
    named = _named(found[0], work)
    work.audit("patient_named", patient_id=named.patient_id)
    return named


def names_of(parts: Parts, patient_ids: Iterable[str]) -> dict[str, PatientNamed]:
    """Whose records these are. For a caller that may list the ids, and whose audit row names them."""
    ids = sorted(set(patient_ids))
    if not ids:
        return {}
    with begin(parts.database, LOOKER, parts.clock, parts.settings.site_time_zone) as looking:
        found = looking.connection.execute(NAMED_TOGETHER, {"ids": ids}).scalars().all()
        named = [_named(body, looking) for body in found]
    return {one.patient_id: one for one in named}


def _named(body: bytes, work: UnitOfWork) -> PatientNamed:
    person = read_person(decode(body), work.today())
    return PatientNamed(
        patient_id=person.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        replaced_by=person.replaced_by,
    )
