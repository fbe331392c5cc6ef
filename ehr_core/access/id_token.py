"""Signs and reads our own apps' ID tokens: ES256 under a key derived from the installation's signing secret."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ehr_core.access.sealing import derive_key
from ehr_core.kernel.errors import BadRequest

ALGORITHM = "ES256"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the P-256 base point. Source: FIPS 186-4, D.1.2.3."""


class IdTokenSigner:
    """The issuer's key. The same secret gives the same key, so that a restart ends no session."""

    def __init__(self, signing_secret: str):
        material = int.from_bytes(derive_key(signing_secret, "id-token-es256", 48), "big")
        private_key = ec.derive_private_key(material % (P256_ORDER - 1) + 1, ec.SECP256R1())
        self._key = ECKey.import_key(private_key, {"use": "sig", "alg": ALGORITHM})
        self._key.ensure_kid()

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, claims, self._key)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that we signed. Does not look at its expiry: a logout may come late."""
        try:
            return dict(jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError) as error:
            raise BadRequest("The ID token was not issued here.") from error

    def public_key(self) -> dict[str, Any]:
        """What the apps verify with; holds no private part."""
        return self._key.as_dict(private=False)


def access_token_hash(access_token: str) -> str:
    """`at_hash`: left half of SHA-256. Source: OpenID Connect Core 1.0, 3.1.3.6."""
    digest = hashlib.sha256(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
