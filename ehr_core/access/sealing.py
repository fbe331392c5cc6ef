"""Keys derived from the installation's signing secret, and AES-256-GCM sealing under one of them."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class NotSealedHere(ValueError):
    """The sealed bytes were altered, or sealed for another purpose or under another key."""


def derive_key(master: str, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose. Different purposes give unrelated keys."""
    return HKDF(algorithm=SHA256(), length=length, salt=b"almoner", info=purpose.encode()).derive(
        master.encode()
    )


class Seal:
    """Encrypts and authenticates small values. `context` must be the same at opening: it binds the owner."""

    def __init__(self, master: str, purpose: str):
        self._cipher = AESGCM(derive_key(master, purpose))

    def close(self, value: bytes, context: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The value; raises NotSealedHere for anything that this seal did not close for this context."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise NotSealedHere("not sealed here") from error
