"""Signing in at the site's own identity provider and back: PKCE, state and nonce of this browser, then our own steps.

Where the role needs a second factor and the provider does not say that there was one, ours is asked for.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from ehr_core.access.outside_identity import LINKER, account_for
from ehr_core.access.outside_provider import NOT_BELIEVED, Person
from ehr_core.access.sign_in import SignIn
from ehr_core.access.unit_of_work import audit_refusal, begin
from ehr_core.api.dependencies import Parts, ProcessParts, caller_address
from ehr_core.api.smart.authorize import (
    after_proof,
    code_page,
    known_client,
    message,
    password_page,
    this_step,
)
from ehr_core.api.smart.step_pages import ticket_seal
from ehr_core.api.smart.ticket import Ticket, new_binding, read_ticket, write_ticket
from ehr_core.kernel.errors import AlmonerError, BadRequest, Conflict, Forbidden, SignInRequired

router = APIRouter(tags=["sign-in"])

COOKIE, PATH = "almoner_outside", "/auth/outside"
LONGEST = 8000
STRANGER = "Nobody here is known by this sign-in. Ask an administrator to link it to your account."


@router.post("/auth/authorize/outside", response_model=None)
def to_the_provider(
    request: Request, parts: ProcessParts, ticket: Annotated[str, Form(max_length=20_000)]
) -> Response:
    """Sends the browser to the provider, with a state that only this browser can bring back."""
    try:
        binding, stands = this_step(request, parts, ticket, "password")
        client, provider = known_client(parts, stands), parts.identity.outside
        if not provider.is_there:
            raise BadRequest("No other sign-in is set up here.")
    except BadRequest as error:
        return message(parts, error)
    own = new_binding()
    stands = replace(
        stands,
        awaits="outside",
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        binding=binding,
    )
    state = write_ticket(ticket_seal(parts), stands, binding=own, now=parts.clock.now())
    try:
        address = provider.sign_in_address(
            redirect_uri=_callback(parts),
            state=state,
            nonce=stands.nonce or "",
            verifier=stands.verifier or "",
        )
    except AlmonerError as error:
        return password_page(parts, client, replace(stands, awaits="password"), binding, error)
    response = RedirectResponse(address, status_code=303)
    # Lax, as the browser comes back from another site; our own steps keep their strict cookie.
    secure = parts.identity.issuer.startswith("https:")
    response.set_cookie(COOKIE, own, path=PATH, httponly=True, samesite="lax", secure=secure)
    return response


@router.get(PATH, response_model=None)
def back_from_the_provider(
    request: Request,
    parts: ProcessParts,
    state: Annotated[str, Query(max_length=LONGEST)] = "",
    code: Annotated[str, Query(max_length=LONGEST)] = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Looks at what the provider sent with the browser, and asks the provider itself who it is."""
    try:
        own = request.cookies.get(COOKIE)
        stands = read_ticket(ticket_seal(parts), state, binding=own, now=parts.clock.now())
        if stands.awaits != "outside":
            raise BadRequest(
                "The steps of this sign-in were mixed up. Go back to the application and start again."
            )
        client = known_client(parts, stands)
    except BadRequest as error:
        return message(parts, error)
    binding = stands.binding or ""
    again, began = replace(stands, awaits="password", nonce=None, verifier=None), parts.clock.now()
    try:
        person = _person(parts, stands, code, iss)
        sign_in, address = SignIn(parts.identity), caller_address(request)
        admitted = sign_in.with_outside(_account(parts, person), person, address=address, client=client)
    except (SignInRequired, Forbidden, Conflict, AlmonerError) as error:
        response = password_page(parts, client, again, binding, error)
        response.delete_cookie(COOKIE, path=PATH)
        return response
    again = replace(
        again,
        account_id=admitted.account_id,
        proved_at=began.timestamp(),
        needs_second_factor=admitted.needs_second_factor,
    )
    if admitted.needs_code:
        response = code_page(parts, client, replace(again, awaits="code"), binding)
    else:
        response = after_proof(request, parts, client, sign_in, again, binding)
    response.delete_cookie(COOKIE, path=PATH)
    return response


def _person(parts: Parts, stands: Ticket, code: str, iss: str | None) -> Person:
    """Raises SignInRequired for an answer that is another provider's, or none."""
    provider = parts.identity.outside
    if not code or (
        iss is not None and not hmac.compare_digest(iss.rstrip("/").encode(), provider.issuer.encode())
    ):
        raise SignInRequired(NOT_BELIEVED)
    return provider.person(
        code,
        redirect_uri=_callback(parts),
        nonce=stands.nonce or "",
        verifier=stands.verifier or "",
        now=parts.clock.now(),
    )


def _account(parts: Parts, person: Person) -> str:
    """Raises SignInRequired for a stranger, audited without the claims."""
    settings = parts.settings
    with begin(parts.database, LINKER, parts.clock, settings.site_time_zone) as work:
        found = account_for(
            work,
            parts.identity.outside.issuer,
            person,
            claim=settings.oidc_account_claim,
            made_roles=parts.identity.new_account_roles,
        )
    if found is None:
        audit_refusal(parts.database, None, "sign_in", "outside_stranger", clock=parts.clock)
        raise SignInRequired(STRANGER)
    return found


def _callback(parts: Parts) -> str:
    return f"{parts.identity.issuer}{PATH}"
