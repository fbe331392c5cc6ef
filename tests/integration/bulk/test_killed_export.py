"""kill -9 of the API in the middle of an export over HTTP: the next process makes the whole of it, each line once."""

from __future__ import annotations

import json
import random
import signal
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from ehr_core.store.importer import load_resources
from ehr_core.store.repository import Store
from tests.integration.bulk.conftest import LOADER
from tests.integration.fhir.conftest import observation, patient
from tests.integration.outside.test_bulk_import import Importer
from tests.lib.api import running_api
from tests.lib.mortal_api import mortal_api
from tests.lib.postgres import free_port
from tests.lib.served_api import wait_for

pytestmark = pytest.mark.long
KILLS, PATIENCE, LINES = 2, 120, 60_000
"""As often as may be, so that the last attempt is the one that comes to its end."""


def test_an_export_whose_server_is_killed_comes_whole_and_once(database, database_url, tmp_path):
    with running_api(database, tmp_path, now=datetime.now(UTC)) as api:
        with api.work() as work:
            Store(work).create("Patient", patient("ana"), id="ana")
        headers = Importer(api).headers
    lines = [("Observation", json.dumps(observation(f"o-{number}")).encode()) for number in range(LINES)]
    load_resources(database, LOADER, lines, processes=1)
    port = free_port()

    def get(path: str, **more: str) -> httpx.Response:
        url = f"http://127.0.0.1:{port}{path}"
        return httpx.get(url, headers=headers | more, timeout=60, trust_env=False)

    def system():
        return database.transaction(actor_id="service:test", reach="all", patient_id=None)

    def state() -> tuple[str, int]:
        with system() as connection:
            return tuple(connection.exec_driver_sql("SELECT state, attempt FROM bulk.job").one())

    def asked() -> str:
        answer = get("/fhir/$export?_type=Observation", Prefer="respond-async")
        assert answer.status_code == 202, answer.text
        return urlsplit(answer.headers["content-location"]).path

    status = ""
    for number in range(KILLS):
        with mortal_api(tmp_path, port, database_url[1]) as process:
            status = status or asked()
            wait_for(lambda most=number: state() == ("running", most + 1), PATIENCE, pause=0.005)
            time.sleep(random.Random(number).uniform(0.0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert state() == ("running", number + 1)
        with system() as connection:
            connection.exec_driver_sql("UPDATE bulk.job SET lease_until = now() - interval '1 second'")
    with mortal_api(tmp_path, port, database_url[1]):
        ended = wait_for(lambda: found if (found := get(status)).status_code != 202 else None, PATIENCE)
        assert ended.status_code == 200, ended.text
        files = [urlsplit(one["url"]).path for one in ended.json()["output"]]
        told = [json.loads(line)["id"] for path in files for line in get(path).text.splitlines()]
    assert len(told) == len(set(told)) == LINES
    assert sum(one["count"] for one in ended.json()["output"]) == LINES
    listed = {one["url"].rpartition("/")[2] for kind in ("output", "error") for one in ended.json()[kind]}
    assert {path.name for path in (tmp_path / "bulk").rglob("*.ndjson")} == listed
