"""A house of two rooms for browser stories of administrators: the API on a socket and the staff workspace, no lake."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx

from ehr_core.db.database import connect
from ehr_core.kernel.http_server import command
from tests.lib import postgres
from tests.lib.api import PASSWORD, RunningApi
from tests.lib.postgres import free_port
from tests.lib.running_system import REPOSITORY, SignIn
from tests.lib.served_api import served_api

START_SECONDS = 90


@dataclass
class SmallHouse:
    """What a Room asks of a system: where the workspace is, and who signs in as which role."""

    api: RunningApi
    staff_url: str
    people: dict[str, SignIn] = field(default_factory=dict)

    def person(self, role: str, user_name: str, *more_roles: str) -> str:
        """Makes somebody who may sign in; the account's id."""
        self.people[role] = SignIn("staff", role, user_name.title(), user_name, PASSWORD)
        return self.api.account(user_name, role, *more_roles)

    def sign_in_of(self, role: str) -> SignIn:
        return self.people[role]

    def url_of(self, app: str) -> str:
        return self.staff_url


@contextmanager
def small_house(server: str, template: str, state: Path, **settings: object) -> Iterator[SmallHouse]:
    """Stops both rooms at the end."""
    staff_port, now = free_port(), datetime.now(UTC)
    with postgres.fresh_database(server, template=template) as url:
        database = connect(postgres.app_url_of(url))
        try:
            with served_api(database, state, now=now, staff_port=staff_port, **settings) as api:
                house = SmallHouse(api, api.parts.settings.staff_url)
                with _workspace(api, state, staff_port, house.staff_url):
                    yield house
        finally:
            database.dispose()


@contextmanager
def _workspace(api: RunningApi, state: Path, port: int, url: str) -> Iterator[None]:
    own = {
        "ALMONER_STATE": str(state),
        "ALMONER_API_PORT": str(api.parts.settings.api_port),
        "ALMONER_STAFF_PORT": str(port),
    }
    with (state / "staff.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command("dashboards.asgi:create_app", "127.0.0.1", port)],
            cwd=REPOSITORY,
            env=os.environ | own,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_healthy(f"{url}/_stcore/health", process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise RuntimeError("The staff workspace of this test did not start.")
