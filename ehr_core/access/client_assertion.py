"""An application proves itself by a signed assertion (private_key_jwt): RS384 or ES384, five minutes, once.

Where its header says that keys are (`jku`) is never called: it has to be the registered address where there is one.

Source: HL7 SMART App Launch 2.2, Client Authentication: Asymmetric.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import Connection, text

from ehr_core.access.applications import Application

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
"""No other is looked at: not `none`, and no HMAC that would take a public key for a shared one."""

LONGEST_LIFE = timedelta(minutes=5)
CLOCK_DRIFT = timedelta(seconds=30)


def claims_of(application: Application, assertion: str) -> dict[str, Any] | None:
    """The claims of an assertion that one of the application's keys signed; None for any other."""
    if not application.jwks or not _names_no_other_keys(application, _part(assertion, 0)):
        return None
    try:
        keys = KeySet.import_key_set(application.jwks)
        return dict(jwt.decode(assertion, keys, algorithms=list(ALGORITHMS)).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def issuer_of(assertion: str) -> str | None:
    """Who the assertion says it is of. Nothing is believed yet: it only chooses the keys to check with."""
    issuer = _part(assertion, 1).get("iss")
    return issuer if isinstance(issuer, str) and issuer.isprintable() else None


def kid_of_good(application: Application, assertion: str, *, audience: str, now: datetime) -> str | None:
    """Which key it says to be signed with; None for an assertion that no key would make good.

    Nothing is believed yet: it only keeps what would be refused anyway from having keys fetched.
    """
    head, claims = _part(assertion, 0), _part(assertion, 1)
    kid = head.get("kid")
    fits = head.get("alg") in ALGORITHMS and _names_no_other_keys(application, head)
    if not isinstance(kid, str) or not fits:
        return None
    claims |= {"sub": application.client_id}  # the calls of hooks name none
    return kid if is_good(claims, application.client_id, audience=audience, now=now) else None


def is_good(claims: dict[str, Any], client_id: str, *, audience: str, now: datetime) -> bool:
    """Whether the claims are this application's, for us, and of now."""
    expires, identity = claims.get("exp"), claims.get("jti")
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        return False
    heard = claims.get("aud")
    if audience not in (heard if isinstance(heard, list) else [heard]):
        return False
    if not isinstance(identity, str) or not 1 <= len(identity) <= 200:
        return False
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return False
    begins = claims.get("nbf", 0)
    if isinstance(begins, bool) or not isinstance(begins, int | float):
        return False
    if begins > (now + CLOCK_DRIFT).timestamp():
        return False
    return now.timestamp() < expires <= (now + LONGEST_LIFE + CLOCK_DRIFT).timestamp()


def use_up(connection: Connection, client_id: str, claims: dict[str, Any], now: datetime) -> bool:
    """False when this assertion was used before; those that have expired are forgotten."""
    connection.execute(
        text("DELETE FROM access.assertion_used WHERE expires_at < :past"), {"past": now - CLOCK_DRIFT}
    )
    return (
        connection.execute(
            text(
                "INSERT INTO access.assertion_used (client_id, jti, expires_at) VALUES (:client, :jti, :expires) "
                "ON CONFLICT DO NOTHING"
            ),
            {
                "client": client_id,
                "jti": claims["jti"],
                "expires": datetime.fromtimestamp(claims["exp"], tz=now.tzinfo),
            },
        ).rowcount
        == 1
    )


def _names_no_other_keys(application: Application, head: dict[str, Any]) -> bool:
    """With keys that were registered themselves no address counts, as none is asked."""
    return application.jwks_uri is None or head.get("jku", application.jwks_uri) == application.jwks_uri


def _part(assertion: str, number: int) -> dict[str, Any]:
    """The header (0) or the claims (1), unproved; empty for what cannot be read."""
    try:
        part = assertion.split(".")[number]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
