"""Signing in: the password, the second factor, a password of one's own, then a session and a code for the app."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from sqlalchemy import Connection, Row, text

from ehr_core.access import audit, sessions, throttle
from ehr_core.access.accounts import store_password
from ehr_core.access.actor import Actor
from ehr_core.access.app_grants import make_grant
from ehr_core.access.authorization_codes import AuthorizationRequest, issue_code
from ehr_core.access.clients import Client
from ehr_core.access.identity import Identity
from ehr_core.access.outside_provider import Person
from ehr_core.access.passkeys import account_of
from ehr_core.access.passwords import is_outdated, password_matches, rehash
from ehr_core.access.policy import effective_roles
from ehr_core.access.recovery_codes import use_recovery_code
from ehr_core.access.sealing import derive_key
from ehr_core.access.second_factor import TotpSeal, use_code
from ehr_core.access.unit_of_work import audit_refusal
from ehr_core.kernel.errors import BadRequest, Forbidden, SignInRequired, TooMuch

NOT_RIGHT = "The user name or the password is not right."
CODE_NOT_RIGHT = "The code is not right or was used before. Wait for the next one."
PASSKEY_NOT_RIGHT = "This passkey is not known here, or was not used rightly. Sign in with the password."
OUTSIDE_NOT_RIGHT = "This account is closed here. Ask an administrator."
TOO_MANY = "There were too many attempts. Wait 15 minutes, or ask an administrator for help."
NOT_THE_PRESENT_ONE = "The present password is not right."
STEPS_LIFE = timedelta(minutes=15)
"""From the password to the last step: a page that waits for longer, or is sent again and again, opens nothing."""
NOT_AS_BEFORE = "This took too long, or the account was changed. Go back to the application and start again."
USED_ALREADY = "This password was replaced in the meantime. Go back to the application and start again."
SAME_AS_BEFORE = "The new password is the same as the one that you were given. Choose another."
WRONG_APP = "This account is not for this application. Staff use the workspace, patients the portal."


@dataclass(frozen=True)
class Admitted:
    """The password was right. What is still to come: the second factor, a password in place of a single-use one."""

    account_id: str
    needs_code: bool
    needs_new_password: bool
    needs_second_factor: bool


class SignIn:
    """The steps of the sign-in page. Every failure sounds the same, costs the same time and is audited."""

    def __init__(self, identity: Identity):
        self._identity = identity
        self._name_key = derive_key(identity.signing_secret, "sign-in-name")
        self._totp_seal = TotpSeal(identity.signing_secret)

    def with_password(self, username: str, password: str, *, address: str, client: Client) -> Admitted:
        """Raises SignInRequired, TooMuch or Forbidden (right password, wrong application)."""
        name_hash = self._name_hash(username)
        attempt, account = self._reserve(name_hash, address, username)
        right = password_matches(account.password_hash if account else None, password)
        if account is None or not right or account.disabled:
            self._refuse(account, "password", address, NOT_RIGHT)
        if not effective_roles(account.roles, client.allowed_roles, patient_id=account.patient_id):
            self._refuse(account, "application", address, WRONG_APP, Forbidden)
        with self._identity.transaction() as connection:
            throttle.attempt_succeeded(connection, attempt, name_hash, address)
            throttle.prune_attempts(connection, self._identity.clock.now())
            if is_outdated(account.password_hash):
                _store_hash(connection, account, rehash(password))
        must = bool(set(account.roles) & self._identity.second_factor_roles) and not account.totp_enabled
        return Admitted(account.id, account.totp_enabled, account.known_to == "maker", must)

    def with_passkey(self, credential: str, challenge: str, *, address: str, client: Client) -> Admitted:
        """By a passkey, which is both factors.

        Nobody guesses a signature, so tries are not counted: whoever fails at a shared address shuts no colleague out.
        """
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            account_id = account_of(connection, identity.issuer, credential, challenge, now)
            account = _find(connection, None, account_id) if account_id else None
        if account is None or account.disabled:
            self._refuse(account, "passkey", address, PASSKEY_NOT_RIGHT)
        if not effective_roles(account.roles, client.allowed_roles, patient_id=account.patient_id):
            self._refuse(account, "application", address, WRONG_APP, Forbidden)
        return Admitted(account.id, False, account.known_to == "maker", False)

    def with_outside(self, account_id: str, person: Person, *, address: str, client: Client) -> Admitted:
        """By the site's own provider. What it says of a second factor stands for ours, and nothing else does."""
        with self._identity.transaction() as connection:
            account = _find(connection, None, account_id)
        if account is None or account.disabled:
            self._refuse(account, "outside", address, OUTSIDE_NOT_RIGHT)
        if not effective_roles(account.roles, client.allowed_roles, patient_id=account.patient_id):
            self._refuse(account, "application", address, WRONG_APP, Forbidden)
        if person.second_factor:
            return Admitted(account.id, False, False, False)
        must = bool(set(account.roles) & self._identity.second_factor_roles) and not account.totp_enabled
        return Admitted(account.id, account.totp_enabled, False, must)

    def with_code(self, account_id: str, code: str, *, address: str, enrolling: bool = False) -> None:
        """The second step: a code of the app, or a recovery code. Each works once; guesses are counted like passwords.

        `enrolling`: the code proves a secret that does not count yet.
        """
        name_hash = self._name_hash(f"code of {account_id}")
        attempt, account = self._reserve(name_hash, address, None, account_id=account_id)
        if account is None or account.disabled or not (account.totp_enabled or enrolling):
            self._refuse(account, "code", address, CODE_NOT_RIGHT)
        with self._identity.transaction() as connection:
            now = self._identity.clock.now()
            accepted = use_code(connection, self._totp_seal, account_id, code, now)
            if not accepted and use_recovery_code(
                connection, self._identity.signing_secret, account_id, code, now
            ):
                accepted = True
                owner = Actor(account_id, "user", "", tuple(account.roles), frozenset())
                audit.record(
                    connection,
                    owner,
                    now,
                    "recovery_code_used",
                    resource_type="Account",
                    resource_id=account_id,
                )
            if accepted:
                throttle.attempt_succeeded(connection, attempt, name_hash, address)
        if not accepted:
            self._refuse(account, "code", address, CODE_NOT_RIGHT)

    def require_unchanged(self, account_id: str, proved_at: float) -> None:
        """What was proved then counts now: raises BadRequest once the account is closed or has another password."""
        proved, now = datetime.fromtimestamp(proved_at, UTC), self._identity.clock.now()
        with self._identity.transaction() as connection:
            stands = connection.execute(
                text(
                    "SELECT NOT disabled AND password_changed_at <= :proved"
                    " FROM access.account WHERE id = :id"
                ),
                {"id": account_id, "proved": proved},
            ).scalar_one_or_none()
        if not stands or now - proved > STEPS_LIFE:
            raise BadRequest(NOT_AS_BEFORE)

    def replace_single_use_password(self, account_id: str, password: str) -> None:
        """The last step with a password that somebody else made. Raises BadRequest, saying what to do."""
        now = self._identity.clock.now()
        with self._identity.transaction() as connection:
            account = connection.execute(
                text(
                    "SELECT username, display_name, roles, patient_id, password_hash, known_to, disabled"
                    " FROM access.account WHERE id = :id FOR UPDATE"
                ),
                {"id": account_id},
            ).one()
            if account.disabled or account.known_to != "maker":
                raise BadRequest(USED_ALREADY)
            if password_matches(account.password_hash, password):
                raise BadRequest(SAME_AS_BEFORE)
            store_password(connection, account_id, account.username, password, "owner", now)
            owner = Actor(
                account_id,
                "patient" if account.patient_id else "user",
                account.display_name,
                tuple(account.roles),
                frozenset(),
                patient_id=account.patient_id,
            )
            audit.record(
                connection,
                owner,
                now,
                "single_use_password_replaced",
                resource_type="Account",
                resource_id=account_id,
            )

    def prove_password(self, account_id: str, password: str, *, address: str) -> None:
        """For somebody who is signed in and wants to change something that matters; guesses are counted."""
        name_hash = self._name_hash(f"password of {account_id}")
        attempt, account = self._reserve(name_hash, address, None, account_id=account_id)
        if account is None or not password_matches(account.password_hash, password):
            self._refuse(account, "password", address, NOT_THE_PRESENT_ONE)
        with self._identity.transaction() as connection:
            throttle.attempt_succeeded(connection, attempt, name_hash, address)

    def open_session(self, account_id: str, request: AuthorizationRequest, *, address: str) -> str:
        """A session of this account in the app that asked, and the code to fetch it with."""
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            sid = sessions.start_session(
                connection,
                account_id=account_id,
                client_id=request.client_id,
                address=address,
                now=now,
                life=identity.session_life,
            )
            session = sessions.find_session(connection, sid)
            audit.record(
                connection,
                identity.actor_of(session),
                now,
                "signed_in",
                resource_type="Account",
                resource_id=account_id,
                detail={"client": request.client_id, "address": address},
            )
            return issue_code(connection, request, sid=sid, now=now)

    def open_application_session(
        self, account_id: str, request: AuthorizationRequest, *, address: str, life: timedelta
    ) -> str:
        """A session of this account in an outside application, before anything is allowed to it; its id."""
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            return sessions.start_session(
                connection,
                account_id=account_id,
                client_id=request.client_id,
                address=address,
                now=now,
                life=life,
            )

    def note_refused_application(self, account_id: str, client_id: str) -> None:
        """The person said no at the consent page: audited, as an application asked for their record."""
        audit_refusal(
            self._identity.database,
            None,
            "application_allowed",
            "not_allowed_by_person",
            clock=self._identity.clock,
            resource_type="Account",
            resource_id=account_id,
            detail={"client": client_id},
        )

    def allow_application(
        self,
        sid: str,
        request: AuthorizationRequest,
        *,
        scopes: Sequence[str],
        patient_id: str | None,
        encounter_id: str | None,
        life: timedelta,
    ) -> str:
        """What the person allowed, audited, and the code to fetch its tokens with."""
        identity, now = self._identity, self._identity.clock.now()
        with identity.transaction() as connection:
            grant_id = make_grant(
                connection,
                client_id=request.client_id,
                sid=sid,
                scopes=scopes,
                patient_id=patient_id,
                encounter_id=encounter_id,
                now=now,
                life=life,
            )
            audit.record(
                connection,
                identity.actor_of(sessions.find_session(connection, sid)),
                now,
                "application_allowed",
                patient_id=patient_id,
                detail={"client": request.client_id, "scopes": list(scopes)},
            )
            return issue_code(connection, request, sid=sid, now=now, grant_id=grant_id)

    def _reserve(
        self, name_hash: bytes, address: str, username: str | None, *, account_id: str | None = None
    ) -> tuple[int, Row | None]:
        """Counts this attempt and reads the account; raises TooMuch before anything is compared."""
        now = self._identity.clock.now()
        with self._identity.transaction() as connection:
            attempt = throttle.reserve_attempt(connection, name_hash, address, now)
        with self._identity.transaction() as connection:
            account = _find(connection, username, account_id)
            if throttle.may_try(throttle.recent_failures(connection, name_hash, address, now)):
                return attempt, account
            throttle.forget_attempt(connection, attempt)
        self._refuse(account, "too_many_attempts", address, TOO_MANY, TooMuch)

    def _refuse(
        self,
        account: Row | None,
        reason: str,
        address: str,
        sentence: str,
        error: type[SignInRequired] | type[TooMuch] | type[Forbidden] = SignInRequired,
    ) -> NoReturn:
        """Audits the failure, with the account's id when there is one; never what was typed."""
        audit_refusal(
            self._identity.database,
            None,
            "sign_in",
            reason,
            clock=self._identity.clock,
            resource_type="Account",
            resource_id=account.id if account else None,
            detail={"address": address},
        )
        raise error(sentence)

    def _name_hash(self, name: str) -> bytes:
        return hmac.digest(self._name_key, _typed(name).encode(), "sha256")


def _find(connection: Connection, username: str | None, account_id: str | None) -> Row | None:
    return connection.execute(
        text(
            "SELECT id, password_hash, known_to, roles, patient_id, disabled, totp_enabled FROM access.account"
            " WHERE username = :username OR id = :account_id"
        ),
        {"username": _typed(username or ""), "account_id": account_id},
    ).one_or_none()


def _typed(name: str) -> str:
    """A user name as it is compared. PostgreSQL text cannot hold a NUL, so no account has one."""
    return name.strip().lower().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _store_hash(connection: Connection, account: Row, password_hash: str) -> None:
    """Keeps hashes at today's cost, unless the password was changed in the meantime."""
    connection.execute(
        text("UPDATE access.account SET password_hash = :new WHERE id = :id AND password_hash = :old"),
        {"new": password_hash, "id": account.id, "old": account.password_hash},
    )
