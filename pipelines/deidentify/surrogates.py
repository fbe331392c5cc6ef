"""Random record codes for the safe-harbor zone: not derived from any identifier (45 CFR 164.514(c))."""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping

SURROGATE_BYTES = 16


class RandomSurrogates:
    """Gives each resource a random code the first time that it is met, and the same one ever after.

    `known` holds the codes by (resource type, id). Hand in the mapping of an earlier run to keep its codes, or none
    to start anew; whoever holds it can turn the codes back, so it never enters the lake.
    """

    def __init__(self, key_id: str, known: MutableMapping[tuple[str, str], str] | None = None):
        self.key_id = key_id
        self.known = {} if known is None else known

    def pseudonym(self, resource_type: str, resource_id: str) -> str:
        key = (resource_type, resource_id)
        code = self.known.get(key)
        if code is None:
            code = self.known[key] = secrets.token_hex(SURROGATE_BYTES)
        return code
