"""Setting up a second factor at the sign-in, where the role needs one: picture, code, recovery codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from starlette.responses import Response

from ehr_core.access import second_factor
from ehr_core.access.actor import Actor
from ehr_core.access.clients import Client
from ehr_core.access.recovery_codes import make_codes
from ehr_core.access.sign_in import SignIn
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.dependencies import Parts
from ehr_core.api.smart.step_pages import step_page
from ehr_core.api.smart.ticket import Ticket
from ehr_core.display import qr_svg
from ehr_core.kernel.errors import AlmonerError


def begun(parts: Parts, ticket: Ticket) -> Ticket:
    """The ticket with a new secret in it, which counts once a code of it was right."""
    seal = second_factor.TotpSeal(parts.identity.signing_secret)
    with _work(parts, ticket) as work:
        made = second_factor.enrol(work, seal, site_name=parts.settings.site_name)
    return replace(ticket, secret=f"{made.secret} {made.otpauth_uri}")


def enrol_page(
    parts: Parts, client: Client, ticket: Ticket, binding: str, error: AlmonerError | None = None
) -> Response:
    key, address = (ticket.secret or " ").split(" ", 1)
    return step_page(parts, client, ticket, binding, "enrol.html", error, picture=qr_svg(address), key=key)


def turned_on(parts: Parts, ticket: Ticket, code: str, *, address: str) -> list[str]:
    """The recovery codes, once the code was right. Raises SignInRequired or TooMuch."""
    SignIn(parts.identity).with_code(ticket.account_id or "", code, address=address, enrolling=True)
    with _work(parts, ticket) as work:
        second_factor.confirm(work)
        return make_codes(work, parts.identity.signing_secret)


@contextmanager
def _work(parts: Parts, ticket: Ticket) -> Iterator[UnitOfWork]:
    """As the account whose password was right; it reaches no record of anybody."""
    owner = Actor(ticket.account_id or "", "user", "", (), frozenset(), chart_reach="none", sees=frozenset())
    with begin(parts.database, owner, parts.clock, parts.settings.site_time_zone) as work:
        yield work
