"""References inside a resource's bytes: found, looked up and replaced without touching anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

REFERENCE = re.compile(rb'("reference"\s*:\s*")([^"\\]+)(")')
CONDITIONAL = re.compile(rb"^[A-Z][A-Za-z]+\?.")

Resolver = Callable[[str], str | None]


def references(body: bytes) -> Iterator[str]:
    """Every literal reference in a resource, as written."""
    return (found.group(2).decode() for found in REFERENCE.finditer(body))


def is_temporary(reference: str) -> bool:
    """True for a reference that only means something inside its Bundle."""
    return reference.startswith(("urn:uuid:", "urn:oid:"))


def is_conditional(reference: str) -> bool:
    """True for 'Practitioner?identifier=…': to be looked up, not followed."""
    return CONDITIONAL.match(reference.encode()) is not None


def rewrite(body: bytes, resolve: Resolver) -> bytes:
    """The body with each reference replaced by what `resolve` gives for it; None leaves it as it is."""

    def replace(found: re.Match[bytes]) -> bytes:
        target = resolve(found.group(2).decode())
        return found.group(0) if target is None else found.group(1) + target.encode() + found.group(3)

    return REFERENCE.sub(replace, body)
