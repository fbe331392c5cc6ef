"""FHIR JSON in and out without losing a digit, and the few readings that every room makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.sealed_body import MARK_BYTES, opened

Resource = dict[str, Any]

MARK_TEXT = MARK_BYTES.decode()
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes | str) -> Resource:
    """A resource as a dict, sealed values opened; 7.10 becomes Decimal('7.10'), never a float.

    Raises BadRequest when it is not JSON.
    """
    if (MARK_BYTES if isinstance(body, bytes) else MARK_TEXT) in body:
        body = opened(body if isinstance(body, bytes) else body.encode())
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BadRequest("The resource is not valid JSON. Check that the whole of it was sent.") from error


def encode(resource: Mapping[str, Any]) -> bytes:
    """The resource as JSON; Decimal('7.10') is written 7.10."""
    return _encoder.encode(resource)


def without_empty(value: Any) -> Any:
    """The same value without nulls, empty lists and empty objects, which FHIR forbids."""
    if isinstance(value, Mapping):
        kept = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ([], {})}
    if isinstance(value, list):
        return [item for item in map(without_empty, value) if item is not None and item not in ([], {})]
    return value


def codings(concept: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Each (system, code) of a CodeableConcept; a coding without system gives ''."""
    for coding in (concept or {}).get("coding") or ():
        if coding.get("code"):
            yield coding.get("system", ""), coding["code"]


def codes(concept: Mapping[str, Any] | None) -> set[str]:
    """The codes of a CodeableConcept, whatever their systems: for FHIR's own required code lists only."""
    return {code for _, code in codings(concept)}


def words(concept: Mapping[str, Any] | None) -> str | None:
    """A CodeableConcept in words: its text, else the first display, else the first code; None when empty."""
    if not concept:
        return None
    listed = concept.get("coding") or ()
    displays = (coding.get("display") for coding in listed)
    return concept.get("text") or next(filter(None, displays), None) or next(iter(_bare_codes(listed)), None)


def _bare_codes(listed: Any) -> Iterator[str]:
    return (coding["code"] for coding in listed if coding.get("code"))


def reference_id(reference: Mapping[str, Any] | None, resource_type: str) -> str | None:
    """The id in a reference to that type ('Patient/42', absolute or versioned too); None for anything else."""
    parts = ((reference or {}).get("reference") or "").split("/")
    for place, part in enumerate(parts[:-1]):
        if part == resource_type:
            return parts[place + 1]
    return None


def extension(resource: Mapping[str, Any] | None, url: str) -> dict[str, Any] | None:
    """The first extension of that url; None when there is none."""
    listed = (resource or {}).get("extension") or ()
    return next((item for item in listed if item.get("url") == url), None)
