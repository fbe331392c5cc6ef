"""The people whom somebody may act for, as names to choose from: no id has to be known, typed or shown.

A proxy looks at one record at a time; until one is chosen the names are read for them, and audited as their read.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import text

from data_contracts.api.access import PersonActedFor
from ehr_core.access.actor import Actor
from ehr_core.access.audit import record
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts
from ehr_core.display import show_name
from ehr_core.kernel.fhir_json import decode
from ehr_core.registration.reading import read_person

LOOKER = Actor("service:people-acted-for", "service", "Names for a proxy to choose from", (), frozenset())
NAMED = text("SELECT body FROM fhir.patient WHERE NOT deleted AND id = ANY(:ids)")


def people_acted_for(parts: Parts, proxy: Actor, patient_ids: Collection[str]) -> list[PersonActedFor]:
    """By name. Whose grants count today is for the caller to say; a record that is deleted is no choice."""
    if not patient_ids:
        return []
    with begin(parts.database, LOOKER, parts.clock, parts.settings.site_time_zone) as looking:
        bodies = looking.connection.execute(NAMED, {"ids": sorted(patient_ids)}).scalars().all()
        people = [_person(decode(body), looking.today()) for body in bodies]
        listed = [person.patient_id for person in people]
        record(looking.connection, proxy, looking.now(), "acted_for_named", patient_ids=listed)
    return sorted(people, key=lambda one: (show_name(one.name), one.birth_date or "", one.patient_id))


def _person(patient: dict, today: date) -> PersonActedFor:
    person = read_person(patient, today)
    return PersonActedFor(patient_id=person.patient_id, name=person.name, birth_date=person.birth_date)
