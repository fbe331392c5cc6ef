"""Checks the structure of a resource on its way in: fast for the good, exact words for the bad.

One msgspec decode settles names, types, cardinality, codes and patterns; a few scans of the bytes find what a decode
cannot see (a key given twice, an empty object, a gap in a list), and explain.py settles those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from ehr_core.kernel.errors import BadRequest, InvalidResource, Issue, TooMuch
from ehr_core.kernel.fhir_definitions import is_resource
from ehr_core.store.explain import DEEPEST, explain
from ehr_core.store.inner_references import wrong_inner_types
from ehr_core.store.references import references
from ehr_core.store.structs import decoder

LARGEST_RESOURCE = 16 * 1024 * 1024
"""Bytes of one resource, attachments included."""
_encode = msgspec.json.Encoder().encode


def validate(resource_type: str, body: bytes) -> Struct:
    """The resource as a struct (see structs.py). Raises InvalidResource with every failing element's FHIRPath."""
    resource = _decoded(resource_type, body)
    contained = getattr(resource, "contained", UNSET)
    if contained is not UNSET:
        _validate_contained(resource_type, contained)
    if contained is not UNSET or b'"#' in body:
        _validate_inner_references(resource_type, body, () if contained is UNSET else contained)
    return resource


def _decoded(resource_type: str, body: bytes) -> Struct:
    """The struct, without a look into contained resources."""
    if len(body) > LARGEST_RESOURCE:
        raise ResourceTooLarge(f"A resource has at most {LARGEST_RESOURCE // 1024**2} MB.")
    try:
        resource = decoder(resource_type).decode(body)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidResource(_explained(resource_type, body, error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(error) from None
    if is_doubtful(msgspec.json.format(body, indent=-1), resource) and (
        issues := explain(resource_type, body)
    ):
        raise InvalidResource(issues)
    return resource


class ResourceTooLarge(TooMuch):
    http_status, fhir_issue_code = 413, "too-long"


class NotJson(BadRequest):
    """The bytes are not JSON in UTF-8. Says where, not what."""

    def __init__(self, error: ValueError):
        found = re.search(r"\(byte (\d+)\)", str(error))
        where = f" (byte {found.group(1)})" if found else ""
        super().__init__(f"The resource is not valid JSON in UTF-8{where}.")


def is_doubtful(tight: bytes, decoded: Any) -> bool:
    """True when the decode alone cannot tell that what was decoded from this JSON without spaces is good.

    A key given twice is decoded once, so the struct encodes to fewer colons; an escaped character could hide that.
    """
    if b"null" in tight or b"{}" in tight or b"[]" in tight or b"\\u00" in tight:
        return True
    return _encode(decoded).count(b":") != tight.count(b":")


def _validate_contained(resource_type: str, contained: list[Raw]) -> None:
    """Contained resources, each as its own type; they contain nothing themselves."""
    for index, raw in enumerate(contained):
        path, body = f"{resource_type}.contained[{index}]", bytes(raw)
        inner_type = peek_type(body)
        if inner_type is None or not is_resource(inner_type):
            raise InvalidResource([Issue(f"{path}.resourceType", "must name a resource type")])
        if b'"contained"' in body and "contained" in msgspec.json.decode(body, type=dict[str, Raw]):
            raise InvalidResource([Issue(f"{path}.contained", "is not allowed inside a contained resource")])
        try:
            _decoded(inner_type, body)
        except InvalidResource as error:
            inner = [
                Issue(f"{path}{issue.expression.removeprefix(inner_type)}", issue.message, issue.code)
                for issue in error.issues
            ]
            raise InvalidResource(inner) from None


class _Contained(msgspec.Struct):
    id: str = ""
    meta: dict[str, Raw] = {}


_contained = msgspec.json.Decoder(_Contained)


def _validate_inner_references(resource_type: str, body: bytes, contained: Sequence[Raw]) -> None:
    """'#id' leads to a contained resource, and those are of this version and label (FHIR's ref-1, dom-4, dom-5).

    That each of them is referred to (dom-3) is not asked: many senders leave one too many, and it harms nobody.
    """
    inner = [_contained.decode(raw) for raw in contained]
    ids = {each.id for each in inner}
    issues = [
        Issue(f"{resource_type}.reference", "is to a contained resource that is not there", "not-found")
        for reference in set(references(body))
        if reference.startswith("#") and reference != "#" and reference[1:] not in ids
    ]
    issues += wrong_inner_types(resource_type, body)
    issues += [
        Issue(
            f"{resource_type}.contained[{index}].meta", "has no version and no label of its own", "invariant"
        )
        for index, each in enumerate(inner)
        if each.meta.keys() & {"versionId", "lastUpdated", "security"}
    ]
    if issues:
        raise InvalidResource(issues)


class _Peek(msgspec.Struct):
    resourceType: Any = None


_peek = msgspec.json.Decoder(_Peek)


def peek_type(body: bytes) -> str | None:
    """The value of `resourceType`, unchecked; None when there is none. Raises NotJson."""
    try:
        found = _peek.decode(body).resourceType
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(error) from None
    except RecursionError:
        raise InvalidResource([Issue("Resource", f"is nested more than {DEEPEST} levels deep")]) from None
    return found if isinstance(found, str) else None


def _explained(resource_type: str, body: bytes, error: Exception) -> list[Issue]:
    issues = explain(resource_type, body)
    if issues:
        return issues
    found = re.search(r" - at `\$(.*)`$", str(error))
    return [
        Issue(f"{resource_type}{found.group(1) if found else ''}", "does not have the structure of its type")
    ]
