"""Whose record an outside application is opened for: a patient's own, or that of somebody whom they act for.

The page names the people; their ids stay in its sealed ticket, and the form sends back the place in that list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ehr_core.access import audit
from ehr_core.access.actor import Actor
from ehr_core.access.identity import NOBODYS_RECORD
from ehr_core.access.proxies import grants_of
from ehr_core.access.sessions import act_for, find_session
from ehr_core.api.dependencies import Parts
from ehr_core.api.known_patients import names_of
from ehr_core.display import say_name, show_date
from ehr_core.kernel.errors import BadRequest

READS = "record"
"""The scope of a proxy without which an application could read nothing."""

NOT_FOR_THEM = "You may not act for this person, or not any more."


@dataclass(frozen=True)
class Choice:
    patient_id: str
    words: str


def people_acted_for(parts: Parts, account_id: str) -> list[Choice]:
    """By name and day of birth, those whose record the account may read today; audited, as it names patients."""
    now = parts.clock.now()
    with parts.identity.transaction() as connection:
        scopes = parts.identity.scopes_today(grants_of(connection, account_id), now)
        ids = [patient for patient, scope in scopes.items() if READS in scope]
        if ids:
            asking = Actor(account_id, "patient", "", ("proxy",), frozenset(), patient_id=NOBODYS_RECORD)
            audit.record(connection, asking, now, "records_to_act_for_listed", patient_ids=ids)
    named = names_of(parts, ids).values()
    people = [
        Choice(one.patient_id, f"{say_name(one.name)}, born {show_date(one.birth_date)}") for one in named
    ]
    return sorted(people, key=lambda one: (one.words, one.patient_id))


def chosen_record(parts: Parts, actor: Actor, sid: str, records: Sequence[str], chosen: str) -> str:
    """The patient's id. Nothing chosen is one's own record, or that of the only one whom a proxy may act for.

    `records` are the patients in the order of the page. Raises BadRequest.
    """
    with parts.identity.transaction() as connection:
        session = find_session(connection, sid)
        own = session.facts.patient_id if session else None
        if not chosen and own is not None and own == actor.patient_id:
            return own
        if not chosen and len(records) != 1:
            raise BadRequest("Say whose record: you act for several people, or for nobody any more.")
        places = {str(place): patient for place, patient in enumerate(records)}
        patient = places.get(chosen or "0")
        scopes = parts.identity.proxy_scopes(session, parts.clock.now()) if session else {}
        if patient is None or READS not in scopes.get(patient, ()):
            raise BadRequest(NOT_FOR_THEM)
        act_for(connection, sid, patient)
        return patient
