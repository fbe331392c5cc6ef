"""Which account somebody has who signed in at the site's own identity provider. Without one nobody comes in.

An account is linked to a subject once: by an administrator, or by the claim that the site names. Accounts are made for
strangers only where the site says with which roles.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Connection, text

from ehr_core.access.accounts import create_account, find_account, normal_username
from ehr_core.access.actor import Actor
from ehr_core.access.outside_provider import Person
from ehr_core.access.roles import STAFF_ROLES
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound

LINKER = Actor(
    "service:outside-sign-in",
    "service",
    "The other sign-in",
    (),
    frozenset({"account.manage", "access.manage"}),
)
NEVER_MADE = frozenset({"admin"})
"""Roles that no claim gives anybody."""


def account_linked_to(connection: Connection, issuer: str, subject: str, now: datetime) -> str | None:
    return connection.execute(
        text(
            "UPDATE access.outside_identity SET last_used_at = :now WHERE issuer = :issuer AND subject = :subject "
            "RETURNING account_id"
        ),
        {"issuer": issuer, "subject": subject, "now": now},
    ).scalar_one_or_none()


def account_for(
    work: UnitOfWork, issuer: str, person: Person, *, claim: str | None, made_roles: frozenset[str]
) -> str | None:
    """The account of this person; None for a stranger. Links by the claim at the first sign-in, where one is named."""
    known = account_linked_to(work.connection, issuer, person.subject, work.now())
    if known is not None:
        return known
    username = _username(person, claim) if claim else None
    if username is None:
        return None
    found = work.connection.execute(
        text("SELECT id FROM access.account WHERE username = :username"), {"username": username}
    ).scalar_one_or_none()
    if found is None and made_roles:
        found = create_account(
            work,
            username=username,
            display_name=str(person.claims.get("name") or username)[:200],
            password=secrets.token_urlsafe(32),
            known_to="maker",
            roles=made_roles,
        )
    if found is not None:
        link(work, found, issuer, person.subject)
    return found


def link(work: UnitOfWork, account_id: str, issuer: str, subject: str) -> None:
    """Raises Conflict when either has another half already."""
    work.actor.require("account.manage")
    find_account(work, account_id)
    linked = work.connection.execute(
        text(
            "INSERT INTO access.outside_identity (issuer, subject, account_id, linked_at) "
            "VALUES (:issuer, :subject, :account, :now) ON CONFLICT DO NOTHING"
        ),
        {"issuer": issuer, "subject": subject, "account": account_id, "now": work.now()},
    ).rowcount
    if not linked:
        raise Conflict("This account or this person is linked already. Take that link away first.")
    work.audit("outside_identity_linked", resource_type="Account", resource_id=account_id)


def unlink(work: UnitOfWork, account_id: str) -> None:
    """Raises NotFound."""
    work.actor.require("account.manage")
    gone = work.connection.execute(
        text("DELETE FROM access.outside_identity WHERE account_id = :account"), {"account": account_id}
    ).rowcount
    if not gone:
        raise NotFound("This account is linked to nobody of the other sign-in.")
    work.audit("outside_identity_unlinked", resource_type="Account", resource_id=account_id)


def checked_roles(text_of_roles: str) -> frozenset[str]:
    """The roles that strangers' accounts are made with. Raises BadRequest for one that none may have."""
    roles = frozenset(text_of_roles.replace(" ", "").split(",")) - {""}
    wrong = sorted(roles - (STAFF_ROLES - NEVER_MADE))
    if wrong:
        raise BadRequest(f"ALMONER_OIDC_NEW_ACCOUNT_ROLES cannot give the role {', '.join(wrong)}.")
    return roles


def _username(person: Person, claim: str) -> str | None:
    value = person.claims.get(claim)
    if not isinstance(value, str) or (claim == "email" and person.claims.get("email_verified") is not True):
        return None
    try:
        return normal_username(value)
    except BadRequest:
        return None
