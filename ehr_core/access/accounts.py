"""Accounts: made, changed and closed by an administrator, each act audited. Never deleted.

`known_to` says who knows a password: its `owner` alone, `everybody` (the demonstration's), or the `maker` of the
account too, and then it is good for one sign-in, at which its owner replaces it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from ehr_core.access.passwords import hash_password
from ehr_core.access.recovery_codes import forget_codes
from ehr_core.access.roles import STAFF_ROLES, check_account_roles
from ehr_core.access.sessions import end_all_sessions
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound
from ehr_core.kernel.ids import new_id

SITE = re.compile(r"Organization/[A-Za-z0-9\-.]{1,64}")
KnownTo = Literal["owner", "everybody", "maker"]


@dataclass(frozen=True)
class Account:
    """An account without its secrets."""

    account_id: str
    username: str
    display_name: str
    roles: tuple[str, ...]
    practitioner_id: str | None
    patient_id: str | None
    totp_enabled: bool
    disabled: bool
    created_at: datetime


ACCOUNT_COLUMNS = (
    "id, username, display_name, roles, practitioner_id, patient_id, totp_enabled, disabled, created_at"
)


def create_account(
    work: UnitOfWork,
    *,
    username: str,
    display_name: str,
    password: str,
    roles: Collection[str],
    practitioner_id: str | None = None,
    patient_id: str | None = None,
    known_to: KnownTo = "owner",
) -> str:
    """Makes an account and returns its id. User names are kept in lower case and belong to one account."""
    work.actor.require("account.manage")
    username = normal_username(username)
    checked_roles = check_account_roles(roles, patient_id=patient_id)
    account_id, now = new_id(), work.clock.now()
    values = {
        "id": account_id,
        "username": username,
        "display_name": _display_name(display_name),
        "password_hash": hash_password(password, username=username),
        "known_to": known_to,
        "roles": list(checked_roles),
        "practitioner_id": practitioner_id,
        "patient_id": patient_id,
        "now": now,
    }
    try:
        with work.connection.begin_nested():
            work.connection.execute(
                text(
                    "INSERT INTO access.account (id, username, display_name, password_hash, known_to, roles,"
                    " practitioner_id, patient_id, created_at, password_changed_at) VALUES (:id, :username,"
                    " :display_name, :password_hash, :known_to, :roles, :practitioner_id, :patient_id, :now,"
                    " :now)"
                ),
                values,
            )
    except IntegrityError as error:
        raise Conflict("This user name is taken. Choose another.") from error
    work.audit(
        "account_created",
        resource_type="Account",
        resource_id=account_id,
        patient_id=patient_id,
        detail={"roles": list(checked_roles)},
    )
    return account_id


def find_account(work: UnitOfWork, account_id: str) -> Account:
    row = work.connection.execute(
        text(f"SELECT {ACCOUNT_COLUMNS} FROM access.account WHERE id = :id"), {"id": account_id}
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such account.")
    return _account(row)


def find_account_named(work: UnitOfWork, username: str) -> Account:
    """The account of a user name, for whoever manages accounts. Raises NotFound, which names it."""
    work.actor.require("account.manage")
    row = work.connection.execute(
        text(f"SELECT {ACCOUNT_COLUMNS} FROM access.account WHERE username = :username"),
        {"username": username.strip().lower()},
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no account '{username.strip().lower()}'.")
    return _account(row)


def list_accounts(work: UnitOfWork) -> list[Account]:
    """Every account, by user name."""
    work.actor.require("account.manage")
    rows = work.connection.execute(text(f"SELECT {ACCOUNT_COLUMNS} FROM access.account ORDER BY username"))
    return [_account(row) for row in rows]


def staff_members(work: UnitOfWork, *, roles: Collection[str] = STAFF_ROLES) -> list[Account]:
    """Open staff accounts with one of these roles, by name: who can own a task. Says nothing about patients."""
    rows = work.connection.execute(
        text(
            f"SELECT {ACCOUNT_COLUMNS} FROM access.account"
            " WHERE NOT disabled AND patient_id IS NULL AND roles && :roles ORDER BY display_name, id"
        ),
        {"roles": sorted(set(roles) & STAFF_ROLES)},
    )
    return [_account(row) for row in rows]


def change_roles(work: UnitOfWork, account_id: str, roles: Collection[str]) -> Account:
    """Counts from the account's next call on, in open sessions too."""
    work.actor.require("account.manage")
    account = find_account(work, account_id)
    checked = check_account_roles(roles, patient_id=account.patient_id)
    if account_id == work.actor.actor_id and "admin" not in checked:
        raise BadRequest("You cannot take the admin role from yourself. Ask another administrator.")
    work.connection.execute(
        text("UPDATE access.account SET roles = :roles WHERE id = :id"),
        {"roles": list(checked), "id": account_id},
    )
    work.audit(
        "account_roles_changed",
        resource_type="Account",
        resource_id=account_id,
        detail={"before": list(account.roles), "after": list(checked)},
    )
    return find_account(work, account_id)


