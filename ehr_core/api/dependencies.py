"""What every route stands on: the parts of this process, and one unit of work a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ehr_core.access.identity import Identity
from ehr_core.access.unit_of_work import UnitOfWork, begun
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import Forbidden, SignInRequired
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings

WORK_SLOTS = 12
"""Requests that may hold a database connection at once. Less than POOL_SIZE, so that nobody who holds a
connection waits for a thread while all threads wait for a connection."""

POOL_SIZE = 16
"""Connections of the API process; what WORK_SLOTS leaves serves sign-in, health and refusals."""


OPEN_TO_APPLICATIONS = ("/fhir",)
"""Addresses that the token of an outside application is good for; accounts and screens are not among them."""


@dataclass(frozen=True)
class Parts:
    """What create_app put together."""

    settings: Settings
    secrets: Secrets
    database: Database
    clock: Clock
    identity: Identity


def parts_of(request: Request) -> Parts:
    return request.app.state.parts


async def parts_at_hand(request: Request) -> Parts:
    """The same for FastAPI, which would send what is not `async` to a thread of its own."""
    return parts_of(request)


def caller_address(request: Request) -> str:
    """Where the caller is, as far as this server knows."""
    return request.client.host if request.client else "unknown"


def bearer_token(request: Request) -> str:
    """The token of the Authorization header; raises SignInRequired when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise SignInRequired("This needs a sign-in. Send an access token as 'Authorization: Bearer …'.")
    return token.strip()


def open_work(request: Request) -> Iterator[UnitOfWork]:
    """One request, one transaction, as the person or service whose token this is.

    Commits after the route has returned and before the answer is sent: when the commit fails, the answer is an
    error. The token is looked up each time, so that a revoked session or a lost role counts at once. A streamed
    answer is sent after the commit: its generator must not use `work`.
    """
    with work_of(request) as work:
        yield work


@contextmanager
def work_of(request: Request) -> Iterator[UnitOfWork]:
    """The session is looked up in the same transaction in which the work is done."""
    parts, token = parts_of(request), bearer_token(request)
    with parts.database.system() as connection:
        actor = parts.identity.actor_in(connection, token)
        request.state.actor = actor
        request.app.state.rate_limits.of_actor(actor)
        if actor.application is not None and not request.url.path.startswith(OPEN_TO_APPLICATIONS):
            raise Forbidden("An outside application may use the FHIR server alone, at /fhir.")
        zone = parts.settings.site_time_zone
        with begun(parts.database, connection, actor, parts.clock, zone) as work:
            yield work


Work = Annotated[UnitOfWork, Depends(open_work, scope="function", max_concurrency=WORK_SLOTS)]
"""The unit of work of this request: `def route(work: Work, …)`. Check a permission with
`work.actor.require("…")` first. Parameters that read the body stand before it."""

ProcessParts = Annotated[Parts, Depends(parts_at_hand)]


async def raw_body(request: Request) -> bytes:
    """The body as it came; read before a connection is taken, so that a slow sender holds none."""
    return await request.body()


RawBody = Annotated[bytes, Depends(raw_body)]
