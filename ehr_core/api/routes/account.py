"""My account, my sessions; for administrators, the accounts of this installation."""

from __future__ import annotations

import base64
import secrets

from fastapi import APIRouter, Request

from data_contracts.api.account import (
    AccountInfo,
    AccountList,
    AddPasskey,
    AskInvitation,
    ChangeAccount,
    ChangePassword,
    Invitation,
    Me,
    NewAccount,
    PasskeyInfo,
    PasskeyList,
    PasskeyPage,
    SessionInfo,
    SessionList,
    TotpRequest,
    TotpState,
)
from ehr_core.access import accounts, invitations, second_factor, sessions
from ehr_core.access.app_grants import OfApplication, applications_of
from ehr_core.access.identity import NEVER
from ehr_core.access.passkeys import passkeys_of, remove_passkey
from ehr_core.access.policy import why_session_ended
from ehr_core.access.recovery_codes import codes_left, make_codes
from ehr_core.access.sessions import SessionRow
from ehr_core.access.sign_in import SignIn
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, Work, caller_address
from ehr_core.api.smart.passkeys import passkey_link
from ehr_core.kernel.errors import BadRequest, NotFound, SignInRequired

router = APIRouter(prefix="/api", tags=["account"])


@router.get("/me")
def me(work: Work) -> Me:
    actor = work.actor
    return Me(
        account_id=actor.actor_id,
        kind=actor.kind,
        name=actor.name,
        roles=list(actor.roles),
        permissions=sorted(actor.permissions),
        session_id=actor.session_id,
        patient_id=actor.patient_id,
        practitioner_id=actor.practitioner_id,
        totp_enabled=second_factor.is_enabled(work),
        recovery_codes_left=codes_left(work),
    )


@router.post("/me/end-session", status_code=204)
def end_my_session(work: Work) -> None:
    """Signs out of this session: its tokens stop working at once."""
    if work.actor.session_id is None:
        raise BadRequest("A service has no session to end.")
    _end(work, work.actor.session_id, why="signed_out")


@router.post("/me/totp")
def change_second_factor(request: Request, asked: TotpRequest, parts: ProcessParts, work: Work) -> TotpState:
    """Enrols, confirms or takes away my second factor, or makes new recovery codes. Guesses of codes are counted."""
    if asked.act == "enrol":
        seal = second_factor.TotpSeal(parts.identity.signing_secret)
        enrolment = second_factor.enrol(work, seal, site_name=parts.settings.site_name)
        return TotpState(enabled=False, secret=enrolment.secret, otpauth_uri=enrolment.otpauth_uri)
    _prove_code(request, parts, work, asked)
    if asked.act == "confirm":
        second_factor.confirm(work)
    if asked.act != "disable":
        return TotpState(enabled=True, recovery_codes=make_codes(work, parts.identity.signing_secret))
    second_factor.disable(work)
    return TotpState(enabled=False)


@router.post("/me/password", status_code=204)
def change_my_password(request: Request, asked: ChangePassword, parts: ProcessParts, work: Work) -> None:
    """Changes my password, which ends my other sessions. The present one has to be right; guesses are counted."""
    _prove_password(request, parts, work, asked.present)
    accounts.change_own_password(work, asked.new)


@router.get("/me/passkeys")
def my_passkeys(work: Work) -> PasskeyList:
    rows = passkeys_of(work.connection, work.actor.actor_id)
    return PasskeyList(
        passkeys=[
            PasskeyInfo(
                key_id=base64.urlsafe_b64encode(bytes(row.credential_id)).rstrip(b"=").decode(),
                name=row.name,
                made_at=row.made_at,
                last_used_at=row.last_used_at,
            )
            for row in rows
        ]
    )


@router.post("/me/passkeys", status_code=201)
def add_passkey(request: Request, asked: AddPasskey, parts: ProcessParts, work: Work) -> PasskeyPage:
    """The page on which the browser makes a passkey. The present password has to be right; guesses are counted."""
    _prove_password(request, parts, work, asked.present)
    return PasskeyPage(address=passkey_link(parts, work.actor.session_id or ""))


@router.delete("/me/passkeys/{key_id}", status_code=204)
def remove_my_passkey(key_id: str, work: Work) -> None:
    remove_passkey(work, key_id)


@router.get("/sessions")
def list_sessions(parts: ProcessParts, work: Work, account_id: str | None = None) -> SessionList:
    """My sessions; another account's need account.manage."""
    wanted = account_id or work.actor.actor_id
    if wanted != work.actor.actor_id:
        work.actor.require("account.manage")
        accounts.find_account(work, wanted)
    rows = sessions.sessions_of(work.connection, wanted)
    work.audit("sessions_listed", resource_type="Account", resource_id=wanted)
    apps = applications_of(work.connection, [row.sid for row in rows], work.now())
    return SessionList(sessions=[_session_info(parts, work, row, apps.get(row.sid)) for row in rows])


