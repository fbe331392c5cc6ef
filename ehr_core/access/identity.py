"""Who is this? From a token to an actor, and from a session to a token. Everything is looked up at each call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from ehr_core.access import audit, sessions
from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.access.app_grants import find_grant
from ehr_core.access.application_id_token import ApplicationTokenSigner
from ehr_core.access.applications import Application, find_application, roles_of_audience
from ehr_core.access.authorization_codes import redeem_code
from ehr_core.access.clients import Client, registered_clients
from ehr_core.access.grant_rows import AppGrant
from ehr_core.access.id_token import IdTokenSigner, access_token_hash
from ehr_core.access.outside_identity import checked_roles
from ehr_core.access.outside_provider import OutsideProvider
from ehr_core.access.policy import effective_roles, why_session_ended
from ehr_core.access.proxies import Grant, permissions_of_scope, scope_now
from ehr_core.access.roles import PATIENT_ROLES, permissions_of, policy_of
from ehr_core.access.scopes import acts_of, exported_types, granted, has_level, permissions_of_scopes
from ehr_core.access.unit_of_work import audit_refusal
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock, site_date
from ehr_core.kernel.errors import BadRequest, Forbidden, SignInRequired
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings

SIGN_IN_ACTOR_ID = "service:sign-in"
SERVICE_TOKEN_LIFE = timedelta(minutes=5)
ID_TOKEN_LIFE = timedelta(minutes=10)

NOBODYS_RECORD = "nobody"
"""In place of a patient's id while a proxy has not chosen, or has nobody left: no row is this patient's."""

NOT_ALLOWED_ANY_MORE = "The application may not act for anybody here any more. Ask to be let in again."
NEVER = timedelta(days=36500)
SESSION_ENDED = "Your session has ended. Sign in again."


@dataclass(frozen=True)
class IssuedToken:
    access_token: str
    expires_in: int
    id_token: str | None = None
    scope: str | None = None


class Identity:
    """The door of this process: knows the clients, the issuer's key and the time limits of a session."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, secrets: Secrets):
        self.database = database
        self.clock = clock
        self.settings = settings
        self.signing_secret = secrets.token_signing_key
        self.clients = registered_clients(settings, secrets)
        self.signer = IdTokenSigner(self.signing_secret)
        self.application_signer = ApplicationTokenSigner(self.signing_secret)
        self.outside = OutsideProvider(settings)
        self.new_account_roles = checked_roles(settings.oidc_new_account_roles)
        self.second_factor_roles = frozenset(settings.second_factor_roles.replace(" ", "").split(",")) - {""}
        self.idle = timedelta(minutes=settings.session_idle_minutes)
        self.session_life = timedelta(hours=settings.session_hours)
        self.token_life = timedelta(seconds=settings.access_token_seconds)

    @property
    def issuer(self) -> str:
        return self.settings.issuer

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that sees no patient row at all."""
        return self.database.transaction(actor_id=SIGN_IN_ACTOR_ID, reach="none", patient_id=None)

    def actor_for(self, token: str) -> Actor:
        """The person or service behind an access token; raises SignInRequired when it is good no more."""
        with self.database.system() as connection:
            return self.actor_in(connection, token)

    def actor_in(self, connection: Connection, token: str) -> Actor:
        """The same, looked up in a transaction that has no actor yet. What is noted commits on its own."""
        now = self.clock.now()
        row = sessions.find_token(connection, token, now)
        if row is None or row.audience != "api":
            raise SignInRequired("The access token is not valid or has expired. Get a new one.")
        if row.grant is not None:
            application = self._open_application(connection, row.client_id, row.grant, now)
            if row.session is None:
                return self.application_actor(application, row.scopes or ())
        if row.session is None:
            return self._service_actor(self.clients.get(row.client_id))
        if row.grant is None and row.session.client_id not in self.clients:
            raise SignInRequired(NOT_ALLOWED_ANY_MORE)
        lasts = row.grant is not None and row.grant.lasts
        actor, ended = self._session_actor(row.session, now, lasts=lasts)
        if ended is not None:
            self._refuse(actor, "use_session", ended)
            raise SignInRequired(SESSION_ENDED)
        if sessions.is_to_be_noted(row.session, now):
            with self.transaction() as noting:
                sessions.note_use(noting, row.session, now)
        return narrowed(actor, row.grant, row.scopes or ()) if row.grant else actor

    def session_token(self, client: Client, sid: str) -> IssuedToken:
        """A short-lived access token for a session of this client; SignInRequired once it has ended."""
        now = self.clock.now()
        with self.transaction() as connection:
            session = sessions.find_session(connection, sid)
            ours = client.client_id in self.clients
            if session is None or not ours or session.client_id != client.client_id:
                raise SignInRequired(SESSION_ENDED)
            _, ended = self._session_actor(session, now)
            if ended is None:
                sessions.note_use(connection, session, now)
                expires_at = min(now + self.token_life, session.facts.ends_at)
                return self._issue(connection, client, session.sid, "api", expires_at, now)
        raise SignInRequired(SESSION_ENDED)

    def service_token(self, client: Client) -> IssuedToken:
        """A token for a service as itself; Forbidden for an app that people sign in to."""
        if client.service_role is None:
            raise Forbidden("This application cannot act on its own: a person has to sign in.")
        now = self.clock.now()
        with self.transaction() as connection:
            return self._issue(connection, client, None, "api", now + SERVICE_TOKEN_LIFE, now)

    def redeem(self, client: Client, code: str, *, redirect_uri: str, verifier: str) -> IssuedToken | None:
        """The tokens for an authorization code; None when it is refused. A replayed code ends its session.

        The access token is good for the userinfo endpoint alone: Streamlit keeps it in a browser cookie.
        """
        now = self.clock.now()
        with self.transaction() as connection:
            answer = redeem_code(
                connection,
                code,
                client_id=client.client_id,
                redirect_uri=redirect_uri,
                verifier=verifier,
                now=now,
            )
            session = sessions.find_session(connection, answer.sid) if answer.sid else None
            if session and answer.outcome == "good":
                _, ended = self._session_actor(session, now)
                if ended is None:
                    issued = self._issue(
                        connection, client, session.sid, "userinfo", now + sessions.USERINFO_LIFE, now
                    )
                    claims = self.claims(session, client, now) | {
                        "at_hash": access_token_hash(issued.access_token)
                    }
                    if answer.nonce is not None:
                        claims["nonce"] = answer.nonce
                    return IssuedToken(
                        issued.access_token, issued.expires_in, self.signer.sign(claims), answer.scope
                    )
            elif session:
                sessions.end_session(connection, session.sid, why=f"code_{answer.outcome}", now=now)
        if session:
            self._refuse(self.actor_of(session), "redeem_code", answer.outcome)
        return None

    def end_session(self, sid: str, *, why: str) -> None:
        """Ends a session, audited. One that is unknown or has ended stays as it is."""
        now = self.clock.now()
        with self.transaction() as connection:
            session = sessions.find_session(connection, sid)
            if session is not None and sessions.end_session(connection, sid, why=why, now=now):
                audit.record(connection, self.actor_of(session), now, "signed_out", detail={"why": why})

    def actor_of(self, session: sessions.SessionRow) -> Actor:
        """Whose session this is, for the audit log; says nothing about whether it is still good."""
        return self._session_actor(session, self.clock.now())[0]

    def userinfo(self, token: str) -> dict[str, Any]:
        """The claims about the person behind a token; to an outside application those of its scopes."""
        now = self.clock.now()
        with self.transaction() as connection:
            row = sessions.find_token(connection, token, now)
            if row is not None and row.grant is not None:
                self._open_application(connection, row.client_id, row.grant, now)
        if row is None or row.session is None:
            raise SignInRequired("The access token is not valid or has expired. Get a new one.")
        lasts = row.grant is not None and row.grant.lasts
        if self.session_ended(row.session, now, lasts=lasts) is not None:
            raise SignInRequired(SESSION_ENDED)
        if row.grant is None:
            return self.person_claims(row.session)
        if "openid" not in (row.scopes or ()):
            raise Forbidden("This access token was not given the scope openid, which tells who somebody is.")
        return self.claims_in(row.session, row.scopes or ())

    def _open_application(
        self, connection: Connection, client_id: str, grant: AppGrant, now: datetime
    ) -> Application:
        """The application of a grant; raises SignInRequired once either is over."""
        application = find_application(connection, client_id)
        if application is None or grant.revoked or now >= grant.ends_at:
            raise SignInRequired(NOT_ALLOWED_ANY_MORE)
        return application

    def claims(
        self,
        session: sessions.SessionRow,
        client: Client,
        now: datetime,
        scopes: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """What an ID token says: of the person everything to our own applications, to others what `scopes` name."""
        person = self.person_claims(session) if scopes is None else self.claims_in(session, scopes)
        return {
            "iss": self.issuer,
            "aud": client.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + ID_TOKEN_LIFE).timestamp()),
            "auth_time": int(session.created_at.timestamp()),
            "sid": session.sid,
        } | person

    def claims_in(self, session: sessions.SessionRow, scopes: Sequence[str]) -> dict[str, Any]:
        """What these scopes tell of the person: the account, with `profile` the name, with `fhirUser` the address."""
        person = self.person_claims(session)
        told = person if "profile" in scopes else {"sub": person["sub"]}
        address = self.fhir_user(session) if "fhirUser" in scopes else None
        return told | ({"fhirUser": address} if address else {})

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that everybody checks our ID tokens with; holds no private part."""
        with self.transaction() as connection:
            of_applications = self.application_signer.public_keys(connection, self.clock.now())
        return {"keys": [*of_applications, self.signer.public_key()]}

    def read_id_token(self, token: str) -> dict[str, Any]:
        """The claims of an ID token that was issued here, expired or not: a logout may come late. Raises BadRequest."""
        try:
            return self.signer.read(token)
        except BadRequest:
            with self.transaction() as connection:
                return self.application_signer.read(connection, token, self.clock.now())

    def person_claims(self, session: sessions.SessionRow) -> dict[str, Any]:
        return {
            "sub": session.account_id,
            "name": session.display_name,
            "preferred_username": session.username,
            "roles": list(self._roles(session)),
        }

    def _refuse(self, actor: Actor, act: str, reason: str) -> None:
        audit_refusal(self.database, actor, act, reason, clock=self.clock)

    def _issue(
        self,
        connection: Connection,
        client: Client,
        sid: str | None,
        audience: str,
        expires_at: datetime,
        now: datetime,
    ) -> IssuedToken:
        token = sessions.issue_token(
            connection, client_id=client.client_id, sid=sid, audience=audience, expires_at=expires_at, now=now
        )
        return IssuedToken(token, int((expires_at - now).total_seconds()))

    def _roles(self, session: sessions.SessionRow) -> tuple[str, ...]:
        client = self.clients.get(session.client_id)
        allowed = client.allowed_roles if client else roles_of_audience(session.app_audience or ())
        return effective_roles(session.facts.roles, allowed, patient_id=session.facts.patient_id)

    def _session_actor(
        self, session: sessions.SessionRow, now: datetime, *, lasts: bool = False
    ) -> tuple[Actor, str | None]:
        """The actor with today's roles, and why the session has ended if it has."""
        roles = self._roles(session)
        ended = why_session_ended(session.facts, now=now, idle=NEVER if lasts else self.idle)
        if PATIENT_ROLES & set(roles):
            return self._portal_actor(session, roles, now), ended
        policy = policy_of(roles, session.role_policies)
        actor = Actor(
            actor_id=session.account_id,
            kind="user",
            name=session.display_name,
            roles=roles,
            permissions=permissions_of(roles),
            session_id=session.sid,
            practitioner_id=session.practitioner_id,
            chart_reach=policy.reach,
            sees=policy.sees,
        )
        return actor, ended or (None if roles else "no_role_here")

    def _portal_actor(self, session: sessions.SessionRow, roles: tuple[str, ...], now: datetime) -> Actor:
        """A patient in their own record, or a proxy in the record of the one they act for today."""
        scopes = self.proxy_scopes(session, now) if "proxy" in roles else {}
        acting_for = session.acting_for
        if acting_for is None and "patient" not in roles and len(scopes) == 1:
            acting_for = next(iter(scopes))
        if acting_for is None:
            own = frozenset(roles) & {"patient"}
            permissions, counted, patient_id = permissions_of(own), tuple(own), session.facts.patient_id
        else:
            permissions = permissions_of_scope(scopes.get(acting_for, frozenset()))
            counted, patient_id = ("proxy",), acting_for
        return Actor(
            actor_id=session.account_id,
            kind="patient",
            name=session.display_name,
            roles=counted,
            permissions=permissions,
            session_id=session.sid,
            patient_id=patient_id or NOBODYS_RECORD,
            practitioner_id=session.practitioner_id,
            sees=frozenset(),
        )

    def proxy_scopes(self, session: sessions.SessionRow, now: datetime) -> dict[str, frozenset[str]]:
        """By patient: what this account may do there today as a proxy; only those with anything left."""
        return self.scopes_today(session.proxies, now)

    def scopes_today(
        self, grants: Iterable[tuple[Grant, date | None]], now: datetime
    ) -> dict[str, frozenset[str]]:
        """By patient: what is left of these grants today; only where anything is."""
        today = site_date(self.clock, self.settings.site_time_zone)
        scopes: dict[str, frozenset[str]] = {}
        for grant, born in grants:
            scope = scope_now(
                grant,
                birth_date=born,
                today=today,
                now=now,
                narrowing_age=self.settings.proxy_narrowing_age,
            )
            if scope:
                scopes[grant.patient_id] = scopes.get(grant.patient_id, frozenset()) | scope
        return scopes

    def client(self, client_id: str) -> Client | None:
        """One of our own apps and services, or an outside application that is registered and open."""
        known = self.clients.get(client_id)
        if known is not None:
            return known
        with self.transaction() as connection:
            return find_application(connection, client_id.replace("\0", ""))

    def session_ended(
        self, session: sessions.SessionRow, now: datetime, *, lasts: bool = False
    ) -> str | None:
        """Why a session may be used no more, None while it may. `lasts`: for a grant that no idle time ends."""
        return self._session_actor(session, now, lasts=lasts)[1]

    def session_actor(self, sid: str) -> Actor:
        """Who this session's person is today; raises SignInRequired once it has ended."""
        now = self.clock.now()
        with self.transaction() as connection:
            session = sessions.find_session(connection, sid)
        if session is None:
            raise SignInRequired(SESSION_ENDED)
        actor, ended = self._session_actor(session, now)
        if ended is not None:
            raise SignInRequired(SESSION_ENDED)
        return actor

    def application_today(self, asked: ApplicationGrant) -> Actor | None:
        """The application as it may act now, for work that it asked for earlier; None when it may not any more.

        Never more than it was granted then, and never more than it is registered for, the person may and the rules
        leave today.
        """
        now = self.clock.now()
        with self.transaction() as connection:
            application = find_application(connection, asked.client_id)
            if application is None:
                return None
            if asked.grant_id is None:
                scopes = granted(asked.scopes, application.scopes, levels=("system",))
                return self.application_actor(application, scopes) if scopes else None
            grant = find_grant(connection, asked.grant_id)
            if grant is None or grant.revoked or now >= grant.ends_at or grant.sid is None:
                return None
            session = sessions.find_session(connection, grant.sid)
        if session is None:
            return None
        actor, ended = self._session_actor(session, now, lasts=grant.lasts)
        scopes = granted(asked.scopes, grant.scopes, levels=("patient", "user"))
        return narrowed(actor, grant, scopes) if ended is None and scopes else None

    def fhir_user(self, session: sessions.SessionRow) -> str | None:
        """The person in the directory, as an address; None for somebody of the staff who is no practitioner."""
        if session.facts.patient_id:
            return f"{self.issuer}/fhir/Patient/{session.facts.patient_id}"
        return (
            f"{self.issuer}/fhir/Practitioner/{session.practitioner_id}" if session.practitioner_id else None
        )

    def application_actor(self, application: Application, scopes: Sequence[str]) -> Actor:
        """A backend service as itself: its scopes over all charts that no rule shuts, and the labels it was given."""
        permissions = permissions_of_scopes(scopes) - {"own.read"}
        in_bulk = {"bulk.export"} if exported_types(scopes) else set()
        in_bulk |= {"bulk.import"} if acts_of(scopes) >= {"c", "u"} else set()
        return Actor(
            actor_id=f"app:{application.client_id}",
            kind="service",
            name=application.name,
            roles=("application",),
            permissions=permissions | (in_bulk if application.bulk else frozenset()),
            sees=frozenset(application.sees),
            application=ApplicationGrant(application.client_id, tuple(scopes)),
        )

    def _service_actor(self, client: Client | None) -> Actor:
        if client is None or client.service_role is None:
            raise SignInRequired("The access token belongs to no service that is registered here.")
        roles = (client.service_role,)
        return Actor(
            actor_id=f"service:{client.client_id}",
            kind="service",
            name=client.name,
            roles=roles,
            permissions=permissions_of(roles),
            session_id=None,
            patient_id=None,
            practitioner_id=None,
        )


def narrowed(actor: Actor, grant: AppGrant, scopes: Sequence[str]) -> Actor:
    """The person, as far as they let the application act for them.

    With patient scopes alone the database shows it the one chart; with user scopes the query tells them apart.
    """
    only = grant.patient_id if not has_level(scopes, "user") else None
    return replace(
        actor,
        permissions=actor.permissions & permissions_of_scopes(scopes),
        application=ApplicationGrant(grant.client_id, tuple(scopes), grant.patient_id, only, grant.grant_id),
    )
