"""Consent: what an outside application asks for in plain words, whose record it is about, and what the person says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text
from starlette.responses import Response

from ehr_core.access.actor import Actor
from ehr_core.access.app_grants import use_launch
from ehr_core.access.applications import Application
from ehr_core.access.roles import PATIENT_ROLES
from ehr_core.access.scopes import granted, has_level, sentence
from ehr_core.access.sign_in import SignIn
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts
from ehr_core.api.smart.authorization_request import answer_address
from ehr_core.api.smart.step_pages import step_page
from ehr_core.api.smart.ticket import Ticket
from ehr_core.api.smart.whose_record import chosen_record, people_acted_for
from ehr_core.kernel.errors import AlmonerError, BadRequest, NotFound
from ehr_core.store.repository import Store

OFFLINE_LIFE = timedelta(days=90)
"""How long an application keeps a lasting access before the person is asked again."""

LAUNCH_STALE = "The application was opened too long ago, or by somebody else. Open it from the chart again."


def consent_page(
    parts: Parts,
    application: Application,
    ticket: Ticket,
    binding: str,
    error: AlmonerError | None = None,
) -> Response:
    """Lists what the application would get: what it asks for, as far as it is registered for it."""
    scopes = _scopes(application, ticket)
    roles = _roles_of(parts, ticket.account_id or "")
    asks_patient = _needs_patient(scopes) and not ticket.request.launch
    choices = people_acted_for(parts, ticket.account_id or "") if asks_patient and "proxy" in roles else []
    return step_page(
        parts,
        application,
        replace(ticket, records=tuple(choice.patient_id for choice in choices)),
        binding,
        "consent.html",
        error,
        app_name=application.name,
        sentences=[sentence(scope) for scope in scopes],
        launched=bool(ticket.request.launch),
        asks_patient=asks_patient,
        is_patient=bool(PATIENT_ROLES & set(roles)),
        has_own_record="patient" in roles,
        records=[choice.words for choice in choices],
    )


def decided(
    parts: Parts,
    application: Application,
    ticket: Ticket,
    *,
    allowed: bool,
    patient: str,
    address: str,
) -> str:
    """Where the browser goes: back with a code, or with a refusal. Raises BadRequest when the patient is not found."""
    asked, issuer = ticket.request, parts.identity.issuer
    scopes = _scopes(application, ticket)
    if not allowed or not scopes:
        code = "access_denied" if scopes else "invalid_scope"
        words = "The person did not allow it." if scopes else "Nothing that was asked for is registered."
        if scopes:
            SignIn(parts.identity).note_refused_application(ticket.account_id or "", asked.client_id)
        return answer_address(asked.redirect_uri, issuer, asked.state, error=code, error_description=words)
    sign_in = SignIn(parts.identity)
    life = OFFLINE_LIFE if "offline_access" in scopes else parts.identity.session_life
    sid = sign_in.open_application_session(ticket.account_id or "", asked, address=address, life=life)
    try:
        patient_id, encounter_id = _context(parts, application, ticket, sid, scopes, patient)
    except (BadRequest, NotFound) as error:
        parts.identity.end_session(sid, why="no_patient")
        raise BadRequest(error.message) from error
    code = sign_in.allow_application(
        sid, asked, scopes=scopes, patient_id=patient_id, encounter_id=encounter_id, life=life
    )
    return answer_address(asked.redirect_uri, issuer, asked.state, code=code)


def _scopes(application: Application, ticket: Ticket) -> tuple[str, ...]:
    """Which visit is open is known of a launch from the chart alone: nobody is told that it was given otherwise."""
    asked = ticket.request.scope.split()
    known = asked if ticket.request.launch else [scope for scope in asked if scope != "launch/encounter"]
    return granted(known, application.scopes, levels=("patient", "user"))


def _needs_patient(scopes: tuple[str, ...]) -> bool:
    return "launch/patient" in scopes or has_level(scopes, "patient")


def _context(
    parts: Parts,
    application: Application,
    ticket: Ticket,
    sid: str,
    scopes: tuple[str, ...],
    patient: str,
) -> tuple[str | None, str | None]:
    """(patient, encounter) that the application is opened for; none when it asked for none."""
    actor = parts.identity.session_actor(sid)
    if ticket.request.launch is not None:
        with parts.identity.transaction() as connection:
            launch = use_launch(
                connection,
                ticket.request.launch,
                client_id=application.client_id,
                account_id=actor.actor_id,
                now=parts.clock.now(),
            )
        if launch is None:
            raise BadRequest(LAUNCH_STALE)
        _require_open(parts, actor, launch.patient_id)
        return launch.patient_id, launch.encounter_id
    if not _needs_patient(scopes):
        return None, None
    if actor.kind == "patient":
        return chosen_record(parts, actor, sid, ticket.records, patient), None
    return _find(parts, actor, patient), None


def _find(parts: Parts, actor: Actor, written: str) -> str:
    """The one patient of this record number or id whose chart this person may open."""
    if not written:
        raise BadRequest("Say whose record: write the record number.")
    with begin(parts.database, actor, parts.clock, parts.settings.site_time_zone) as work:
        found = Store(work).search("Patient", [("identifier", written)], limit=2).resources
        if len(found) != 1:
            raise BadRequest(
                "No single patient of yours has this record number. Check it in the chart's banner."
            )
        return found[0].id


def _require_open(parts: Parts, actor: Actor, patient_id: str) -> None:
    with begin(parts.database, actor, parts.clock, parts.settings.site_time_zone) as work:
        Store(work).read("Patient", patient_id)


def _roles_of(parts: Parts, account_id: str) -> list[str]:
    with parts.identity.transaction() as connection:
        found = connection.execute(
            text("SELECT roles FROM access.account WHERE id = :id"), {"id": account_id}
        )
        return list(found.scalar_one_or_none() or ())
