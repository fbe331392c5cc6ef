"""The page behind an invitation or a reset: its owner chooses a password that nobody else has seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from ehr_core.access.invitations import NOT_GOOD, accept, is_good
from ehr_core.access.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH
from ehr_core.api.dependencies import Parts, ProcessParts
from ehr_core.api.smart.pages import page
from ehr_core.kernel.errors import BadRequest

router = APIRouter(tags=["sign-in"])


@router.get("/auth/invitation", response_model=None)
def invitation_page(parts: ProcessParts, token: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Looking does not use it up, as mail programs look at links. Says the same of every link that is not good."""
    with parts.identity.transaction() as connection:
        good = is_good(connection, token, parts.clock.now())
    return _page(parts, token) if good else _told(parts, "This link is not good any more", NOT_GOOD, 400)


@router.post("/auth/invitation", response_model=None)
def accept_invitation(
    parts: ProcessParts,
    token: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=20_000)] = "",
    again: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    if password != again:
        return _page(parts, token, "The two are not the same. Type the new password twice.")
    try:
        with parts.identity.transaction() as connection:
            accept(connection, token, password, parts.clock.now())
    except BadRequest as error:
        if error.message == NOT_GOOD:
            return _told(parts, "This link is not good any more", NOT_GOOD, 400)
        return _page(parts, token, error.message)
    return _told(parts, "Your password is set", "Sign in with your user name and this password.", 200)


def _page(parts: Parts, token: str, error: str | None = None) -> Response:
    return page(
        "invitation.html",
        status=400 if error else 200,
        site_name=parts.settings.site_name,
        token=token,
        error=error,
        shortest=MINIMUM_LENGTH,
        longest=MAXIMUM_LENGTH,
    )


def _told(parts: Parts, title: str, sentence: str, status: int) -> Response:
    links = [
        {"address": parts.settings.staff_url, "words": "Go to the staff workspace"},
        {"address": parts.settings.portal_url, "words": "Go to the patient portal"},
    ]
    return page(
        "message.html",
        status=status,
        site_name=parts.settings.site_name,
        title=title,
        sentence=sentence,
        links=links,
    )
