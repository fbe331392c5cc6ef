"""Who calls a hook: one of our own screens, an application with a token of ours, or another system with its own key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ehr_core.access.actor import Actor
from ehr_core.access.applications import Application
from ehr_core.access.client_assertion import claims_of, is_good, issuer_of, use_up
from ehr_core.access.scopes import covering
from ehr_core.api.dependencies import Parts, bearer_token, parts_of
from ehr_core.kernel.errors import Forbidden, SignInRequired

NOT_KNOWN = (
    "This call is signed by nobody who is registered here, or was made before. Register its key first."
)


@dataclass(frozen=True)
class Caller:
    """`reads_records`: may be answered from our own record; otherwise from what it sends alone."""

    actor: Actor
    reads_records: bool


def caller_of(request: Request, parts: Parts) -> Caller:
    """Raises SignInRequired. A signed call (CDS Hooks' JSON Web Token) is good once, for the address that it names."""
    token = bearer_token(request)
    if token.count(".") == 2:
        return Caller(_signer(request, parts, token), reads_records=False)
    actor = parts.identity.actor_for(token)
    if actor.application is None:
        actor.require("chart.read")
        return Caller(actor, reads_records=True)
    if actor.kind == "patient":
        raise Forbidden(
            "Decision support speaks to clinicians. Call it in the name of one, or as a backend service."
        )
    return Caller(actor, reads_records=bool(covering(actor.application.scopes, "*", "r")))


def known_caller(request: Request) -> Caller:
    caller = caller_of(request, parts_of(request))
    request.state.actor = caller.actor
    return caller


KnownCaller = Annotated[Caller, Depends(known_caller)]
"""Who calls; asked before the body is looked at."""


def require_record(caller: Caller) -> None:
    """Cards tell of the whole record, so nothing less than reading all of it lets somebody ask."""
    if not caller.reads_records:
        raise Forbidden(
            "To be answered from the record here, call with a token whose scopes read all types (such as "
            "patient/*.rs). Otherwise send the prefetch that the service's description asks for."
        )


def _signer(request: Request, parts: Parts, token: str) -> Actor:
    client = parts.identity.client(issuer_of(token) or "")
    address = f"{parts.identity.issuer}{request.url.path}"
    if isinstance(client, Application):
        keyed = request.app.state.application_keys.at_hand(client, token, audience=address)
        claims, now = claims_of(keyed, token), parts.clock.now()
        if claims is not None and is_good(
            claims | {"sub": client.client_id}, client.client_id, audience=address, now=now
        ):
            with parts.identity.transaction() as connection:
                if use_up(connection, client.client_id, claims, now):
                    return parts.identity.application_actor(client, ())
    raise SignInRequired(NOT_KNOWN)
