"""Tokens of outside applications: for a code, for a refresh token, for a backend service; revoked and looked into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from ehr_core.access import app_grants, audit, sessions
from ehr_core.access.app_grants import AppGrant
from ehr_core.access.applications import Application
from ehr_core.access.authorization_codes import redeem_code
from ehr_core.access.clients import Client
from ehr_core.access.id_token import access_token_hash
from ehr_core.access.identity import Identity
from ehr_core.access.scopes import granted
from ehr_core.access.unit_of_work import audit_refusal
from ehr_core.kernel.errors import BadRequest

BACKEND_LIFE = timedelta(minutes=5)
"""Source: HL7 SMART Backend Services asks for at most five minutes."""

Answer = dict[str, Any]


class WiderThanGiven(BadRequest):
    """A refresh that asks for scopes that nobody allowed."""


class AppTokens:
    """The token endpoint for registered applications. None means refused, and has been audited."""

    def __init__(self, identity: Identity):
        self._identity = identity

    def for_code(
        self, application: Application, code: str, *, redirect_uri: str, verifier: str
    ) -> Answer | None:
        """A replayed code ends the grant that it once gave: whoever has its tokens may be the thief."""
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            redeemed = redeem_code(
                connection,
                code,
                client_id=application.client_id,
                redirect_uri=redirect_uri,
                verifier=verifier,
                now=now,
            )
            grant = app_grants.find_grant(connection, redeemed.grant_id) if redeemed.grant_id else None
            if grant and redeemed.outcome == "good" and self._is_open(connection, grant, now):
                return self._answer(connection, application, grant, grant.scopes, now, nonce=redeemed.nonce)
            if grant:
                app_grants.revoke_grant(connection, grant.grant_id, why=f"code_{redeemed.outcome}", now=now)
        self._refused(application, "redeem_code", redeemed.outcome)
        return None

    def for_refresh(
        self, application: Application, token: str, scopes: Sequence[str] | None
    ) -> Answer | None:
        """New tokens, with the same scopes or fewer. A token that comes back ends the grant.

        Raises WiderThanGiven for more scopes: nothing was given then, so the refresh token stays good.
        """
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            found = app_grants.use_refresh_token(connection, token, client_id=application.client_id, now=now)
            grant = found.grant
            if found.outcome == "good" and grant and self._is_open(connection, grant, now):
                wanted = grant.scopes if scopes is None else _no_wider(scopes, grant)
                return self._answer(connection, application, grant, wanted, now)
            if found.outcome == "reused" and grant:
                app_grants.revoke_grant(connection, grant.grant_id, why="refresh_token_reused", now=now)
        self._refused(application, "refresh_token", found.outcome)
        return None

    def for_backend(self, application: Application, scopes: Sequence[str]) -> Answer | None:
        """A token of a backend service as itself; None when nothing that it asks is registered for it."""
        now = self._identity.clock.now()
        given = granted(scopes, application.scopes, levels=("system",))
        if application.kind != "backend" or not given:
            self._refused(application, "backend_token", "scope")
            return None
        with self._identity.transaction() as connection:
            grant_id = app_grants.make_grant(
                connection,
                client_id=application.client_id,
                sid=None,
                scopes=given,
                patient_id=None,
                encounter_id=None,
                now=now,
                life=BACKEND_LIFE,
            )
            grant = app_grants.find_grant(connection, grant_id)
            audit.record(
                connection,
                self._identity.application_actor(application, given),
                now,
                "application_signed_in",
                detail={"client": application.client_id},
            )
            return self._answer(connection, application, grant, given, now)

    def client_of(self, refresh_token: str) -> str | None:
        """The application that a refresh token was given to, used or not: using it twice is held against it."""
        with self._identity.transaction() as connection:
            return app_grants.client_of_refresh_token(connection, refresh_token)

    def revoke(self, client: Client, token: str) -> None:
        """RFC 7009: a refresh token takes its grant with it, an access token goes alone. Tells nothing."""
        now = self._identity.clock.now()
        with self._identity.transaction() as connection:
            grant = app_grants.grant_of_refresh_token(connection, token)
            if grant and grant.client_id == client.client_id:
                app_grants.revoke_grant(connection, grant.grant_id, why="revoked_by_application", now=now)
                return
            connection.execute(
                text("DELETE FROM access.access_token WHERE token_hash = :hash AND client_id = :client"),
                {"hash": sessions.token_hash(token), "client": client.client_id},
            )

    def introspect(self, client: Client, token: str) -> Answer:
        """RFC 7662: an application learns of its own tokens alone; of all others that they are not active."""
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            row = sessions.find_token(connection, token, now)
            grant = row.grant if row else app_grants.grant_of_refresh_token(connection, token)
            if grant is None or grant.client_id != client.client_id:
                return {"active": False}
            if not self._is_open(connection, grant, now):
                return {"active": False}
            session = sessions.find_session(connection, grant.sid) if grant.sid else None
        scopes = (row.scopes if row else None) or grant.scopes
        answer: Answer = {
            "active": True,
            "client_id": grant.client_id,
            "scope": " ".join(scopes),
            "exp": int((row.expires_at if row else grant.ends_at).timestamp()),
            "token_type": "Bearer",
            "iss": identity.issuer,
        }
        if session is not None and "openid" in scopes:
            answer |= identity.claims_in(session, [one for one in scopes if one != "profile"])
        return answer | _context(grant)

    def _is_open(self, connection: Connection, grant: AppGrant, now: datetime) -> bool:
        if grant.revoked or now >= grant.ends_at:
            return False
        if grant.sid is None:
            return True
        session = sessions.find_session(connection, grant.sid)
        return session is not None and self._identity.session_ended(session, now, lasts=grant.lasts) is None

    def _answer(
        self,
        connection: Connection,
        application: Application,
        grant: AppGrant,
        scopes: Sequence[str],
        now: datetime,
        *,
        nonce: str | None = None,
    ) -> Answer:
        """The token response with its launch context. Source: HL7 SMART App Launch 2.2, launch context parameters."""
        identity = self._identity
        expires_at = min(now + identity.token_life, grant.ends_at)
        token = sessions.issue_token(
            connection,
            client_id=application.client_id,
            sid=grant.sid,
            audience="api",
            expires_at=expires_at,
            now=now,
            grant_id=grant.grant_id,
            scopes=scopes,
        )
        answer: Answer = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int((expires_at - now).total_seconds()),
            "scope": " ".join(scopes),
            **_context(grant),
        }
        if {"offline_access", "online_access"} & set(grant.scopes):
            answer["refresh_token"] = app_grants.issue_refresh_token(connection, grant)
        if "openid" in scopes and grant.sid is not None:
            session = sessions.find_session(connection, grant.sid)
            claims = identity.claims(session, application, now, scopes) | {
                "at_hash": access_token_hash(token)
            }
            if nonce is not None:
                claims["nonce"] = nonce
            answer["id_token"] = identity.application_signer.sign(connection, claims, now)
        return answer

    def _refused(self, application: Application, act: str, reason: str) -> None:
        audit_refusal(
            self._identity.database,
            None,
            act,
            reason,
            clock=self._identity.clock,
            detail={"client": application.client_id},
        )


def _no_wider(scopes: Sequence[str], grant: AppGrant) -> tuple[str, ...]:
    wanted = granted(scopes, grant.scopes, levels=("patient", "user"))
    if not wanted or len(wanted) != len(set(scopes)):
        raise WiderThanGiven("The refresh asks for more than was allowed. Ask for the same scopes or fewer.")
    return wanted


def _context(grant: AppGrant) -> Answer:
    if grant.patient_id is None:
        return {}
    context = {"patient": grant.patient_id, "need_patient_banner": True}
    return context | ({"encounter": grant.encounter_id} if grant.encounter_id else {})
