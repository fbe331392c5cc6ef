"""Binary as its own bytes: given and taken under its own media type, or as a FHIR resource like any other."""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
from fastapi import Request
from starlette.responses import Response

from ehr_core.api.errors import FHIR_JSON
from ehr_core.api.fhir.exchange import (
    JSON_FORMATS,
    JSON_TYPES,
    NotAcceptable,
    accept_header,
    has_it,
    media_type_of,
    version_headers,
)
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.binary_context import BINARY
from ehr_core.store.versions import StoredResource

XML_FORMATS = frozenset({"application/fhir+xml", "application/xml", "text/xml", "xml"})
"""FHIR in XML, which is not spoken here: no kind of a Binary's content."""
SAVED_NOT_SHOWN = {
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
    "Vary": "Accept",
}
RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")


class _Binary(msgspec.Struct):
    contentType: str = "application/octet-stream"
    data: str = ""


_binary = msgspec.json.Decoder(_Binary)


def wants_bytes(request: Request, type_name: str) -> bool:
    """True when the caller asks for a Binary and accepts no FHIR."""
    kinds = _accepted(request)
    return type_name == BINARY and not kinds & (JSON_FORMATS | XML_FORMATS)


def _accepted(request: Request) -> set[str]:
    asked = request.query_params.get("_format") or accept_header(request)
    return {kind.partition(";")[0].strip().lower().replace(" ", "+") for kind in asked.split(",")}


def bytes_response(request: Request, resource: StoredResource) -> Response:
    """The content alone, to be saved and not shown: nobody has looked into it. One range of it, when one is asked for.

    Raises NotAcceptable when the caller takes other kinds of content only.
    """
    held = _binary.decode(resource.body)
    kind = held.contentType if MEDIA_TYPE.fullmatch(held.contentType) else "application/octet-stream"
    family = f"{kind.partition('/')[0]}/*"
    if not _accepted(request) & {kind.lower(), family.lower()}:
        raise NotAcceptable(f"This Binary is {kind}. Accept that, or {FHIR_JSON}.")
    headers = version_headers(resource) | SAVED_NOT_SHOWN
    if has_it(resource, request.headers.get("if-none-match"), request.headers.get("if-modified-since")):
        return Response(status_code=304, headers=headers)
    try:
        content = base64.b64decode(held.data)
    except binascii.Error:
        content = b""
    if_range = request.headers.get("if-range", resource.etag)
    wanted = _range(request.headers.get("range"), len(content)) if if_range == resource.etag else None
    status = 200
    if wanted is not None:
        first, last = wanted
        if first >= len(content) or last < first:
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        content, status = content[first : last + 1], 206
    answer = Response(content, status_code=status, headers=headers, media_type=kind)
    if "charset" in answer.headers["content-type"]:
        answer.headers["content-type"] = kind
    if request.method == "HEAD":
        answer.body = b""
    return answer


def _range(text: str | None, size: int) -> tuple[int, int] | None:
    """(first, last) of one range of bytes; None for no range, several, or one that cannot be read: then all is sent.

    Source: RFC 9110, 14.2: a server may ignore a range.
    """
    found = RANGE.fullmatch(text or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return (max(0, size - int(found[2])), size - 1) if int(found[2]) else (size, size)
    return int(found[1]), min(int(found[2]), size - 1) if found[2] else size - 1


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
