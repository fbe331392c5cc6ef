"""Tokens: for an authorization code, for a service as itself, for a session, and what a token says about a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from ehr_core.access.app_tokens import AppTokens
from ehr_core.access.applications import Application
from ehr_core.access.identity import IssuedToken
from ehr_core.api.dependencies import ProcessParts, bearer_token
from ehr_core.api.smart.application_token import AskedOfToken, application_token
from ehr_core.api.smart.client_authentication import AuthenticatedClient
from ehr_core.api.smart.refusals import TokenRefused
from ehr_core.kernel.errors import Forbidden, SignInRequired

router = APIRouter(tags=["sign-in"])

OptionalField = Annotated[str | None, Form(max_length=2000)]


@router.post("/auth/token")
def token(
    parts: ProcessParts,
    client: AuthenticatedClient,
    response: Response,
    grant_type: OptionalField = None,
    code: OptionalField = None,
    redirect_uri: OptionalField = None,
    code_verifier: OptionalField = None,
    refresh_token: OptionalField = None,
    scope: OptionalField = None,
) -> dict[str, Any]:
    """The OAuth token endpoint: authorization_code with PKCE, refresh_token, or client_credentials for services."""
    response.headers["Pragma"] = "no-cache"  # RFC 6749, 5.1: beside Cache-Control, which every answer has
    if isinstance(client, Application):
        asked = AskedOfToken(grant_type, code, redirect_uri, code_verifier, refresh_token, scope)
        return application_token(AppTokens(parts.identity), client, asked)
    if grant_type == "client_credentials":
        try:
            return _answer(parts.identity.service_token(client))
        except Forbidden as error:
            raise TokenRefused("unauthorized_client", error.message) from error
    if grant_type != "authorization_code":
        raise TokenRefused("unsupported_grant_type", "Use authorization_code or client_credentials.")
    if not code or not redirect_uri or not code_verifier:
        raise TokenRefused("invalid_request", "Send code, redirect_uri and code_verifier.")
    issued = parts.identity.redeem(client, code, redirect_uri=redirect_uri, verifier=code_verifier)
    if issued is None:
        raise TokenRefused("invalid_grant", "The code is not valid, has expired or was used before.")
    return _answer(issued)


@router.post("/auth/revoke")
def revoke(
    parts: ProcessParts, client: AuthenticatedClient, token: Annotated[str, Form(max_length=2000)]
) -> dict[str, Any]:
    """Takes a token back (RFC 7009). The answer is the same whether there was such a token or not."""
    AppTokens(parts.identity).revoke(client, token)
    return {}


@router.post("/auth/introspect")
def introspect(
    parts: ProcessParts, client: AuthenticatedClient, token: Annotated[str, Form(max_length=2000)]
) -> dict[str, Any]:
    """What a token of the asking application is good for (RFC 7662); of any other: that it is not active."""
    return AppTokens(parts.identity).introspect(client, token)


@router.post("/auth/session-token")
def session_token(
    parts: ProcessParts, client: AuthenticatedClient, sid: Annotated[str, Form(max_length=200)]
) -> dict[str, Any]:
    """A short-lived API token for a session of this application; refused once the session has ended."""
    try:
        return _answer(parts.identity.session_token(client, sid))
    except SignInRequired as error:
        raise TokenRefused("session_ended", error.message, status=401) from error


@router.get("/auth/userinfo")
@router.post("/auth/userinfo")
def userinfo(request: Request, parts: ProcessParts) -> dict[str, Any]:
    return parts.identity.userinfo(bearer_token(request))


def _answer(issued: IssuedToken) -> dict[str, Any]:
    """The token response (RFC 6749, 5.1)."""
    answer: dict[str, Any] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
    }
    if issued.id_token is not None:
        answer |= {"id_token": issued.id_token, "scope": issued.scope}
    return answer
