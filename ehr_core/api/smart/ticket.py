"""The sealed ticket that a sign-in page carries from step to step, bound to the browser that it was made for.

It holds what the app asked for, so that nothing of it can be changed between the steps, and it is worthless in
another browser: a cookie of the first page has to come back with it. That is the protection against forged
sign-in posts too.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from ehr_core.access.authorization_codes import AuthorizationRequest
from ehr_core.access.sealing import NotSealedHere, Seal
from ehr_core.kernel.errors import BadRequest

TICKET_LIFE = timedelta(minutes=15)

STALE = "This sign-in page is too old or was opened in another window. Go back to the application and start again."

Step = Literal["password", "code", "new_password", "enrol", "kept", "consent", "outside"]


@dataclass(frozen=True)
class Ticket:
    """Where a sign-in stands. `account_id` is set once the password was right; a step is taken only when awaited.

    `proved_at` is when that was (seconds since 1970): what follows is done soon, and before the password changes.
    `secret` is that of a second factor which is being set up, `challenge` what a passkey has to
    sign, `nonce`, `verifier` and `binding` belong to a way over the site's own provider: sealed like everything here.
    `records` are the patients whom the consent page lists, in its order.
    """

    request: AuthorizationRequest
    account_id: str | None = None
    proved_at: float = 0
    awaits: Step = "password"
    needs_new_password: bool = False
    needs_second_factor: bool = False
    secret: str | None = None
    challenge: str | None = None
    nonce: str | None = None
    verifier: str | None = None
    binding: str | None = None
    records: tuple[str, ...] = ()


def new_binding() -> str:
    """The value of the browser's cookie."""
    return secrets.token_urlsafe(24)


def write_ticket(seal: Seal, ticket: Ticket, *, binding: str, now: datetime) -> str:
    content = json.dumps({"ticket": asdict(ticket), "until": (now + TICKET_LIFE).timestamp()})
    return base64.urlsafe_b64encode(seal.close(content.encode(), binding)).decode()


def read_ticket(seal: Seal, text: str, *, binding: str | None, now: datetime) -> Ticket:
    """The ticket; raises BadRequest when it is another browser's, altered or too old."""
    if not binding:
        raise BadRequest(STALE)
    try:
        content = json.loads(seal.open(base64.urlsafe_b64decode(text), binding))
    except (NotSealedHere, ValueError) as error:
        raise BadRequest(STALE) from error
    if now.timestamp() > content["until"]:
        raise BadRequest(STALE)
    stands = content["ticket"]
    read = {"request": AuthorizationRequest(**stands["request"]), "records": tuple(stands["records"])}
    return Ticket(**stands | read)
