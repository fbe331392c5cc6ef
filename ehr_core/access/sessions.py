"""Sessions and the short-lived tokens issued under them. Every call looks both up: revocation works at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Row, text

from ehr_core.access.grant_rows import GRANT_COLUMNS, AppGrant, grant_of
from ehr_core.access.policy import SessionFacts
from ehr_core.access.proxies import Grant
from ehr_core.access.roles import RolePolicy
from ehr_core.db.database import looked_up

SEEN_EVERY = timedelta(minutes=1)
"""The last use of a session is written down at most this often."""

USERINFO_LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class SessionRow:
    """A session with what its account says at this moment."""

    sid: str
    client_id: str
    account_id: str
    display_name: str
    username: str
    practitioner_id: str | None
    address: str | None
    created_at: datetime
    facts: SessionFacts
    role_policies: dict[str, RolePolicy]
    birth_date: date | None
    acting_for: str | None
    proxies: tuple[tuple[Grant, date | None], ...]
    app_audience: tuple[str, ...] | None


@dataclass(frozen=True)
class TokenRow:
    """A live token; `session` is None for a service's."""

    client_id: str
    audience: str
    session: SessionRow | None
    expires_at: datetime
    grant: AppGrant | None = None
    scopes: tuple[str, ...] | None = None


SESSION_COLUMNS = """
  s.sid, s.client_id AS session_client_id, s.address, s.created_at, s.last_seen_at, s.ends_at, s.revoked_at,
  a.id AS account_id, a.display_name, a.username, a.practitioner_id, a.patient_id, a.roles, a.disabled, s.acting_for,
  CASE WHEN a.patient_id IS NOT NULL THEN access.birth_date_of(a.patient_id) END AS birth_date,
  (SELECT jsonb_object_agg(p.role, jsonb_build_array(p.reach, p.labels)) FROM access.role_policy p) AS role_policies,
  CASE WHEN 'proxy' = ANY(a.roles) THEN (
    SELECT jsonb_agg(jsonb_build_array(g.patient_id, g.relationship, g.scope, g.legally_renewed, g.starts_at, g.ends_at,
      access.birth_date_of(g.patient_id)) ORDER BY g.made_at, g.id)
    FROM access.proxy_grant g WHERE g.account_id = a.id AND g.ended_at IS NULL) END AS proxies,
  (SELECT p.audience FROM access.application p WHERE p.client_id = s.client_id AND NOT p.disabled) AS app_audience
"""


FIND_TOKEN = f"""
  SELECT t.client_id, t.audience, t.sid AS token_sid, t.expires_at AS token_expires_at, t.scopes AS token_scopes,
  {GRANT_COLUMNS}, {SESSION_COLUMNS}
  FROM access.access_token t
  LEFT JOIN access.app_grant g ON g.id = t.grant_id
  LEFT JOIN access.session s ON s.sid = t.sid
  LEFT JOIN access.account a ON a.id = s.account_id
  WHERE t.token_hash = %(token_hash)s AND t.expires_at > %(now)s
"""


def start_session(
    connection: Connection, *, account_id: str, client_id: str, address: str, now: datetime, life: timedelta
) -> str:
    """A new session's id."""
    sid = secrets.token_urlsafe(24)
    connection.execute(
        text(
            "INSERT INTO access.session"
            " (sid, account_id, client_id, address, created_at, last_seen_at, ends_at)"
            " VALUES (:sid, :account_id, :client_id, :address, :now, :now, :ends_at)"
        ),
        {
            "sid": sid,
            "account_id": account_id,
            "client_id": client_id,
            "address": address,
            "now": now,
            "ends_at": now + life,
        },
    )
    return sid


def find_session(connection: Connection, sid: str) -> SessionRow | None:
    row = connection.execute(
        text(
            f"SELECT {SESSION_COLUMNS} FROM access.session s"
            " JOIN access.account a ON a.id = s.account_id WHERE s.sid = :sid"
        ),
        {"sid": sid},
    ).one_or_none()
    return _session(row) if row else None


def sessions_of(connection: Connection, account_id: str, *, most: int = 50) -> list[SessionRow]:
    """An account's sessions, newest first, ended ones too."""
    rows = connection.execute(
        text(
            f"SELECT {SESSION_COLUMNS} FROM access.session s JOIN access.account a ON a.id = s.account_id"
            " WHERE s.account_id = :account_id ORDER BY s.created_at DESC, s.sid LIMIT :most"
        ),
        {"account_id": account_id, "most": most},
    )
    return [_session(row) for row in rows]


def is_to_be_noted(session: SessionRow, now: datetime) -> bool:
    return now - session.facts.last_seen_at >= SEEN_EVERY


def note_use(connection: Connection, session: SessionRow, now: datetime) -> None:
    """Moves the idle limit, at most once a minute."""
    if is_to_be_noted(session, now):
        connection.execute(
            text("UPDATE access.session SET last_seen_at = :now WHERE sid = :sid AND last_seen_at < :now"),
            {"now": now, "sid": session.sid},
        )


