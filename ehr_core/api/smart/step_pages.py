"""A page of the sign-in's steps, with the sealed ticket that carries it on."""

from __future__ import annotations

from starlette.responses import Response

from ehr_core.access.clients import Client
from ehr_core.access.sealing import Seal
from ehr_core.api.dependencies import Parts
from ehr_core.api.smart.pages import page
from ehr_core.api.smart.ticket import Ticket, write_ticket
from ehr_core.kernel.errors import AlmonerError


def step_page(
    parts: Parts,
    client: Client,
    ticket: Ticket,
    binding: str,
    name: str,
    error: AlmonerError | None,
    script: str | None = None,
    send_on: tuple[str, ...] = (),
    **values: object,
) -> Response:
    """`send_on`: origins that a form of the page may lead to besides the application."""
    return page(
        name,
        script=script,
        status=error.http_status if error else 200,
        send_to=(*client.origins, *send_on),
        site_name=parts.settings.site_name,
        ticket=write_ticket(ticket_seal(parts), ticket, binding=binding, now=parts.clock.now()),
        error=error.message if error else None,
        **values,
    )


def ticket_seal(parts: Parts) -> Seal:
    return Seal(parts.identity.signing_secret, "sign-in-ticket")
