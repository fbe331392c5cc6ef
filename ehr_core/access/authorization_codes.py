"""Authorization codes: one use, one minute, bound to the client, its redirect address and its PKCE challenge."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

from ehr_core.access.sessions import sweep, token_hash

CODE_LIFE = timedelta(seconds=60)

REMEMBERED_FOR = timedelta(days=1)
"""A used code is kept this long, so that a replay is recognised and ends the session."""

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A base64url SHA-256. Source: RFC 7636, 4.2."""

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""Source: RFC 7636, 4.1."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """What the app asked for, after it was found good."""

    client_id: str
    redirect_uri: str
    code_challenge: str
    scope: str
    state: str | None
    nonce: str | None
    launch: str | None = None


@dataclass(frozen=True)
class Redeemed:
    """The answer to a code: the session it opens; or, refused or replayed, the session that must end."""

    outcome: Literal["good", "refused", "replayed"]
    sid: str | None = None
    nonce: str | None = None
    scope: str = ""
    grant_id: str | None = None


def issue_code(
    connection: Connection,
    request: AuthorizationRequest,
    *,
    sid: str,
    now: datetime,
    grant_id: str | None = None,
) -> str:
    """`grant_id` is what somebody allowed an outside application."""
    code = secrets.token_urlsafe(32)
    connection.execute(
        text(
            "INSERT INTO access.authorization_code"
            " (code_hash, sid, client_id, redirect_uri, code_challenge, nonce, scope, expires_at, grant_id) VALUES"
            " (:code_hash, :sid, :client_id, :redirect_uri, :code_challenge, :nonce, :scope, :expires_at, :grant_id)"
        ),
        {
            "code_hash": token_hash(code),
            "sid": sid,
            "client_id": request.client_id,
            "redirect_uri": request.redirect_uri,
            "code_challenge": request.code_challenge,
            "nonce": request.nonce,
            "scope": request.scope,
            "expires_at": now + CODE_LIFE,
            "grant_id": grant_id,
        },
    )
    sweep(connection, "authorization_code", "code_hash", before=now - REMEMBERED_FOR)
    return code


def redeem_code(
    connection: Connection, code: str, *, client_id: str, redirect_uri: str, verifier: str, now: datetime
) -> Redeemed:
    """Uses a code up. Whatever is wrong with the request, its owner gets no second try with the same code.

    Does not raise, so that the caller can commit the spent code and end the session of a replayed one.
    """
    row = connection.execute(
        text("SELECT * FROM access.authorization_code WHERE code_hash = :code_hash FOR UPDATE"),
        {"code_hash": token_hash(code)},
    ).one_or_none()
    if row is None or row.client_id != client_id:
        return Redeemed("refused")
    if row.used_at is not None:
        return Redeemed("replayed", sid=row.sid, grant_id=row.grant_id)
    connection.execute(
        text("UPDATE access.authorization_code SET used_at = :now WHERE code_hash = :code_hash"),
        {"now": now, "code_hash": row.code_hash},
    )
    fits = row.redirect_uri == redirect_uri and challenge_matches(row.code_challenge, verifier)
    if not fits or now >= row.expires_at:
        return Redeemed("refused", sid=row.sid, grant_id=row.grant_id)
    return Redeemed("good", sid=row.sid, nonce=row.nonce, scope=row.scope, grant_id=row.grant_id)


def challenge_matches(challenge: str, verifier: str) -> bool:
    """PKCE with S256, the only method there is here."""
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(challenge, computed)