def end_session(connection: Connection, sid: str, *, why: str, now: datetime) -> bool:
    """Revokes a session; its tokens stop working at their next use. False when it had ended before."""
    result = connection.execute(
        text(
            "UPDATE access.session SET revoked_at = :now, revoked_why = :why"
            " WHERE sid = :sid AND revoked_at IS NULL"
        ),
        {"now": now, "why": why, "sid": sid},
    )
    return result.rowcount > 0


def end_all_sessions(
    connection: Connection, account_id: str, *, why: str, now: datetime, but: str | None = None
) -> int:
    """Revokes every session of an account (`but` one, when it is given); the number that were open."""
    return connection.execute(
        text(
            "UPDATE access.session SET revoked_at = :now, revoked_why = :why"
            " WHERE account_id = :account_id AND revoked_at IS NULL AND sid IS DISTINCT FROM :but"
        ),
        {"now": now, "why": why, "account_id": account_id, "but": but},
    ).rowcount


def issue_token(
    connection: Connection,
    *,
    client_id: str,
    sid: str | None,
    audience: str,
    expires_at: datetime,
    now: datetime,
    grant_id: str | None = None,
    scopes: Sequence[str] | None = None,
) -> str:
    """A new opaque token, an outside application's under its grant; only its hash is kept. Sweeps expired ones out."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        text(
            "INSERT INTO access.access_token (token_hash, client_id, sid, audience, expires_at, grant_id, scopes)"
            " VALUES (:token_hash, :client_id, :sid, :audience, :expires_at, :grant_id, :scopes)"
        ),
        {
            "token_hash": token_hash(token),
            "client_id": client_id,
            "sid": sid,
            "audience": audience,
            "expires_at": expires_at,
            "grant_id": grant_id,
            "scopes": None if scopes is None else list(scopes),
        },
    )
    sweep(connection, "access_token", "token_hash", before=now)
    return token


def sweep(connection: Connection, table: str, key: str, *, before: datetime) -> None:
    """Deletes some rows that expired before this time; two sweepers never wait for each other."""
    connection.execute(
        text(
            f"DELETE FROM access.{table} WHERE {key} IN (SELECT {key} FROM access.{table}"
            " WHERE expires_at < :before LIMIT 100 FOR UPDATE SKIP LOCKED)"
        ),
        {"before": before},
    )


def find_token(connection: Connection, token: str, now: datetime) -> TokenRow | None:
    """The token with its session, unless nobody issued it or it has expired."""
    row = looked_up(connection, FIND_TOKEN, {"token_hash": token_hash(token), "now": now})
    if row is None:
        return None
    return TokenRow(
        row.client_id,
        row.audience,
        _session(row) if row.token_sid else None,
        row.token_expires_at,
        grant_of(row) if row.grant_id else None,
        None if row.token_scopes is None else tuple(row.token_scopes),
    )


def token_hash(token: str) -> bytes:
    """Tokens are 256 random bits, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()


def _session(row: Row) -> SessionRow:
    return SessionRow(
        sid=row.sid,
        client_id=row.session_client_id,
        account_id=row.account_id,
        display_name=row.display_name,
        username=row.username,
        practitioner_id=row.practitioner_id,
        address=row.address,
        created_at=row.created_at,
        facts=SessionFacts(
            account_disabled=row.disabled,
            revoked=row.revoked_at is not None,
            last_seen_at=row.last_seen_at,
            ends_at=row.ends_at,
            roles=tuple(row.roles),
            patient_id=row.patient_id,
        ),
        role_policies={
            role: RolePolicy(reach, frozenset(labels))
            for role, (reach, labels) in (row.role_policies or {}).items()
        },
        birth_date=row.birth_date,
        acting_for=row.acting_for,
        proxies=tuple(_proxy(*given) for given in row.proxies or ()),
        app_audience=None if row.app_audience is None else tuple(row.app_audience),
    )


def _proxy(
    patient_id: str,
    relationship: str,
    scope: list[str],
    renewed: bool,
    starts: str,
    ends: str | None,
    born: str | None,
) -> tuple[Grant, date | None]:
    """A grant with the patient's day of birth, as the session's row tells it."""
    until = datetime.fromisoformat(ends) if ends else None
    grant = Grant(patient_id, relationship, frozenset(scope), renewed, datetime.fromisoformat(starts), until)
    return grant, date.fromisoformat(born) if born else None


def act_for(connection: Connection, sid: str, patient_id: str | None) -> None:
    """From the next call on the session looks at this patient's record; none: at its owner's own."""
    connection.execute(
        text("UPDATE access.session SET acting_for = :patient_id WHERE sid = :sid"),
        {"patient_id": patient_id, "sid": sid},
    )
