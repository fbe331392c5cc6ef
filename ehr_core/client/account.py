"""My account and sessions; for administrators, everybody's."""

from __future__ import annotations

from typing import Literal

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
from ehr_core.client.transport import Transport, segment


class AccountRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def me(self) -> Me:
        """Who this is, with today's roles; raises SignInRequired once the session has ended."""
        return self._transport.get("/api/me", Me)

    def end_session(self) -> None:
        """Signs out: the session and its tokens are good no more."""
        self._transport.send("POST", "/api/me/end-session")

    def enrol_totp(self) -> TotpState:
        return self._transport.post("/api/me/totp", TotpState, TotpRequest(act="enrol"))

    def confirm_totp(self, code: str) -> TotpState:
        return self._transport.post("/api/me/totp", TotpState, TotpRequest(act="confirm", code=code))

    def new_recovery_codes(self, code: str) -> TotpState:
        """Ten new ones, shown this once; the earlier ones are good no more."""
        asked = TotpRequest(act="recovery_codes", code=code)
        return self._transport.post("/api/me/totp", TotpState, asked)

    def invite(self, account_id: str, purpose: Literal["invite", "reset"] = "invite") -> str:
        """The address of a link for a single use, by which the account's owner chooses a password."""
        asked = AskInvitation(purpose=purpose)
        path = f"/api/accounts/{segment(account_id)}/invitation"
        return self._transport.post(path, Invitation, asked).address

    def disable_totp(self, code: str) -> TotpState:
        return self._transport.post("/api/me/totp", TotpState, TotpRequest(act="disable", code=code))

    def passkeys(self) -> list[PasskeyInfo]:
        return self._transport.get("/api/me/passkeys", PasskeyList).passkeys

    def add_passkey(self, present: str) -> str:
        """The address of the page on which the browser makes it. Raises BadRequest when the password is wrong."""
        return self._transport.post("/api/me/passkeys", PasskeyPage, AddPasskey(present=present)).address

    def remove_passkey(self, key_id: str) -> None:
        self._transport.send("DELETE", f"/api/me/passkeys/{segment(key_id)}")

    def change_password(self, present: str, new: str) -> None:
        """Raises BadRequest when the present one is wrong or the new one cannot be; ends my other sessions."""
        self._transport.send("POST", "/api/me/password", ChangePassword(present=present, new=new))

    def sessions(self, *, account_id: str | None = None) -> list[SessionInfo]:
        """My sessions, newest first; an administrator may name another account."""
        return self._transport.get("/api/sessions", SessionList, {"account_id": account_id}).sessions

    def revoke_session(self, session_id: str) -> None:
        self._transport.send("POST", f"/api/sessions/{segment(session_id)}/revoke")

    def accounts(self) -> list[AccountInfo]:
        return self._transport.get("/api/accounts", AccountList).accounts

    def create(self, account: NewAccount) -> AccountInfo:
        return self._transport.post("/api/accounts", AccountInfo, account)

    def change(self, account_id: str, change: ChangeAccount) -> AccountInfo:
        return self._transport.patch(f"/api/accounts/{segment(account_id)}", AccountInfo, change)
