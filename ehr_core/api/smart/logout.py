"""Signing out: ends the session that the ID token names, then sends the browser back to its application."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from ehr_core.access.clients import Client
from ehr_core.api.dependencies import Parts, ProcessParts
from ehr_core.api.smart.authorization_request import LONGEST_ECHO
from ehr_core.api.smart.pages import page
from ehr_core.kernel.errors import BadRequest

router = APIRouter(tags=["sign-in"])

Parameter = Annotated[str | None, Query(max_length=8000)]


@router.get("/auth/logout", response_model=None)
def logout(
    parts: ProcessParts,
    id_token_hint: Parameter = None,
    client_id: Parameter = None,
    post_logout_redirect_uri: Parameter = None,
    state: Annotated[str | None, Query(max_length=LONGEST_ECHO)] = None,
) -> Response:
    """RP-initiated logout. Without a valid ID token nobody's session ends; the redirect address must be known."""
    client = parts.identity.clients.get(client_id or "")
    if id_token_hint is not None:
        try:
            claims = parts.identity.read_id_token(id_token_hint)
        except BadRequest:
            return _signed_out_page(parts, 400, "The application sent a sign-out that was not issued here.")
        client = parts.identity.clients.get(claims["aud"])
        parts.identity.end_session(claims["sid"], why="signed_out")
    if client is not None and post_logout_redirect_uri in _ways_back(client):
        address = post_logout_redirect_uri + (f"?{urlencode({'state': state})}" if state else "")
        return RedirectResponse(address, status_code=303)
    return _signed_out_page(parts, 200, "You can close this window.")


def _ways_back(client: Client) -> tuple[str, ...]:
    """Where a browser may be sent after signing out: the callback, or the application's front page."""
    return (*client.redirect_uris, *client.origins, *(f"{origin}/" for origin in client.origins))


def _signed_out_page(parts: Parts, status: int, sentence: str) -> Response:
    return page(
        "message.html",
        status=status,
        site_name=parts.settings.site_name,
        title="Signed out" if status == 200 else "The sign-out did not work",
        sentence=sentence,
        links=[],
    )
