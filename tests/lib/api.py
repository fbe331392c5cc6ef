"""An API in this process over a real database, its clients, and accounts to sign in with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from fastapi import FastAPI

from ehr_core.access import sessions
from ehr_core.access.accounts import create_account
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.app import create_app
from ehr_core.api.dependencies import Parts
from ehr_core.client import AlmonerClient
from ehr_core.client.in_process import InProcess
from ehr_core.client.tokens import ServiceTokens, SessionToken, SessionTokens
from ehr_core.db.database import Database
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.settings import Settings

PASSWORD = "a long enough password"
MORNING = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)

SEEDER = Actor(
    actor_id="service:test-seeder",
    kind="service",
    name="Test seeder",
    roles=(),
    permissions=frozenset({"account.manage", "fhir.read", "fhir.write", "chart.read", "chart.write"}),
)


@dataclass
class RunningApi:
    """An application with what a test needs to speak to it and to look behind it."""

    app: FastAPI
    clock: FixedClock
    transport: InProcess

    @property
    def parts(self) -> Parts:
        return self.app.state.parts

    @property
    def base_url(self) -> str:
        return self.parts.settings.api_url

    def http(self, **options: object) -> httpx.Client:
        """A plain HTTP client without redirects, as an attacker or a foreign client would use."""
        return httpx.Client(base_url=self.base_url, transport=self.transport, **options)

    @contextmanager
    def work(self, actor: Actor = SEEDER) -> Iterator[UnitOfWork]:
        zone = self.parts.settings.site_time_zone
        with begin(self.parts.database, actor, self.clock, zone) as work:
            yield work

    def account(self, username: str, *roles: str, **more: str) -> str:
        with self.work() as work:
            return create_account(
                work, username=username, display_name=username.title(), password=PASSWORD, roles=roles, **more
            )

    def session(self, account_id: str, client_id: str = "staff") -> str:
        """A session as if the person had signed in."""
        identity = self.parts.identity
        with identity.transaction() as connection:
            return sessions.start_session(
                connection,
                account_id=account_id,
                client_id=client_id,
                address="127.0.0.1",
                now=self.clock.now(),
                life=identity.session_life,
            )

    def client_of(self, sid: str, client_id: str = "staff") -> AlmonerClient:
        secret = self.parts.identity.clients[client_id].secret
        tokens = SessionTokens(self.base_url, client_id, secret, self.transport)
        return AlmonerClient(self.base_url, SessionToken(tokens, sid), self.transport)

    def signed_in(self, username: str, *roles: str, **more: str) -> AlmonerClient:
        """A new account with an open session, in the portal for a patient."""
        client_id = "portal" if "patient" in roles else "staff"
        return self.client_of(self.session(self.account(username, *roles, **more), client_id), client_id)

    def service(self, client_id: str) -> AlmonerClient:
        secret = self.parts.identity.clients[client_id].secret
        return AlmonerClient(
            self.base_url,
            ServiceTokens(self.base_url, client_id, secret, self.transport),
            self.transport,
        )


@contextmanager
def running_api(
    database: Database, state: Path, *, now: datetime = MORNING, **settings: object
) -> Iterator[RunningApi]:
    """An API over this database; `now` stands still until the test moves the clock.

    Most tests send parts of a record, so what is referred to need not be there: `fhir_references="exist"` asks for it.
    """
    clock = FixedClock(now)
    chosen = {"fhir_references": "any"} | settings
    app = create_app(Settings(state=state, **chosen), database, clock)
    transport = InProcess(app)
    try:
        yield RunningApi(app, clock, transport)
    finally:
        transport.close()
