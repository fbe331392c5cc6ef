"""References inside a resource's bytes: found, understood and replaced without touching anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

REFERENCE = re.compile(rb'("reference"\s*:\s*)("[^"\\]*(?:\\.[^"\\]*)*")')
"""With every JSON spelling of the text: many writers escape each slash of an address."""
CONDITIONAL = re.compile(r"[A-Z][A-Za-z]+\?.")
LOCAL = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z")
ABSOLUTE = re.compile(
    r"(https?://.+)/([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z"
)

Resolver = Callable[[str], str | None]
_text = msgspec.json.Decoder(str).decode


class Address(NamedTuple):
    """A resource on a server: 'https://there/fhir' and 'Patient/1'."""

    base: str
    local: str


def references(body: bytes) -> Iterator[str]:
    """Every literal reference in a resource, unescaped. One that is no JSON text is left to the structural check."""
    for found in REFERENCE.finditer(body):
        text = _unescaped(found.group(2))
        if text:
            yield text


def is_temporary(reference: str) -> bool:
    """True for a reference that only means something inside its Bundle."""
    return reference.startswith(("urn:uuid:", "urn:oid:"))


def is_conditional(reference: str) -> bool:
    """True for 'Practitioner?identifier=…': to be looked up, not followed."""
    return CONDITIONAL.match(reference) is not None


def local_reference(reference: str) -> str | None:
    """'Patient/1' from 'Patient/1' or 'Patient/1/_history/2'; None from others.

    Another server's 'https://there/Patient/1' is no patient of ours.
    """
    found = LOCAL.match(reference)
    return found.group(1) if found else None


def named_type(reference: str) -> str | None:
    """The type that a literal reference names, on this server or another; None when it names none."""
    found = LOCAL.match(reference) or ABSOLUTE.match(reference)
    return found.group(found.lastindex).partition("/")[0] if found else None


def address(url: str | None) -> Address | None:
    """The server and the resource of an absolute reference, its version left out; None from others."""
    found = ABSOLUTE.match(url or "")
    return Address(found.group(1), found.group(2)) if found else None


def in_bundle(reference: str, full_url: str | None, targets: Mapping[str, str | None]) -> str | None:
    """What a reference means among the entries of its Bundle; None when it leads to none of them.

    `full_url` is that of the entry which refers: a relative reference stands on its server. `targets` says what each
    fullUrl stands for. Source: FHIR R4, resolving references in Bundles (bundle.html#references).
    """
    if reference in targets:
        return targets[reference]
    there, local = address(reference), local_reference(reference)
    if local and (referrer := address(full_url)):
        there = Address(referrer.base, local)
    target = targets.get("/".join(there)) if there else None
    return None if target == local else target


def rewrite(body: bytes, resolve: Resolver) -> bytes:
    """The body with each reference replaced by what `resolve` gives for it; None leaves it as it is."""

    def replace(found: re.Match[bytes]) -> bytes:
        text = _unescaped(found.group(2))
        target = resolve(text) if text else None
        return found.group(0) if target in (None, text) else b'%b"%b"' % (found.group(1), target.encode())

    return REFERENCE.sub(replace, body)


def _unescaped(literal: bytes) -> str | None:
    try:
        return _text(literal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
