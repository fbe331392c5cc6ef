"""FHIR's use of HTTP: media types, versions as ETags, conditions, answers. Headers in, headers out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import Request
from starlette.responses import Response

from ehr_core.api.dependencies import Parts
from ehr_core.api.errors import FHIR_JSON, outcome_issues
from ehr_core.api.fhir.preferences import preferences
from ehr_core.kernel.errors import BadRequest, Issue
from ehr_core.store.subsets import SUMMARIES, Keep, elements, subset, summary
from ehr_core.store.versions import ANY_VERSION, StoredResource

JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json"})
JSON_FORMATS = JSON_TYPES | {"json", "*/*", "application/*", "text/*"}
FORM = "application/x-www-form-urlencoded"
VERSION_TAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,17})"')

OUR_VERSION = "4.0"
FHIR_VERSION = re.compile(r';\s*fhirversion\s*=\s*"?([^\s;",]+)', re.IGNORECASE)
"""Source: FHIR R4, 2.21.0.6.1: the MIME-type parameter names major and minor version."""

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


def media_type_of(request: Request) -> str:
    """What the body says it is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_json_body(request: Request) -> None:
    """Refuses a body that does not say that it is JSON."""
    ours = is_of_our_version(request.headers.get("content-type", ""))
    if media_type_of(request) not in JSON_TYPES or not ours:
        raise UnsupportedMediaType(
            f"Send the body as {FHIR_JSON}, in FHIR's version {OUR_VERSION}; nothing else is read here."
        )


def is_of_our_version(media_type: str) -> bool:
    """By its parameter fhirVersion; without one it is ours."""
    named = FHIR_VERSION.search(media_type)
    return named is None or named[1] == OUR_VERSION


def require_json_answer(request: Request) -> None:
    """Refuses a caller who wants something else than JSON."""
    asked = request.query_params.get("_format")
    accepted = asked.replace(" ", "+") if asked else accept_header(request)
    kinds = {
        kind.partition(";")[0].strip().lower() for kind in accepted.split(",") if is_of_our_version(kind)
    }
    if not kinds & JSON_FORMATS:
        raise NotAcceptable(f"Only {FHIR_JSON} is spoken here, in FHIR's version {OUR_VERSION}.")


def accept_header(request: Request) -> str:
    """Without the header, or with an empty one, anything is accepted. Source: RFC 9110, 12.5.1."""
    return request.headers.get("accept", "").strip() or "*/*"


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
    """The version of If-Match, which is ANY_VERSION for `*`; None when there is none."""
    given = request.headers.get("if-match")
    if given is None:
        return None
    if given.strip() == "*":
        return ANY_VERSION
    found = VERSION_TAG.fullmatch(given.strip())
    if found is None:
        raise BadRequest('If-Match has to name a version as this server gives it: W/"3"; or * for any.')
    return int(found[1])


def require_nothing_there(request: Request) -> bool:
    """True for `If-None-Match: *`: the write is to create, and nothing else."""
    return request.headers.get("if-none-match", "").strip() == "*"


def has_it(resource: StoredResource, tags: str | None, since: str | None) -> bool:
    """Whether the caller holds this version: by If-None-Match, or without that by If-Modified-Since."""
    if tags is not None:
        ours = resource.etag.removeprefix("W/")
        return any(tag.strip().removeprefix("W/") in (ours, "*") for tag in tags.split(","))
    moment = _http_date(since)
    return moment is not None and resource.last_updated.replace(microsecond=0) <= moment


def _http_date(text: str | None) -> datetime | None:
    """None for no date, and for one that cannot be read: HTTP says that such a condition is ignored."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def resource_response(request: Request, resource: StoredResource) -> Response:
    """A resource as it is stored, byte for byte; 304 when the caller has this version already."""
    headers = version_headers(resource)
    if has_it(resource, request.headers.get("if-none-match"), request.headers.get("if-modified-since")):
        return Response(status_code=304, headers=headers)
    keep = asked_subset(request.query_params.multi_items())
    body = subset(resource.resource_type, resource.body, keep) if keep else resource.body
    return fhir_response(request, body, headers=headers)


def written_response(
    request: Request,
    parts: Parts,
    resource: StoredResource,
    *,
    created: bool,
    told: Sequence[Issue] = (),
) -> Response:
    """The answer to a write: where the new version is, and what the caller prefers to hear, warnings among it."""
    headers = version_headers(resource)
    headers["Location"] = f"{base_url(parts)}/{resource.reference}/_history/{resource.version_id}"
    status = 201 if created else 200
    returns = preferences(request).returns
    if returns == "minimal":
        return Response(b"", status_code=status, media_type=FHIR_JSON, headers=headers)
    body = resource.body
    if returns == "OperationOutcome":
        words = (
            f"{resource.resource_type} {'created' if created else 'saved'}, version {resource.version_id}."
        )
        outcome = information(words)
        outcome["issue"] += outcome_issues(told)
        body = msgspec.json.encode(outcome)
    return fhir_response(request, body, status=status, headers=headers)


def information(words: str) -> dict[str, Any]:
    """An OperationOutcome that is no complaint."""
    issue = {"severity": "information", "code": "informational", "diagnostics": words}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def fhir_response(
    request: Request, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """JSON in one line, or with line breaks for `_pretty=true`; a HEAD gets the headers alone."""
    if request.query_params.get("_pretty") == "true":
        body = msgspec.json.format(body, indent=2)
    answer = Response(body, status_code=status, media_type=FHIR_JSON, headers=headers)
    if request.method == "HEAD":
        answer.body = b""
    return answer


def asked_subset(given: Sequence[tuple[str, str]]) -> Keep | None:
    """What `_summary` or `_elements` keeps; None when the whole is wanted. Raises BadRequest."""
    asked = dict(given)
    kind, names = asked.get("_summary", "false"), asked.get("_elements")
    if kind not in SUMMARIES:
        raise BadRequest(f"'_summary' is one of: {', '.join(SUMMARIES)}.")
    if names is None:
        return summary(kind)
    if kind != "false":
        raise BadRequest("'_summary' and '_elements' do not go together. Send one of them.")
    return elements(frozenset(name.rpartition(".")[2].strip() for name in names.split(",")))


def version_headers(resource: StoredResource) -> dict[str, str]:
    return {"ETag": resource.etag, "Last-Modified": format_datetime(resource.last_updated, usegmt=True)}


def base_url(parts: Parts) -> str:
    return f"{parts.settings.issuer}/fhir"


def form_of(request: Request, body: bytes) -> list[tuple[str, str]]:
    """The criteria of a search that stand in its body."""
    if media_type_of(request) != FORM:
        if not body:
            return []
        raise UnsupportedMediaType(f"Send search criteria as {FORM}.")
    return parameters_of(body)


def parameters_of(form: bytes) -> list[tuple[str, str]]:
    """The criteria of a form."""
    try:
        return parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise BadRequest("The search criteria cannot be read: send at most 100, in UTF-8.") from error
