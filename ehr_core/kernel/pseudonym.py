"""Pseudonyms: the one keyed function that de-identification and the core's crosswalk both use.

Without the key a pseudonym tells nothing about the id; with the same key the same resource always gets the same one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b

from ehr_core.kernel.errors import BadRequest

PSEUDONYM_BYTES = 16
KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True)
class PseudonymKey:
    """A secret with a name. The name travels with every row; the secret never leaves the core and the scrub step."""

    key_id: str
    secret: bytes = field(repr=False)
    _keyed: blake2b = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not KEY_ID.fullmatch(self.key_id):
            raise BadRequest("A pseudonym key's id has 1 to 64 letters, digits, '-' or '.'.")
        if len(self.secret) != KEY_BYTES:
            raise BadRequest(f"A pseudonym key has exactly {KEY_BYTES} secret bytes.")
        object.__setattr__(self, "_keyed", blake2b(key=self.secret, digest_size=PSEUDONYM_BYTES))

    def pseudonym(self, resource_type: str, resource_id: str) -> str:
        """32 lower-case hex digits, a valid FHIR id; different for the same id under another resource type."""
        keyed = self._keyed.copy()
        keyed.update(f"{resource_type}/{resource_id}".encode())
        return keyed.hexdigest()


def derive_key(master_key_hex: str, key_id: str) -> PseudonymKey:
    """The key named `key_id`, derived from the installation's master key: a rotation is a new `key_id`.

    Raises BadRequest when the master key is not 32 bytes in hex digits.
    """
    try:
        master = bytes.fromhex(master_key_hex)
    except ValueError as error:
        raise BadRequest("The pseudonym master key is not written in hex digits.") from error
    if len(master) != KEY_BYTES:
        raise BadRequest(f"The pseudonym master key has exactly {KEY_BYTES} bytes in hex digits.")
    secret = blake2b(key_id.encode(), key=master, digest_size=KEY_BYTES, person=b"almoner-pseudo").digest()
    return PseudonymKey(key_id, secret)
