"""The page on which somebody who is signed in adds a passkey: reached by a sealed link that is good for minutes."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from ehr_core.access.passkeys import add_passkey, creation_options, new_challenge
from ehr_core.access.sealing import NotSealedHere, Seal
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts, ProcessParts
from ehr_core.api.smart.pages import page
from ehr_core.kernel.errors import AlmonerError, BadRequest

router = APIRouter(tags=["sign-in"])

LINK_LIFE = timedelta(minutes=5)
STALE = "This page is too old. Go back to My account and start again."
CONTEXT = "add-a-passkey"


@dataclass(frozen=True)
class _Link:
    sid: str
    challenge: str


def passkey_link(parts: Parts, sid: str) -> str:
    """The address of the page, for this session alone, with a challenge of its own."""
    until = (parts.clock.now() + LINK_LIFE).timestamp()
    content = json.dumps({"sid": sid, "challenge": new_challenge(), "until": until})
    sealed = base64.urlsafe_b64encode(_seal(parts).close(content.encode(), CONTEXT)).decode()
    return f"{parts.identity.issuer}/auth/passkeys/new?ticket={sealed}"


@router.get("/auth/passkeys/new", response_model=None)
def new_passkey_page(parts: ProcessParts, ticket: Annotated[str, Query(max_length=2000)] = "") -> Response:
    return _page(parts, ticket)


@router.post("/auth/passkeys/new", response_model=None)
def new_passkey(
    parts: ProcessParts,
    ticket: Annotated[str, Form(max_length=2000)] = "",
    credential: Annotated[str, Form(max_length=20_000)] = "",
    name: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Takes the public key of the device that signed this page's challenge."""
    try:
        link = _open(parts, ticket)
        actor = parts.identity.session_actor(link.sid)
        with begin(parts.database, actor, parts.clock, parts.settings.site_time_zone) as work:
            add_passkey(work, parts.identity.issuer, credential, link.challenge, name)
    except AlmonerError as error:
        return _page(parts, ticket, error)
    return _told(
        parts, "The passkey is added", "You can sign in with it from now on. Close this window.", 200
    )


def _page(parts: Parts, ticket: str, error: AlmonerError | None = None) -> Response:
    try:
        link = _open(parts, ticket)
        actor = parts.identity.session_actor(link.sid)
        with begin(parts.database, actor, parts.clock, parts.settings.site_time_zone) as work:
            options = creation_options(work, parts.identity.issuer, parts.settings.site_name, link.challenge)
    except AlmonerError as stale:
        return _told(parts, "This page cannot be used", stale.message, 400)
    return page(
        "new_passkey.html",
        status=error.http_status if error else 200,
        script="passkey.js",
        site_name=parts.settings.site_name,
        ticket=ticket,
        options=options,
        error=error.message if error else None,
    )


def _open(parts: Parts, ticket: str) -> _Link:
    try:
        content = json.loads(_seal(parts).open(base64.urlsafe_b64decode(ticket), CONTEXT))
    except (NotSealedHere, ValueError) as error:
        raise BadRequest(STALE) from error
    if parts.clock.now().timestamp() > content["until"]:
        raise BadRequest(STALE)
    return _Link(content["sid"], content["challenge"])


def _told(parts: Parts, title: str, sentence: str, status: int) -> Response:
    return page(
        "message.html",
        status=status,
        site_name=parts.settings.site_name,
        title=title,
        sentence=sentence,
        links=[],
    )


def _seal(parts: Parts) -> Seal:
    return Seal(parts.identity.signing_secret, "passkey-link")