@router.post("/sessions/{sid}/revoke", status_code=204)
def revoke_session(sid: str, work: Work) -> None:
    """Ends one of my sessions; an administrator may end anybody's. It stops working at its next call."""
    row = sessions.find_session(work.connection, sid)
    mine = row is not None and row.account_id == work.actor.actor_id
    if row is None or not (mine or work.actor.may("account.manage")):
        raise NotFound("There is no such session among yours.")
    _end(work, sid, why="revoked")


@router.get("/accounts")
def list_accounts(work: Work) -> AccountList:
    listed = accounts.list_accounts(work)
    work.audit("accounts_listed", detail={"accounts": len(listed)})
    return AccountList(accounts=[_account_info(account) for account in listed])


@router.post("/accounts", status_code=201)
def create_account(asked: NewAccount, work: Work) -> AccountInfo:
    """A password that is sent along is the maker's: good for one sign-in, at which its owner replaces it."""
    account_id = accounts.create_account(
        work,
        username=asked.username,
        display_name=asked.name,
        password=asked.password or secrets.token_urlsafe(32),
        known_to="maker",
        roles=asked.roles,
        practitioner_id=asked.practitioner_id,
        patient_id=asked.patient_id,
    )
    return _account_info(accounts.find_account(work, account_id))


@router.patch("/accounts/{account_id}")
def change_account(account_id: str, asked: ChangeAccount, work: Work) -> AccountInfo:
    """Roles, open or closed, a new password, a lost second factor: each audited, each at once."""
    work.actor.require("account.manage")
    if asked.roles is not None:
        accounts.change_roles(work, account_id, asked.roles)
    if asked.disabled is not None:
        accounts.set_disabled(work, account_id, asked.disabled)
    if asked.reset_second_factor:
        accounts.reset_second_factor(work, account_id)
    if asked.sites is not None:
        accounts.set_sites(work, account_id, asked.sites)
    if asked.password is not None:
        mine = account_id == work.actor.actor_id
        accounts.set_password(work, account_id, asked.password, known_to="owner" if mine else "maker")
    return _account_info(accounts.find_account(work, account_id))


@router.post("/accounts/{account_id}/invitation", status_code=201)
def invite(account_id: str, asked: AskInvitation, parts: ProcessParts, work: Work) -> Invitation:
    """A link for a single use, shown this once; earlier links of the account are good no more."""
    token = invitations.invite(work, account_id, asked.purpose)
    return Invitation(address=f"{parts.identity.issuer}/auth/invitation?token={token}")


def _prove_password(request: Request, parts: Parts, work: UnitOfWork, present: str) -> None:
    if work.actor.session_id is None:
        raise BadRequest("A service has no password.")
    try:
        SignIn(parts.identity).prove_password(work.actor.actor_id, present, address=caller_address(request))
    except SignInRequired as error:
        raise BadRequest(error.message) from error


def _prove_code(request: Request, parts: Parts, work: UnitOfWork, asked: TotpRequest) -> None:
    """In transactions of its own, so that a wrong guess is counted although this request fails."""
    if asked.code is None:
        raise BadRequest("Send the six-digit code that the authenticator app shows.")
    try:
        SignIn(parts.identity).with_code(
            work.actor.actor_id, asked.code, address=caller_address(request), enrolling=asked.act == "confirm"
        )
    except SignInRequired as error:
        raise BadRequest(error.message) from error


def _end(work: UnitOfWork, sid: str, *, why: str) -> None:
    if sessions.end_session(work.connection, sid, why=why, now=work.now()):
        act = "signed_out" if why == "signed_out" else "session_revoked"
        work.audit(act, detail={"own": sid == work.actor.session_id})


def _session_info(parts: Parts, work: UnitOfWork, row: SessionRow, app: OfApplication | None) -> SessionInfo:
    """An outside application's goes on while it was allowed to, used or not."""
    client = parts.identity.clients.get(row.client_id)
    ended = why_session_ended(
        row.facts, now=work.now(), idle=NEVER if app and app.lasts else parts.identity.idle
    )
    return SessionInfo(
        session_id=row.sid,
        account_id=row.account_id,
        account_name=row.display_name,
        application=client.name if client else (app.name if app else row.client_id),
        address=row.address,
        created_at=row.created_at,
        last_seen_at=row.facts.last_seen_at,
        ends_at=row.facts.ends_at,
        ended="revoked" if ended is None and app and app.ended else ended,
        current=row.sid == work.actor.session_id,
    )


def _account_info(account: accounts.Account) -> AccountInfo:
    return AccountInfo(
        account_id=account.account_id,
        username=account.username,
        name=account.display_name,
        roles=list(account.roles),
        practitioner_id=account.practitioner_id,
        patient_id=account.patient_id,
        totp_enabled=account.totp_enabled,
        disabled=account.disabled,
        created_at=account.created_at,
    )
