"""Which application is calling? A secret (our own), a signed assertion (an outside one), or a client id alone."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import Depends, Form, Request

from ehr_core.access.app_tokens import AppTokens
from ehr_core.access.applications import Application
from ehr_core.access.client_assertion import ASSERTION_TYPE, claims_of, is_good, issuer_of, use_up
from ehr_core.access.clients import Client
from ehr_core.api.dependencies import parts_of
from ehr_core.api.smart.refusals import TokenRefused

NOT_RIGHT = "The client id or what proves it is not right."


def authenticated_client(
    request: Request,
    client_id: Annotated[str | None, Form(max_length=200)] = None,
    client_secret: Annotated[str | None, Form(max_length=1000)] = None,
    client_assertion: Annotated[str | None, Form(max_length=8000)] = None,
    client_assertion_type: Annotated[str | None, Form(max_length=200)] = None,
    refresh_token: Annotated[str | None, Form(max_length=2000)] = None,
) -> Client:
    """The application; raises TokenRefused (invalid_client) unless it is proved.

    A public application is believed by its id alone: its code is bound to a secret of that sign-in (PKCE). With a
    refresh token it need not even name itself (RFC 6749, 6): the token says whose it is.
    """
    parts, header = parts_of(request), request.headers.get("authorization")
    if client_assertion is not None:
        if header is not None or client_secret is not None or client_assertion_type != ASSERTION_TYPE:
            raise TokenRefused("invalid_request", "Send one proof: the assertion, of the type jwt-bearer.")
        return _asserted(request, client_assertion, client_id)
    if header is not None:
        if client_secret is not None:
            raise TokenRefused(
                "invalid_request", "Send the client secret once: in the header or in the form."
            )
        client_id, client_secret = _basic(header)
    elif client_id is None and client_secret is None and refresh_token is not None:
        client_id = AppTokens(parts.identity).client_of(refresh_token)
    client = parts.identity.client(client_id or "")
    is_public = isinstance(client, Application) and client.kind == "public" and client_secret is None
    if is_public or (client and client_secret is not None and client.secret_matches(client_secret)):
        return client
    raise TokenRefused("invalid_client", NOT_RIGHT, status=401)


AuthenticatedClient = Annotated[Client, Depends(authenticated_client)]


def _asserted(request: Request, assertion: str, client_id: str | None) -> Application:
    """The application that signed; the assertion is good for one use."""
    parts = parts_of(request)
    identity = parts.identity
    named = issuer_of(assertion)
    client = identity.client(named) if named else None
    if isinstance(client, Application) and client_id in (None, client.client_id):
        audience = f"{identity.issuer}/auth/token"
        keyed = request.app.state.application_keys.at_hand(client, assertion, audience=audience)
        now, claims = parts.clock.now(), claims_of(keyed, assertion)
        if claims is not None and is_good(claims, client.client_id, audience=audience, now=now):
            with identity.transaction() as connection:
                if use_up(connection, client.client_id, claims, now):
                    return client
    raise TokenRefused("invalid_client", NOT_RIGHT, status=401)


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
