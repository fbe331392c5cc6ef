"""Which kind of patch a body is, by its media type or by the resource that carries it in a Bundle."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.conditional import Patched
from ehr_core.store.exact_json import parse, written
from ehr_core.store.fhirpath_patch import fhirpath_patched
from ehr_core.store.json_patch import json_patched
from ehr_core.store.validation import validate

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


def json_patch(patch: bytes) -> Patched:
    return lambda body: json_patched(body, patch)


def fhirpath_patch(patch: bytes) -> Patched:
    validate("Parameters", patch)
    return lambda body: fhirpath_patched(body, patch)


def merge_patch(patch: bytes) -> Patched:
    """RFC 7396: a part of the resource, in which null takes an element out. Lists are replaced whole."""
    changes = parse(patch, "The patch")
    if not isinstance(changes, dict):
        raise InvalidResource([Issue("patch", "must be a JSON object")])
    return lambda body: written(_merged(parse(body, "The resource"), changes))


def _merged(node: Any, changes: Any) -> Any:
    if not isinstance(changes, dict):
        return changes
    made = dict(node) if isinstance(node, dict) else {}
    for name, value in changes.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), value)
    return made


def bundled_patch(body: bytes) -> Patched:
    """A Parameters resource, or a Binary whose content is a JSON Patch. Raises InvalidResource."""
    carried: dict[str, Any] = parse(body, "The patch")
    if carried.get("resourceType") == "Parameters":
        return fhirpath_patch(body)
    if carried.get("contentType") != JSON_PATCH:
        raise InvalidResource([Issue("resource.contentType", f"must be {JSON_PATCH}")])
    try:
        return json_patch(base64.b64decode(carried.get("data", ""), validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise InvalidResource([Issue("resource.data", "must be base64")]) from None
