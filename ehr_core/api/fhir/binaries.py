"""Binary as its own bytes: given and taken under its own media type, or as a FHIR resource like any other."""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
from fastapi import Request
from starlette.responses import Response

from ehr_core.api.fhir.exchange import JSON_FORMATS, JSON_TYPES, media_type_of, version_headers
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.versions import StoredResource

BINARY = "Binary"
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")


class _Binary(msgspec.Struct):
    contentType: str = "application/octet-stream"
    data: str = ""


_binary = msgspec.json.Decoder(_Binary)


def wants_bytes(request: Request, type_name: str) -> bool:
    """True when the caller asks for a Binary and accepts no FHIR."""
    asked = request.query_params.get("_format") or request.headers.get("accept", "*/*")
    kinds = {kind.partition(";")[0].strip().lower() for kind in asked.split(",")}
    return type_name == BINARY and not kinds & JSON_FORMATS and "xml" not in asked


def bytes_response(request: Request, resource: StoredResource) -> Response:
    """The content alone, to be saved and not shown: nobody has looked into it."""
    held = _binary.decode(resource.body)
    headers = version_headers(resource) | {"Content-Disposition": "attachment"}
    try:
        content = base64.b64decode(held.data)
    except binascii.Error:
        content = b""
    kind = held.contentType if MEDIA_TYPE.fullmatch(held.contentType) else "application/octet-stream"
    return Response(b"" if request.method == "HEAD" else content, headers=headers, media_type=kind)


def is_plain_content(request: Request, type_name: str) -> bool:
    """True when the body is a Binary's content and no resource."""
    return type_name == BINARY and media_type_of(request) not in JSON_TYPES


def as_binary(request: Request, body: bytes, resource_id: str | None = None) -> bytes:
    """The Binary that holds this content; whose it is says X-Security-Context."""
    kind = media_type_of(request)
    if not MEDIA_TYPE.fullmatch(kind):
        raise BadRequest("Say with Content-Type what the content is, such as application/pdf.")
    made: dict[str, object] = {"resourceType": BINARY} | ({"id": resource_id} if resource_id else {})
    made["contentType"] = kind
    context = request.headers.get("x-security-context")
    if context:
        made["securityContext"] = {"reference": context}
    made["data"] = base64.b64encode(body).decode()
    return msgspec.json.encode(made)
