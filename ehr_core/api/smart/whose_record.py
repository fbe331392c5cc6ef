"""Whose record an outside application is opened for: a patient's own, or that of somebody whom they act for.

The page names the records; their ids stay in its sealed ticket, and the form sends back the place in that list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from ehr_core.access.actor import Actor
from ehr_core.access.identity import NOBODYS_RECORD
from ehr_core.access.proxies import grants_of
from ehr_core.access.roles import PATIENT_ROLES
from ehr_core.access.sessions import act_for, find_session
from ehr_core.api.dependencies import Parts
from ehr_core.api.people_acted_for import people_acted_for
from ehr_core.display import show_date, show_name
from ehr_core.kernel.errors import BadRequest

READS = "record"
"""The scope of a proxy without which an application could read nothing."""


@dataclass(frozen=True)
class Choice:
    patient_id: str
    words: str


def is_of_portal(parts: Parts, account_id: str) -> bool:
    """Whether it is a patient's or a proxy's account: such a person chooses among records, staff name one."""
    return bool(PATIENT_ROLES & set(_account(parts, account_id).roles))


def choices_of(parts: Parts, account_id: str) -> list[Choice]:
    """One's own record first, then by name those of the people whom the account may act for today; audited."""
    account = _account(parts, account_id)
    own = account.patient_id if "patient" in account.roles else None
    with parts.identity.transaction() as connection:
        grants = grants_of(connection, account_id) if "proxy" in account.roles else ()
    scopes = parts.identity.scopes_today(grants, parts.clock.now())
    readable = [patient for patient, scope in scopes.items() if READS in scope and patient != own]
    roles, nothing = tuple(account.roles), frozenset[str]()
    proxy = Actor(account_id, "patient", account.display_name, roles, nothing, patient_id=NOBODYS_RECORD)
    people = [
        Choice(one.patient_id, f"{show_name(one.name)}, born {show_date(one.birth_date)}")
        for one in people_acted_for(parts, proxy, readable)
    ]
    return [*([Choice(own, "My own record")] if own else []), *people]


def chosen_record(parts: Parts, actor: Actor, sid: str, records: Sequence[str], chosen: str) -> str:
    """The patient id; from now on the session acts for them. Raises BadRequest where nothing or nobody was chosen."""
    if not records:
        raise BadRequest("You act for nobody whose record an application may read, or not any more.")
    places = {str(place): patient for place, patient in enumerate(records)}
    patient = places.get(chosen) if chosen or len(records) > 1 else records[0]
    if patient is None:
        raise BadRequest("Choose whose record it is about.")
    with parts.identity.transaction() as connection:
        session = find_session(connection, sid)
        if session and patient == session.facts.patient_id == actor.patient_id:
            return patient
        scopes = parts.identity.scopes_today(session.proxies, parts.clock.now()) if session else {}
        if READS not in scopes.get(patient, ()):
            raise BadRequest("You may not act for this person, or not any more.")
        act_for(connection, sid, patient)
    return patient


def _account(parts: Parts, account_id: str):
    with parts.identity.transaction() as connection:
        return connection.execute(
            text("SELECT display_name, roles, patient_id FROM access.account WHERE id = :id"),
            {"id": account_id},
        ).one()
