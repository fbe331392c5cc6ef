"""Signs the ID tokens of outside applications: RS256, the one algorithm that every SMART application reads.

Keys are made here, kept in the database sealed under the installation's secret, and replaced by themselves every
quarter; a replaced one is published for a day more.
Source: HL7 SMART App Launch 2.2, Scopes for requesting identity data.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import Connection, text

from ehr_core.access.sealing import NotSealedHere, Seal
from ehr_core.kernel.errors import BadRequest

ALGORITHM = "RS256"
KEY_BITS = 2048
KEY_LIFE = timedelta(days=90)
KEPT_FOR = timedelta(days=1)
"""An ID token is good for minutes; applications keep key sets for longer."""


class ApplicationTokenSigner:
    """One for each process; all of them share the keys of the database."""

    def __init__(self, signing_secret: str):
        self._seal = Seal(signing_secret, "id-token-rs256")
        self._opened: dict[str, RSAKey] = {}

    def sign(self, connection: Connection, claims: dict[str, Any], now: datetime) -> str:
        key = self._current(connection, now)
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key)

    def read(self, connection: Connection, token: str, now: datetime) -> dict[str, Any]:
        """The claims of a token that was signed here lately, expired or not. Raises BadRequest."""
        try:
            keys = KeySet([key for key, _ in self._published(connection, now)])
            return dict(jwt.decode(token, keys, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise BadRequest("The ID token was not issued here.") from error

    def public_keys(self, connection: Connection, now: datetime) -> list[dict[str, Any]]:
        """The present key first; made now where there is none, so that nobody keeps a set without it."""
        self._current(connection, now)
        return [key.as_dict(private=False) for key, _ in self._published(connection, now)]

    def _current(self, connection: Connection, now: datetime) -> RSAKey:
        newest = next(self._published(connection, now), None)
        if newest is not None and now - newest[1] < KEY_LIFE:
            return newest[0]
        return self._make(connection, now)

    def _published(self, connection: Connection, now: datetime) -> Iterator[tuple[RSAKey, datetime]]:
        """The newest first, each with when it was made; those that were sealed under another secret are none."""
        rows = connection.execute(
            text("SELECT kid, sealed, made_at FROM access.id_token_key ORDER BY made_at DESC, kid")
        )
        replaced_at = None
        for row in rows:
            key = self._opened.get(row.kid) or self._open(row.kid, bytes(row.sealed))
            if key is None or (replaced_at is not None and now - replaced_at >= KEPT_FOR):
                continue
            replaced_at = row.made_at
            yield key, row.made_at

    def _open(self, kid: str, sealed: bytes) -> RSAKey | None:
        try:
            key = RSAKey.import_key(
                self._seal.open(sealed, kid), {"use": "sig", "alg": ALGORITHM, "kid": kid}
            )
        except NotSealedHere:
            return None
        self._opened[kid] = key
        return key

    def _make(self, connection: Connection, now: datetime) -> RSAKey:
        """Two processes that make one at once have made two: both are published, and either is good."""
        key = RSAKey.generate_key(KEY_BITS, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        connection.execute(
            text("INSERT INTO access.id_token_key (kid, sealed, made_at) VALUES (:kid, :sealed, :now)"),
            {"kid": key.kid, "sealed": self._seal.close(key.as_pem(private=True), key.kid), "now": now},
        )
        self._opened[key.kid] = key
        return key
