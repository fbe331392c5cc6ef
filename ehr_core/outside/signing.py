"""Signs what this server sends out: ES384, under a key that can be changed while receivers still know the last one.

No private key is stored: each generation's is derived from the installation's secret.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from sqlalchemy import Connection, text

from ehr_core.access.sealing import derive_key
from ehr_core.access.unit_of_work import UnitOfWork

ALGORITHM = "ES384"
P384_ORDER = int(
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
)
"""Order of the P-384 base point. Source: FIPS 186-4, D.1.2.4."""
KEPT_FOR = timedelta(days=7)
"""A replaced key is published so long: what it signed may still be on its way, and receivers keep key sets."""
KEYS_PATH = "/auth/outside-keys"
TOKEN_LIFE = timedelta(minutes=5)

GENERATIONS = text("SELECT generation, begun_at FROM access.outside_key ORDER BY generation DESC")
BEGIN = text("INSERT INTO access.outside_key (begun_at, begun_by) VALUES (:now, :by) RETURNING generation")


class OutsideSigner:
    """`issuer` is this server as the receivers know it."""

    def __init__(self, signing_secret: str, issuer: str):
        self._secret = signing_secret
        self.issuer = issuer
        self._keys: dict[int, ECKey] = {}

    def token(self, connection: Connection, claims: dict[str, Any]) -> str:
        """A JSON Web Token with these claims."""
        key = self._current(connection)
        return jwt.encode(self._header(key), claims, key, algorithms=[ALGORITHM])

    def detached(self, connection: Connection, body: bytes, *, audience: str, now: datetime) -> str:
        """A signature over the body without the body in it. Source: RFC 7515, appendix F.

        The header says to whom and when: nobody can send it on to somebody else as ours.
        """
        key = self._current(connection)
        header = self._header(key) | {"typ": "JOSE", "aud": audience, "iat": int(now.timestamp())}
        registry = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
        whole = jws.serialize_compact(header, body, key, registry=registry)
        head, _, signature = whole.split(".")
        return f"{head}..{signature}"

    def public_keys(self, connection: Connection, now: datetime) -> dict[str, Any]:
        """The key set with the present key first, and those that were replaced not long ago."""
        listed, replaced_at = [], None
        for generation, begun_at in _generations(connection):
            if replaced_at is None or now - replaced_at < KEPT_FOR:
                listed.append(self._key(generation).as_dict(private=False))
            replaced_at = begun_at
        return {"keys": listed}

    def _header(self, key: ECKey) -> dict[str, Any]:
        return {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT", "jku": f"{self.issuer}{KEYS_PATH}"}

    def _current(self, connection: Connection) -> ECKey:
        return self._key(_generations(connection)[0][0])

    def _key(self, generation: int) -> ECKey:
        if generation not in self._keys:
            material = int.from_bytes(derive_key(self._secret, f"outside-es384:{generation}", 64), "big")
            private = ec.derive_private_key(material % (P384_ORDER - 1) + 1, ec.SECP384R1())
            key = ECKey.import_key(private, {"use": "sig", "alg": ALGORITHM})
            key.ensure_kid()
            self._keys[generation] = key
        return self._keys[generation]


def change_key(work: UnitOfWork) -> int:
    """From now on a new key signs; the last one stays published for a while. Returns the new generation."""
    work.actor.require("access.manage")
    begun = work.connection.execute(BEGIN, {"now": work.now(), "by": work.actor.actor_id}).scalar_one()
    work.audit("outside_key_changed", detail={"generation": begun})
    return begun


def _generations(connection: Connection) -> list[tuple[int, datetime | None]]:
    """The newest first; generation 0 was always there."""
    return [*((row.generation, row.begun_at) for row in connection.execute(GENERATIONS)), (0, None)]
