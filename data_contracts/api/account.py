"""Accounts and sessions: who am I, where am I signed in, and what an administrator may change."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

ActorKind = Literal["user", "service", "patient"]


class Me(ApiModel):
    """Whoever the token belongs to, with the roles and permissions of this very moment."""

    account_id: str
    kind: ActorKind
    name: str
    roles: list[str]
    permissions: list[str]
    session_id: str | None = Field(description="Null for a service.")
    patient_id: str | None = Field(description="The person's own record; null for staff and services.")
    practitioner_id: str | None = None
    totp_enabled: bool = False
    recovery_codes_left: int = 0


class TotpRequest(ApiModel):
    """`enrol` makes a secret, `confirm` proves that the app has it, `disable` takes it away, `recovery_codes` makes new
    ones; the last three need a code."""

    act: Literal["enrol", "confirm", "disable", "recovery_codes"]
    code: str | None = Field(default=None, max_length=14)


class TotpState(ApiModel):
    """The secret and its address are shown once, when enrolling."""

    enabled: bool
    secret: str | None = None
    otpauth_uri: str | None = None
    recovery_codes: list[str] = Field(
        default=[], repr=False, description="Shown once; each good for one sign-in."
    )


class ChangePassword(ApiModel):
    """My own: the present one proves that an unlocked screen is still mine."""

    present: str = Field(max_length=256, repr=False)
    new: str = Field(min_length=12, max_length=256, repr=False)


class SessionInfo(ApiModel):
    """One sign-in. `ended` says why it counts no more; null while it is open."""

    session_id: str
    account_id: str
    account_name: str
    application: str
    address: str | None
    created_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    ended: str | None
    current: bool = Field(description="The session that this request came with.")


class SessionList(ApiModel):
    sessions: list[SessionInfo]


class AccountInfo(ApiModel):
    account_id: str
    username: str
    name: str
    roles: list[str]
    practitioner_id: str | None
    patient_id: str | None
    totp_enabled: bool
    disabled: bool
    created_at: datetime


class AccountList(ApiModel):
    accounts: list[AccountInfo]


class NewAccount(ApiModel):
    username: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=200)
    password: str | None = Field(
        default=None,
        min_length=12,
        max_length=256,
        repr=False,
        description="Good for one sign-in, at which its owner replaces it. Without one nobody can sign in until an "
        "invitation was accepted.",
    )
    roles: list[str] = Field(min_length=1)
    practitioner_id: str | None = None
    patient_id: str | None = None


class ChangeAccount(ApiModel):
    """Only what is given changes. Each change counts at the account's next call."""

    roles: list[str] | None = Field(default=None, min_length=1)
    disabled: bool | None = None
    reset_second_factor: bool = False
    sites: list[str] | None = Field(
        default=None, description="Organization/id of the places whose patients a role of reach site opens."
    )
    password: str | None = Field(default=None, min_length=12, max_length=256, repr=False)


class AskInvitation(ApiModel):
    """`invite` for a new account (three days), `reset` for a lost password (one hour; ends the sessions at once)."""

    purpose: Literal["invite", "reset"]


class Invitation(ApiModel):
    """Shown once: the link by which the account's owner chooses a password. Hand it over in a way that you trust."""

    address: str = Field(repr=False)


class PasskeyInfo(ApiModel):
    key_id: str
    name: str
    made_at: datetime
    last_used_at: datetime | None


class PasskeyList(ApiModel):
    passkeys: list[PasskeyInfo]


class AddPasskey(ApiModel):
    """The present password proves that an unlocked screen is still mine."""

    present: str = Field(max_length=256, repr=False)


class PasskeyPage(ApiModel):
    """Where the browser goes to add it; good for five minutes, for this session."""

    address: str = Field(repr=False)
