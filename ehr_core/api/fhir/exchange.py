"""FHIR's use of HTTP: media types, versions as ETags, preferences. Reads headers, writes headers, nothing else."""

from __future__ import annotations

import re
from email.utils import format_datetime

import msgspec
from fastapi import Request
from starlette.responses import Response

from ehr_core.api.dependencies import Parts
from ehr_core.api.errors import FHIR_JSON
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.versions import StoredResource

JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json"})
JSON_FORMATS = JSON_TYPES | {"json", "*/*", "application/*", "text/*"}
FORM = "application/x-www-form-urlencoded"
VERSION_TAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})"')

CONTROLS = frozenset({"_format", "_pretty"})
"""Parameters that shape the answer and are no search criteria."""


class UnsupportedMediaType(BadRequest):
    http_status, fhir_issue_code = 415, "not-supported"


class NotAcceptable(BadRequest):
    http_status, fhir_issue_code = 406, "not-supported"


class _Head(msgspec.Struct):
    resourceType: str | None = None
    id: str | None = None


_head = msgspec.json.Decoder(_Head)


def require_json_body(request: Request) -> None:
    """Refuses a body that does not say that it is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        raise UnsupportedMediaType(f"Send the body as {FHIR_JSON}; nothing else is read here.")


def require_json_answer(request: Request) -> None:
    """Refuses a caller who wants something else than JSON."""
    asked = request.query_params.get("_format")
    accepted = asked.replace(" ", "+") if asked else request.headers.get("accept", "*/*")
    kinds = {kind.partition(";")[0].strip().lower() for kind in accepted.split(",")}
    if not kinds & JSON_FORMATS:
        raise NotAcceptable(f"Only {FHIR_JSON} is spoken here.")


def check_identity(body: bytes, resource_type: str, resource_id: str | None) -> None:
    """The body has to say the same type, and on an update the same id, as the address."""
    try:
        head = _head.decode(body)
    except msgspec.DecodeError as error:
        raise BadRequest(
            "The body is not a FHIR resource in JSON. Check that the whole of it was sent."
        ) from error
    if head.resourceType != resource_type:
        raise BadRequest(f"The body's resourceType is not {resource_type}, as the address says.")
    if resource_id is not None and head.id != resource_id:
        raise BadRequest("The id in the body is not the one in the address. Send the same id in both.")


def asked_version(request: Request) -> int | None:
    """The version of If-Match; None when there is none."""
    given = request.headers.get("if-match")
    if given is None:
        return None
    found = VERSION_TAG.fullmatch(given.strip())
    if found is None:
        raise BadRequest('If-Match has to name a version as this server gives it: W/"3".')
    return int(found[1])


def resource_response(request: Request, resource: StoredResource) -> Response:
    """A resource as it is stored, byte for byte; 304 when the caller has this version already."""
    headers = version_headers(resource)
    known = request.headers.get("if-none-match", "")
    if any(tag.strip() == resource.etag for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(resource.body, media_type=FHIR_JSON, headers=headers)


def written_response(request: Request, parts: Parts, resource: StoredResource, *, created: bool) -> Response:
    """The answer to a write: where the new version is, and its content unless the caller prefers none."""
    headers = version_headers(resource)
    headers["Location"] = f"{base_url(parts)}/{resource.reference}/_history/{resource.version_id}"
    body = b"" if "return=minimal" in request.headers.get("prefer", "") else resource.body
    return Response(body, status_code=201 if created else 200, media_type=FHIR_JSON, headers=headers)


def version_headers(resource: StoredResource) -> dict[str, str]:
    return {"ETag": resource.etag, "Last-Modified": format_datetime(resource.last_updated, usegmt=True)}


def base_url(parts: Parts) -> str:
    return f"{parts.settings.api_url}/fhir"