def set_sites(work: UnitOfWork, account_id: str, sites: Collection[str]) -> None:
    """The organizations (each as Organization/id) whose patients a role of reach 'site' opens, from now on."""
    work.actor.require("access.manage")
    find_account(work, account_id)
    wrong = [one for one in sites if not SITE.fullmatch(one)]
    if wrong:
        raise BadRequest(f"'{wrong[0][:80]}' is no site. Write Organization/ and the id of the organization.")
    work.connection.execute(
        text("UPDATE access.account SET sites = :sites WHERE id = :id"),
        {"sites": sorted(set(sites)), "id": account_id},
    )
    work.audit(
        "account_sites_set",
        resource_type="Account",
        resource_id=account_id,
        detail={"sites": sorted(set(sites))},
    )


def set_disabled(work: UnitOfWork, account_id: str, disabled: bool) -> Account:
    """Closes an account, which ends its sessions at once, or opens it again."""
    work.actor.require("account.manage")
    if account_id == work.actor.actor_id:
        raise BadRequest("You cannot disable your own account. Ask another administrator.")
    find_account(work, account_id)
    work.connection.execute(
        text("UPDATE access.account SET disabled = :disabled WHERE id = :id"),
        {"disabled": disabled, "id": account_id},
    )
    if disabled:
        end_all_sessions(work.connection, account_id, why="account_disabled", now=work.clock.now())
    act = "account_disabled" if disabled else "account_enabled"
    work.audit(act, resource_type="Account", resource_id=account_id)
    return find_account(work, account_id)


def reset_second_factor(work: UnitOfWork, account_id: str) -> Account:
    """For a lost phone: takes the second factor, its recovery codes and all passkeys away, and ends the sessions."""
    work.actor.require("account.manage")
    find_account(work, account_id)
    work.connection.execute(
        text("UPDATE access.account SET totp_enabled = false, totp_secret = NULL WHERE id = :id"),
        {"id": account_id},
    )
    forget_codes(work, account_id)
    work.connection.execute(text("DELETE FROM access.passkey WHERE account_id = :id"), {"id": account_id})
    end_all_sessions(work.connection, account_id, why="second_factor_reset", now=work.clock.now())
    work.audit("second_factor_reset", resource_type="Account", resource_id=account_id)
    return find_account(work, account_id)


def set_password(work: UnitOfWork, account_id: str, password: str, *, known_to: KnownTo = "owner") -> None:
    """A new password by an administrator; ends the account's sessions."""
    work.actor.require("account.manage")
    account, now = find_account(work, account_id), work.clock.now()
    store_password(work.connection, account_id, account.username, password, known_to, now)
    end_all_sessions(work.connection, account_id, why="password_changed", now=now)
    work.audit("account_password_set", resource_type="Account", resource_id=account_id)


def change_own_password(work: UnitOfWork, password: str) -> None:
    """After the old one was proved: a new password, which ends the account's other sessions."""
    account_id, now = work.actor.actor_id, work.clock.now()
    username = find_account(work, account_id).username
    store_password(work.connection, account_id, username, password, "owner", now)
    end_all_sessions(work.connection, account_id, why="password_changed", now=now, but=work.actor.session_id)
    work.audit("own_password_changed", resource_type="Account", resource_id=account_id)


def store_password(
    connection: Connection, account_id: str, username: str, password: str, known_to: KnownTo, now: datetime
) -> None:
    """The hash of a new password, which spends the links to choose one; whoever calls has asked and audits it."""
    connection.execute(
        text(
            "UPDATE access.account SET password_hash = :hash, known_to = :known_to, password_changed_at = :now"
            " WHERE id = :id"
        ),
        {
            "hash": hash_password(password, username=username),
            "known_to": known_to,
            "now": now,
            "id": account_id,
        },
    )
    connection.execute(
        text(
            "UPDATE access.invitation SET expires_at = :now"
            " WHERE account_id = :id AND used_at IS NULL AND expires_at > :now"
        ),
        {"id": account_id, "now": now},
    )


def normal_username(username: str) -> str:
    """User names are compared without case and without spaces around them.

    Latin letters, with accents or without, in their usual spelling: no name looks like another account's and is none.
    """
    normal = username.strip().lower()
    if not 1 <= len(normal) <= 100 or any(not character.isprintable() for character in normal):
        raise BadRequest("A user name has 1 to 100 printable characters.")
    bare = (one for one in unicodedata.normalize("NFKD", normal) if not unicodedata.combining(one))
    if unicodedata.normalize("NFKC", username.strip()) != username.strip() or not all(map(str.isascii, bare)):
        raise BadRequest("A user name is written with Latin letters, digits and signs of a usual keyboard.")
    return normal


def _display_name(name: str) -> str:
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= 200:
        raise BadRequest("A display name has 1 to 200 characters.")
    return trimmed


def _account(row: Row) -> Account:
    return Account(
        account_id=row.id,
        username=row.username,
        display_name=row.display_name,
        roles=tuple(row.roles),
        practitioner_id=row.practitioner_id,
        patient_id=row.patient_id,
        totp_enabled=row.totp_enabled,
        disabled=row.disabled,
        created_at=row.created_at,
    )
