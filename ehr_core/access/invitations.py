"""Invitations and resets: a link for a single use, by which its owner chooses a password that nobody else has seen."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, Row, text

from ehr_core.access import audit
from ehr_core.access.accounts import find_account, store_password
from ehr_core.access.actor import Actor
from ehr_core.access.passwords import hash_password
from ehr_core.access.sessions import end_all_sessions, token_hash
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest

Purpose = Literal["invite", "reset"]
GOOD_FOR: dict[Purpose, timedelta] = {"invite": timedelta(days=3), "reset": timedelta(hours=1)}

NOT_GOOD = (
    "This link is not good any more: it was used, is too old, or a newer one was made. Ask for a new one."
)


def invite(work: UnitOfWork, account_id: str, purpose: Purpose) -> str:
    """The link's token; links made before for the account are good no more, and a reset ends its sessions."""
    work.actor.require("account.manage")
    find_account(work, account_id)
    now, token = work.now(), secrets.token_urlsafe(32)
    work.connection.execute(
        text(
            "UPDATE access.invitation SET expires_at = :now WHERE account_id = :id AND used_at IS NULL "
            "AND expires_at > :now"
        ),
        {"id": account_id, "now": now},
    )
    work.connection.execute(
        text(
            "INSERT INTO access.invitation (token_hash, account_id, purpose, made_by, made_at, expires_at) "
            "VALUES (:hash, :id, :purpose, :by, :now, :expires)"
        ),
        {
            "hash": token_hash(token),
            "id": account_id,
            "purpose": purpose,
            "by": work.actor.actor_id,
            "now": now,
            "expires": now + GOOD_FOR[purpose],
        },
    )
    if purpose == "reset":
        end_all_sessions(work.connection, account_id, why="password_reset", now=now)
    work.audit("invitation_made", resource_type="Account", resource_id=account_id, detail={"for": purpose})
    return token


def is_good(connection: Connection, token: str, now: datetime) -> bool:
    """For showing the page; the link is used up by choosing a password alone, so that a preview does not spend it."""
    return _found(connection, token, now, lock=False) is not None


def accept(connection: Connection, token: str, password: str, now: datetime) -> None:
    """Sets the password and uses the link up. Raises BadRequest, saying what to do; a weak password leaves it good."""
    row = _found(connection, token, now, lock=True)
    if row is None:
        raise BadRequest(NOT_GOOD)
    hash_password(password, username=row.username)
    store_password(connection, row.account_id, row.username, password, "owner", now)
    connection.execute(
        text("UPDATE access.invitation SET used_at = :now WHERE token_hash = :hash"),
        {"now": now, "hash": token_hash(token)},
    )
    end_all_sessions(connection, row.account_id, why="password_changed", now=now)
    owner = Actor(row.account_id, "user", row.display_name, tuple(row.roles), frozenset())
    audit.record(
        connection,
        owner,
        now,
        "invitation_accepted",
        resource_type="Account",
        resource_id=row.account_id,
        detail={"for": row.purpose},
    )


def _found(connection: Connection, token: str, now: datetime, *, lock: bool) -> Row | None:
    return connection.execute(
        text(
            "SELECT i.account_id, i.purpose, a.username, a.display_name, a.roles FROM access.invitation i "
            "JOIN access.account a ON a.id = i.account_id WHERE i.token_hash = :hash AND i.used_at IS NULL "
            "AND i.expires_at > :now AND NOT a.disabled" + (" FOR UPDATE OF i" if lock else "")
        ),
        {"hash": token_hash(token), "now": now},
    ).one_or_none()
