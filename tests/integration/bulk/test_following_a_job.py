"""Whoever follows an export: only with scopes for all of it, until it is deleted, and told apart from what passes."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest

from ehr_core.api.bulk import runner as runner_room
from tests.integration.bulk.exports import run
from tests.lib.api import RunningApi
from tests.lib.smart_app import SmartApp

pytestmark = pytest.mark.usefixtures("three_people")
WIDE = "system/Patient.rs system/Condition.rs"


class Exporter:
    def __init__(self, api: RunningApi):
        self.api = api
        self.app = SmartApp(
            api, kind="backend", scopes=tuple(WIDE.split()), more={"bulk": True, "sees": ("*",)}
        )

    def send(self, method: str, path: str, *headers: tuple[str, str], scope: str = WIDE) -> httpx.Response:
        token = self.app.token(grant_type="client_credentials", scope=scope).json()["access_token"]
        sent = [("Authorization", f"Bearer {token}"), *headers]
        return self.api.http().request(method, path, headers=sent)

    def started(self) -> str:
        answer = self.send("GET", "/fhir/$export", ("Prefer", "respond-async"))
        assert answer.status_code == 202, answer.text
        return urlsplit(answer.headers["content-location"]).path


@pytest.fixture
def exporter(api) -> Exporter:
    return Exporter(api)


def test_a_token_that_is_narrower_than_the_export_gets_no_file_of_it(api, exporter):
    status = exporter.started()
    run(api)
    files = [urlsplit(one["url"]).path for one in exporter.send("GET", status).json()["output"]]
    assert len(files) == 2
    for path in (status, *files):
        assert exporter.send("GET", path, scope="system/Patient.rs").status_code == 403
        assert exporter.send("GET", path).status_code == 200


def test_a_deleted_export_is_not_found_before_anything_was_swept(api, exporter):
    status = exporter.started()
    run(api)
    assert exporter.send("DELETE", status).status_code == 202
    for method in ("GET", "DELETE"):
        assert exporter.send(method, status).status_code == 404


def test_an_export_that_failed_is_not_told_as_something_that_passes(api, exporter, monkeypatch):
    """By Bulk Data 2.0 a client goes on asking while the issue is transient."""
    status = exporter.started()

    def torn(*_args):
        raise ValueError

    monkeypatch.setattr(runner_room, "select_for", torn)
    run(api)
    answer = exporter.send("GET", status)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (500, "exception")


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", [("Prefer", "handling=lenient"), ("Prefer", "respond-async")]),
        ("", [("Prefer", "Respond-Async, handling=strict")]),
        ("?_outputFormat=application/fhir+ndjson", [("Prefer", "respond-async")]),
    ],
    ids=["two headers", "in capitals", "a plus as it is"],
)
def test_a_kick_off_is_understood_however_it_is_spelled(exporter, query, headers):
    assert exporter.send("GET", f"/fhir/Patient/$export{query}", *headers).status_code == 202
