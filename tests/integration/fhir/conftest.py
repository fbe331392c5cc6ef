"""A FHIR server in this process, plain HTTP clients of its people, and small resources."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from ehr_core.db.database import connect
from tests.lib import postgres
from tests.lib.api import RunningApi, running_api

FHIR_JSON = "application/fhir+json"
LOINC = "http://loinc.org"
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}


class FhirHttp:
    """FHIR as a foreign client speaks it: JSON and headers."""

    def __init__(self, http: httpx.Client):
        self.http = http

    def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """`If_Match='…'` becomes the header If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if content is not None:
            named.setdefault("Content-Type", FHIR_JSON)
        return self.http.request(method, f"/fhir{path}", content=content, headers=named)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.send("GET", path, **headers)

    def put(self, body: dict, **headers: str) -> httpx.Response:
        return self.send("PUT", f"/{body['resourceType']}/{body['id']}", body, **headers)

    def post(self, body: dict, **headers: str) -> httpx.Response:
        return self.send("POST", f"/{body['resourceType']}", body, **headers)

    def found(self, path: str, **headers: str) -> list[str]:
        """'Type/id' of the matches of a search, in order."""
        bundle = self.bundle(path, **headers)
        return [reference(entry) for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]

    def bundle(self, path: str, **headers: str) -> dict:
        answer = self.get(path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def reference(entry: dict) -> str:
    return f"{entry['resource']['resourceType']}/{entry['resource']['id']}"


def link(bundle: dict, relation: str) -> str | None:
    return next((each["url"] for each in bundle.get("link", []) if each["relation"] == relation), None)


def patient(patient_id: str, family: str = "Rivera", **more: object) -> dict:
    name = [{"family": family, "given": ["Ana"]}]
    return {"resourceType": "Patient", "id": patient_id, "name": name, "birthDate": "1961-04-02", **more}


def observation(observation_id: str, patient_id: str = "ana", code: str = "4548-4", **more: object) -> dict:
    return {
        "resourceType": "Observation",
        "id": observation_id,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code, "display": "Hemoglobin A1c"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": "2026-11-01",
        **more,
    }


def client_of(api: RunningApi, role: str, **more: str) -> FhirHttp:
    """A new person's client."""
    token = api.signed_in(f"{role}-{more.get('patient_id', 'x')}", role, **more).transport._token_source()
    return FhirHttp(api.http(headers={"Authorization": f"Bearer {token}"}))


@contextmanager
def clinic(server: str, template: str, state: Path, **settings: object) -> Iterator[RunningApi]:
    """An API over a database of its own, for a file of tests that change nothing."""
    with postgres.fresh_database(server, template=template) as url:
        database = connect(postgres.app_url_of(url))
        with running_api(database, state, **settings) as api:
            yield api
        database.dispose()


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def as_(api: RunningApi) -> Callable[..., FhirHttp]:
    """`as_('clinician')` or `as_('patient', patient_id='ana')`."""
    return partial(client_of, api)


@pytest.fixture
def chen(as_) -> FhirHttp:
    """A clinician; Ana's record is there."""
    client = as_("clinician")
    assert client.put(patient("ana")).status_code == 201
    return client
