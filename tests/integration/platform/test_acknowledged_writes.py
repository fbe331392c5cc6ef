"""What was acknowledged is kept: the API and PostgreSQL are killed again and again under load, and nothing is lost.

The positive control runs the same on a database that acknowledges before it has written, and has to find the loss.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from ehr_core.db.bootstrap import prepare_database
from ehr_core.db.database import connect
from ehr_core.db.server import EmbeddedServer
from tests.integration.fhir.conftest import FHIR_JSON, FhirHttp, observation, patient
from tests.lib.api import running_api
from tests.lib.mortal_api import mortal_api
from tests.lib.postgres import TEST_SECRETS, app_url_of, free_port, temporary_folder

pytestmark = pytest.mark.long

WRITERS = 6
KILLS = 4
CARELESS = ("synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'")


@dataclass
class Load:
    """Clients that write one resource after the other and note what was acknowledged: id → version."""

    base_url: str
    token: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        writers = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            yield
        finally:
            self.ended.set()
            for writer in writers:
                writer.join(30)

    def _write(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": FHIR_JSON}
        with httpx.Client(base_url=self.base_url, headers=headers, timeout=5, trust_env=False) as http:
            for turn in range(1_000_000):
                if self.ended.is_set():
                    return
                name = f"w{number}-{turn}"
                try:
                    answer = http.put(f"/fhir/Observation/{name}", content=json.dumps(observation(name)))
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if answer.is_success:
                    self.acknowledged[name] = int(answer.json()["meta"]["versionId"])
                else:
                    self.refused += 1
                    time.sleep(0.05)


@dataclass
class Clinic:
    """A durable PostgreSQL of its own and an API in a process of its own, each of which may be killed."""

    server: EmbeddedServer
    database_url: str
    state: Path
    port: int
    token: str

    def loss_under_load(self, *, kill_api: bool) -> tuple[set[str], Load]:
        """Which acknowledged writes are not there at the end."""
        load, turns = Load(f"http://127.0.0.1:{self.port}", self.token), random.Random(4)
        for _ in range(KILLS):
            with mortal_api(self.state, self.port, app_url_of(self.database_url)) as api, load.running():
                time.sleep(0.5 + turns.random())
                os.kill(self.server.process_id, signal.SIGKILL)
                self.server.start()
                time.sleep(0.5 + turns.random())
                if kill_api:
                    api.kill()
            load.ended = threading.Event()
        with psycopg.connect(self.database_url.replace("+psycopg", "")) as connection:
            rows = connection.execute("SELECT id, version_id FROM fhir.observation")
            stored = dict(rows.fetchall())
        return {name for name, version in load.acknowledged.items() if stored.get(name, 0) < version}, load

    def audited(self) -> set[str]:
        with psycopg.connect(self.database_url.replace("+psycopg", "")) as connection:
            rows = connection.execute(
                "SELECT resource_id FROM audit.event WHERE act IN ('create', 'update') "
                "AND resource_type = 'Observation'"
            )
            return {name for (name,) in rows}


@pytest.fixture
def clinic() -> Iterator[Clinic]:
    with temporary_folder() as folder:
        server = EmbeddedServer(
            folder / "server", free_port(), TEST_SECRETS.postgres_password, die_with_parent=True
        )
        url = server.start()
        prepare_database(url, TEST_SECRETS)
        database, state = connect(app_url_of(url)), folder / "state"
        with running_api(database, state, now=datetime.now(UTC)) as api:
            token = api.signed_in("chen", "clinician").transport._token_source()
            chen = FhirHttp(api.http(headers={"Authorization": f"Bearer {token}"}))
            assert chen.put(patient("ana")).status_code == 201
        database.dispose()
        try:
            yield Clinic(server, url, state, free_port(), token)
        finally:
            server.stop(even_if_shared=True)


def test_no_acknowledged_write_is_lost_when_the_parts_are_killed_under_load(clinic):
    lost, load = clinic.loss_under_load(kill_api=True)
    assert lost == set()
    assert len(load.acknowledged) > 100
    assert load.acknowledged.keys() <= clinic.audited(), "each with its row in the audit log"


def test_the_same_look_finds_the_loss_where_writes_are_acknowledged_too_early(clinic):
    with psycopg.connect(clinic.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        for setting in CARELESS:
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    lost, _ = clinic.loss_under_load(kill_api=False)
    assert lost
