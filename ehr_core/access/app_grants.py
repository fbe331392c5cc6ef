"""What somebody allowed an outside application: its scopes and patient, and the refresh tokens that carry it on.

A refresh token works once and is replaced; one that comes back was stolen from somebody, and ends the grant.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, Row, text

from ehr_core.access.grant_rows import GRANT_COLUMNS, AppGrant, grant_of
from ehr_core.access.sessions import token_hash
from ehr_core.kernel.ids import new_id

LAUNCH_LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class Refreshed:
    outcome: Literal["good", "refused", "reused"]
    grant: AppGrant | None = None


def make_grant(
    connection: Connection,
    *,
    client_id: str,
    sid: str | None,
    scopes: Sequence[str],
    patient_id: str | None,
    encounter_id: str | None,
    now: datetime,
    life: timedelta,
) -> str:
    grant_id = new_id()
    connection.execute(
        text(
            "INSERT INTO access.app_grant (id, client_id, sid, scopes, patient_id, encounter_id, created_at, ends_at) "
            "VALUES (:id, :client_id, :sid, :scopes, :patient_id, :encounter_id, :now, :ends_at)"
        ),
        {
            "id": grant_id,
            "client_id": client_id,
            "sid": sid,
            "scopes": list(scopes),
            "patient_id": patient_id,
            "encounter_id": encounter_id,
            "now": now,
            "ends_at": now + life,
        },
    )
    return grant_id


def find_grant(connection: Connection, grant_id: str) -> AppGrant | None:
    row = connection.execute(
        text(f"SELECT {GRANT_COLUMNS} FROM access.app_grant g WHERE g.id = :id"), {"id": grant_id}
    ).one_or_none()
    return grant_of(row) if row else None


def revoke_grant(connection: Connection, grant_id: str, *, why: str, now: datetime) -> bool:
    """Its access tokens and refresh tokens stop working at their next use. False when it had ended before."""
    return (
        connection.execute(
            text(
                "UPDATE access.app_grant SET revoked_at = :now, revoked_why = :why "
                "WHERE id = :id AND revoked_at IS NULL"
            ),
            {"id": grant_id, "now": now, "why": why},
        ).rowcount
        == 1
    )


def issue_refresh_token(connection: Connection, grant: AppGrant) -> str:
    """A new one; only its hash is kept. It lives as long as its grant."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        text("INSERT INTO access.refresh_token (token_hash, grant_id) VALUES (:hash, :grant)"),
        {"hash": token_hash(token), "grant": grant.grant_id},
    )
    return token


def use_refresh_token(connection: Connection, token: str, *, client_id: str, now: datetime) -> Refreshed:
    """Uses it up. Does not raise, so that the caller can commit the end of a grant whose token came back."""
    row = connection.execute(
        text(
            f"SELECT t.used_at, t.token_hash, {GRANT_COLUMNS} FROM access.refresh_token t "
            "JOIN access.app_grant g ON g.id = t.grant_id "
            "WHERE t.token_hash = :hash AND g.client_id = :client FOR UPDATE OF t, g"
        ),
        {"hash": token_hash(token), "client": client_id},
    ).one_or_none()
    if row is None:
        return Refreshed("refused")
    grant = grant_of(row)
    if row.used_at is not None:
        return Refreshed("reused", grant)
    if grant.revoked or now >= grant.ends_at:
        return Refreshed("refused", grant)
    connection.execute(
        text("UPDATE access.refresh_token SET used_at = :now WHERE token_hash = :hash"),
        {"now": now, "hash": row.token_hash},
    )
    return Refreshed("good", grant)


def grant_of_refresh_token(connection: Connection, token: str) -> AppGrant | None:
    """The grant of a refresh token that has not been used; for revoking and introspection."""
    row = connection.execute(
        text(
            f"SELECT {GRANT_COLUMNS} FROM access.refresh_token t JOIN access.app_grant g ON g.id = t.grant_id "
            "WHERE t.token_hash = :hash AND t.used_at IS NULL"
        ),
        {"hash": token_hash(token)},
    ).one_or_none()
    return grant_of(row) if row else None


def client_of_refresh_token(connection: Connection, token: str) -> str | None:
    """The application of a refresh token, used or not."""
    return connection.execute(
        text(
            "SELECT g.client_id FROM access.refresh_token t JOIN access.app_grant g ON g.id = t.grant_id "
            "WHERE t.token_hash = :hash"
        ),
        {"hash": token_hash(token)},
    ).scalar_one_or_none()


@dataclass(frozen=True)
class Launch:
    account_id: str
    patient_id: str
    encounter_id: str | None


def make_launch(
    connection: Connection,
    *,
    client_id: str,
    account_id: str,
    patient_id: str,
    encounter_id: str | None,
    now: datetime,
) -> str:
    """The opaque `launch` that an application sends back: which chart was open, and who opened it there."""
    launch = secrets.token_urlsafe(24)
    connection.execute(
        text(
            "INSERT INTO access.launch (launch_hash, client_id, account_id, patient_id, encounter_id, expires_at) "
            "VALUES (:hash, :client, :account, :patient, :encounter, :expires)"
        ),
        {
            "hash": token_hash(launch),
            "client": client_id,
            "account": account_id,
            "patient": patient_id,
            "encounter": encounter_id,
            "expires": now + LAUNCH_LIFE,
        },
    )
    return launch


def use_launch(
    connection: Connection, launch: str, *, client_id: str, account_id: str, now: datetime
) -> Launch | None:
    """Uses it up; None unless it was made for this application and this very account, and is fresh."""
    row = connection.execute(
        text(
            "DELETE FROM access.launch WHERE launch_hash = :hash AND client_id = :client AND account_id = :account "
            "RETURNING account_id, patient_id, encounter_id, expires_at"
        ),
        {"hash": token_hash(launch), "client": client_id, "account": account_id},
    ).one_or_none()
    if row is None or now >= row.expires_at:
        return None
    return Launch(row.account_id, row.patient_id, row.encounter_id)


@dataclass(frozen=True)
class OfApplication:
    """What a session is for, where it is an outside application's."""

    name: str
    lasts: bool
    ended: bool


def applications_of(connection: Connection, sids: Sequence[str], now: datetime) -> dict[str, OfApplication]:
    """By session; those of our own applications are not among them."""
    rows = connection.execute(
        text(
            "SELECT g.sid, p.name, 'offline_access' = ANY(g.scopes) AS lasts, "
            "g.revoked_at IS NOT NULL OR g.ends_at <= :now OR p.disabled AS ended "
            "FROM access.app_grant g JOIN access.application p ON p.client_id = g.client_id WHERE g.sid = ANY(:sids)"
        ),
        {"sids": list(sids), "now": now},
    )
    return {row.sid: OfApplication(row.name, row.lasts, row.ended) for row in rows}


def grants_of_account(connection: Connection, account_id: str, now: datetime) -> list[Row]:
    """The applications that somebody has let in and that still are, newest first."""
    return list(
        connection.execute(
            text(
                "SELECT g.id, g.client_id, p.name, g.scopes, g.patient_id, g.created_at, g.ends_at "
                "FROM access.app_grant g JOIN access.session s ON s.sid = g.sid "
                "JOIN access.application p ON p.client_id = g.client_id "
                "WHERE s.account_id = :account AND g.revoked_at IS NULL AND s.revoked_at IS NULL AND g.ends_at > :now "
                "ORDER BY g.created_at DESC, g.id"
            ),
            {"account": account_id, "now": now},
        )
    )
