"""kill -9 of a running $import over HTTP: nothing is half done, it is taken up again, and nothing is stored twice.

What a killed import leaves is asked for at each kill: every resource that is there has its row in the audit log, in the
outbox and in a Provenance, and none of those speaks of a resource that is not there. The positive control is an import
that leaves its traces one transaction late, and the same look has to find that.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg
import pytest

from ehr_core.api.bulk_import.runner import LARGE_BYTES
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import observation, patient
from tests.integration.outside.test_bulk_import import NDJSON, Importer
from tests.lib.api import running_api
from tests.lib.mortal_api import mortal_api
from tests.lib.postgres import free_port
from tests.lib.receiver import DEVELOPMENT
from tests.lib.served_api import wait_for

pytestmark = pytest.mark.long
KILLS, PATIENCE = 3, 120
SMALL, LARGE = 15_000, 40_000
"""Lines of a file that the API's own process imports, and of one that has processes of its own."""


@dataclass
class Client:
    """A backend service at the process that may be killed, and a look into its database."""

    state: Path
    port: int
    database_urls: tuple[str, str]
    headers: dict[str, str]

    @contextmanager
    def server(self, *words: str) -> Iterator[object]:
        with mortal_api(self.state, self.port, self.database_urls[1], *words) as process:
            yield process

    def send(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.port}{path}"
        told = self.headers | headers
        return httpx.request(method, url, content=content, headers=told, timeout=60, trust_env=False)

    def ask(self, lines: int) -> str:
        """Uploads that many results of two patients and asks for their import; the job's address."""
        text = b"\n".join(
            json.dumps(observation(f"o-{number}", "ana" if number % 2 else "ben")).encode()
            for number in range(lines)
        )
        assert (len(text) >= LARGE_BYTES) == (lines == LARGE)
        answer = self.send("POST", "/fhir/import-files", text, **{"Content-Type": NDJSON})
        assert answer.status_code == 201, answer.text
        part = [
            {"name": "type", "valueCode": "Observation"},
            {"name": "url", "valueUri": answer.json()["url"]},
        ]
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "inputFormat", "valueString": NDJSON}, {"name": "input", "part": part}],
        }
        asked = {"Prefer": "respond-async", "Content-Type": "application/fhir+json"}
        answer = self.send("POST", "/fhir/$import", json.dumps(body).encode(), **asked)
        assert answer.status_code == 202, answer.text
        return answer.headers["content-location"]

    def result(self, address: str) -> dict:
        """What became of the job, once it has ended."""
        ended = wait_for(
            lambda: answer if (answer := self.send("GET", address)).status_code != 202 else None, PATIENCE
        )
        assert ended.status_code == 200, ended.text
        return ended.json()

    def rows(self, query: str) -> list[tuple]:
        with psycopg.connect(self.database_urls[0].replace("+psycopg", ""), autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def stored(self) -> int:
        return self.rows("SELECT count(*) FROM fhir.observation")[0][0]

    def half_done(self) -> set[str]:
        """What is in one of the four places, and not in every one of them exactly once."""
        stored = [f"Observation/{name}" for (name,) in self.rows("SELECT id FROM fhir.observation")]
        announced = self.rows("SELECT unnest(resources) FROM core.outbox WHERE act = 'import'")
        bodies = self.rows("SELECT body FROM fhir.provenance")
        proved = [one["reference"] for (body,) in bodies for one in json.loads(body)["target"]]
        audited = self.rows(
            "SELECT (detail->'created'->>'Observation')::int FROM audit.event WHERE act = 'import'"
        )
        places = [sorted(stored), sorted(name for (name,) in announced), sorted(map(_unversioned, proved))]
        wrong = set(places[0]) ^ set(places[1]) | set(places[0]) ^ set(places[2])
        wrong |= {name for place in places for name, after in pairwise(place) if name == after}
        if sum(count or 0 for (count,) in audited) != len(stored):
            wrong.add("the audit log")
        return wrong

    def forget_the_lease(self) -> None:
        """A minute passes: the dead runner does not hold the job any more."""
        with psycopg.connect(self.database_urls[0].replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("UPDATE bulk.import_job SET lease_until = now() - interval '1 second'")

    def wait_for_more(self, than: int) -> None:
        wait_for(lambda: self.stored() > than, PATIENCE)


@pytest.fixture
def client(database, database_url, tmp_path) -> Client:
    with running_api(database, tmp_path, now=datetime.now(UTC), **DEVELOPMENT) as api:
        with api.work() as work:
            for name in ("ana", "ben"):
                Store(work).create("Patient", patient(name), id=name)
        return Client(tmp_path, free_port(), database_url, Importer(api).headers)


@pytest.mark.parametrize("lines", [SMALL, LARGE])
def test_an_import_whose_server_is_killed_is_taken_up_where_it_was_left(client, lines):
    dice, address, halves = random.Random(4), None, []
    for _ in range(KILLS):
        with client.server() as process:
            before = client.stored()
            address = address or client.ask(lines)
            client.wait_for_more(before)
            time.sleep(dice.random() / 2)
            process.kill()
            process.wait()
        _wait_until_nobody_imports(client)
        client.forget_the_lease()
        halves.append(client.stored())
        assert client.half_done() == set()
    assert 0 < halves[0] < lines, "killed in the middle"
    with client.server():
        result = client.result(address)
    assert result["output"][0]["count"] == lines
    assert result["error"] == []
    assert client.stored() == lines
    assert client.half_done() == set()
    assert client.rows("SELECT DISTINCT version_id FROM fhir.observation") == [(1,)]
    assert client.rows("SELECT count(*) FROM fhir.observation_history") == [(0,)]


def test_an_import_whose_process_is_killed_goes_on_with_another(client):
    with client.server() as process:
        address = client.ask(LARGE)
        client.wait_for_more(0)
        victim = wait_for(lambda: _workers_of(process.pid))[0]
        os.kill(victim, signal.SIGKILL)
        result = client.result(address)
    assert result["output"][0]["count"] == LARGE
    assert client.stored() == LARGE
    assert client.half_done() == set()
    assert client.rows("SELECT max(attempt) FROM bulk.import_job")[0][0] >= 2


def test_an_import_whose_processes_are_killed_each_time_says_plainly_that_it_failed(client):
    with client.server() as process:
        address = client.ask(LARGE)
        deadline = time.monotonic() + PATIENCE
        while (answer := client.send("GET", address)).status_code == 202 and time.monotonic() < deadline:
            for victim in _workers_of(process.pid):
                os.kill(victim, signal.SIGKILL)
            time.sleep(0.2)
    assert answer.status_code == 500
    assert "never came to an end" in answer.text
    assert client.half_done() == set()


def test_the_same_look_finds_what_is_half_done_by_an_import_that_leaves_its_traces_too_late(client):
    with client.server("traces-late") as process:
        client.ask(SMALL)
        client.wait_for_more(0)
        process.kill()
        process.wait()
    assert client.half_done()


def _unversioned(reference: str) -> str:
    return reference.partition("/_history/")[0]


def _workers_of(parent: int) -> list[int]:
    """The processes of an import that this server has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent and b"spawn_main" in command:
            found.append(int(folder.name))
    return found


def _wait_until_nobody_imports(client: Client) -> None:
    """The processes of a killed server end by themselves."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'almoner import'"
    wait_for(lambda: client.rows(query) == [(0,)], 30)
