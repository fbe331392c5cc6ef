"""Which application is calling? By client id and secret, in the header or in the form (RFC 6749, 2.3.1)."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import Depends, Form, Request

from ehr_core.access.clients import Client
from ehr_core.api.dependencies import parts_of
from ehr_core.api.smart.refusals import TokenRefused


def authenticated_client(
    request: Request,
    client_id: Annotated[str | None, Form(max_length=200)] = None,
    client_secret: Annotated[str | None, Form(max_length=1000)] = None,
) -> Client:
    """The application; raises TokenRefused (invalid_client) unless its secret is right."""
    header = request.headers.get("authorization")
    if header is not None:
        if client_secret is not None:
            raise TokenRefused(
                "invalid_request", "Send the client secret once: in the header or in the form."
            )
        client_id, client_secret = _basic(header)
    client = parts_of(request).identity.clients.get(client_id or "")
    if client is None or client_secret is None or not client.secret_matches(client_secret):
        raise TokenRefused("invalid_client", "The client id or its secret is not right.", status=401)
    return client


AuthenticatedClient = Annotated[Client, Depends(authenticated_client)]


def _basic(header: str) -> tuple[str | None, str | None]:
    """Client id and secret of a Basic header; (None, None) when it is not one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (unquote_plus(name), unquote_plus(secret)) if colon else (None, None)
