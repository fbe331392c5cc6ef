"""An outside application that exports at night by a key of its own, and a chart that a rule keeps from everybody."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import httpx

from ehr_core.access.actor import Actor
from ehr_core.access.chart_rules import NewRule, make_rule
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.kernel.clock import Clock, SystemClock
from tests.bench.api.door import ZONE, Door
from tests.lib.smart_app import REGISTRAR, SmartApp

SCOPE = "system/*.rs"


@dataclass(frozen=True)
class Site:
    """What an application needs to know of the running API, and whom it is registered by."""

    door: Door
    clock: Clock

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}"

    def http(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.base_url, trust_env=False, **options)

    def work(self, actor: Actor) -> AbstractContextManager[UnitOfWork]:
        return begin(self.door.database, actor, self.clock, ZONE)


def application_token(door: Door) -> str:
    """Registers a backend service that may export whatever labels it has, and asks for its token."""
    app = SmartApp(
        Site(door, SystemClock()), kind="backend", scopes=(SCOPE,), more={"sees": ("*",), "bulk": True}
    )
    answer = app.token(grant_type="client_credentials", scope=SCOPE)
    answer.raise_for_status()
    return answer.json()["access_token"]


def shut(door: Door, patient_id: str) -> None:
    """From now on each row of the record is judged by whose it is, for everybody but the house's own services."""
    rule = NewRule(patient_id, "deny", "everyone", None, None, "site", "bench")
    with begin(door.database, REGISTRAR, SystemClock(), ZONE) as work:
        make_rule(work, rule)
