"""The token endpoint for outside applications: what each grant needs, and how each refusal is told."""

from __future__ import annotations

from typing import Any, NamedTuple

from ehr_core.access.app_tokens import AppTokens, WiderThanGiven
from ehr_core.access.applications import Application
from ehr_core.api.smart.refusals import TokenRefused


class AskedOfToken(NamedTuple):
    """The form that came."""

    grant_type: str | None
    code: str | None
    redirect_uri: str | None
    code_verifier: str | None
    refresh_token: str | None
    scope: str | None


def application_token(tokens: AppTokens, application: Application, asked: AskedOfToken) -> dict[str, Any]:
    """The token response; raises TokenRefused with OAuth's word for the reason."""
    if asked.grant_type == "client_credentials":
        answer = tokens.for_backend(application, (asked.scope or "").split())
        return _given(answer, "invalid_scope", "Nothing that was asked for is registered for this service.")
    if asked.grant_type == "refresh_token":
        if not asked.refresh_token:
            raise TokenRefused("invalid_request", "Send refresh_token.")
        scopes = asked.scope.split() if asked.scope else None
        try:
            answer = tokens.for_refresh(application, asked.refresh_token, scopes)
        except WiderThanGiven as error:
            raise TokenRefused("invalid_scope", error.message) from error
        return _given(
            answer, "invalid_grant", "The refresh token is not good, has expired or was used before."
        )
    if asked.grant_type != "authorization_code":
        raise TokenRefused(
            "unsupported_grant_type", "Use authorization_code, refresh_token or client_credentials."
        )
    if not asked.code or not asked.redirect_uri or not asked.code_verifier:
        raise TokenRefused("invalid_request", "Send code, redirect_uri and code_verifier.")
    answer = tokens.for_code(
        application, asked.code, redirect_uri=asked.redirect_uri, verifier=asked.code_verifier
    )
    return _given(answer, "invalid_grant", "The code is not valid, has expired or was used before.")


def _given(answer: dict[str, Any] | None, code: str, sentence: str) -> dict[str, Any]:
    if answer is None:
        raise TokenRefused(code, sentence)
    return answer
