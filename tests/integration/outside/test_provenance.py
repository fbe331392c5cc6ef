"""Provenance of what software writes: there with the write, as sensitive as it, searched by what it is about."""

from __future__ import annotations

import json

import pytest

from ehr_core.store.importer import import_path, load_resources
from ehr_core.store.origins import Origin
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import observation, patient
from tests.lib.api import SEEDER, running_api
from tests.lib.smart_app import SmartApp

ORIGIN = Origin("import-1", "NDJSON of another clinic", {"display": "Command line"})
HIV_TEST = "56888-1"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            for name in ("ana", "ben"):
                Store(work).create("Patient", patient(name), id=name)
        yield running


class Device:
    """A backend service that writes results."""

    def __init__(self, api, *scopes: str, **more):
        self.api = api
        self.app = SmartApp(api, kind="backend", scopes=scopes, more={"sees": ("*",)} | more)

    def send(self, method: str, path: str, body: object = None, **headers: str):
        told = self.app.token(grant_type="client_credentials", scope=" ".join(self.app.scopes)).json()
        named = {"Authorization": f"Bearer {told['access_token']}", "Content-Type": "application/fhir+json"}
        content = None if body is None else json.dumps(body).encode()
        return self.api.http().request(method, f"/fhir{path}", content=content, headers=named | headers)

    def found(self, path: str) -> list[dict]:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", [])]


@pytest.fixture
def device(api) -> Device:
    return Device(api, "system/*.cruds")


def targets(provenance: dict) -> list[str]:
    return [one["reference"] for one in provenance["target"]]


def test_each_write_of_an_application_is_proved_and_found_by_its_target(api, device):
    assert device.send("PUT", "/Observation/a1c", observation("a1c")).status_code == 201
    assert device.send("PUT", "/Observation/a1c", observation("a1c", valueString="7.1")).status_code == 200
    patched = [{"op": "replace", "path": "/status", "value": "amended"}]
    patch_type = {"Content-Type": "application/json-patch+json"}
    assert device.send("PATCH", "/Observation/a1c", patched, **patch_type).status_code == 200
    assert device.send("DELETE", "/Observation/a1c").status_code == 204
    told = device.found("/Provenance?target=Observation/a1c&_sort=_lastUpdated")
    assert sorted((targets(one)[0], one["activity"]["coding"][0]["code"]) for one in told) == [
        ("Observation/a1c/_history/1", "CREATE"),
        ("Observation/a1c/_history/2", "UPDATE"),
        ("Observation/a1c/_history/3", "UPDATE"),
        ("Observation/a1c/_history/4", "DELETE"),
    ]
    who = told[0]["agent"][0]["who"]
    assert (who["type"], who["display"], who["identifier"]["value"]) == (
        "Device",
        "Glucose Buddy",
        device.app.client_id,
    )
    assert "recorded" in told[0]
    assert len(device.found("/Provenance?patient=ana")) == 4


def test_it_comes_along_with_what_it_is_about(api, device):
    device.send("PUT", "/Observation/a1c", observation("a1c"))
    found = device.found("/Observation?_id=a1c&_revinclude=Provenance:target")
    assert [one["resourceType"] for one in found] == ["Observation", "Provenance"]


def test_a_transaction_is_proved_as_one_for_each_patient(api, device):
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"Observation/{one['id']}"}}
        for one in (observation("a"), observation("b"), observation("c", "ben"))
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert device.send("POST", "", bundle).status_code == 200
    told = device.found("/Provenance")
    assert sorted(len(one["target"]) for one in told) == [1, 2]
    assert {one["extension"][0]["valueReference"]["reference"] for one in told} == {
        "Patient/ana",
        "Patient/ben",
    }


def test_a_write_that_fails_leaves_none_and_one_that_changes_nothing_does_neither(api, device):
    assert device.send("PUT", "/Observation/a1c", observation("a1c", status="wrong")).status_code == 422
    device.send("PUT", "/Observation/a1c", observation("a1c"))
    device.send("PUT", "/Observation/a1c", observation("a1c"))
    assert len(device.found("/Provenance")) == 1


def test_what_is_sensitive_has_a_sensitive_provenance(api, device):
    device.send("PUT", "/Observation/hiv", observation("hiv", code=HIV_TEST))
    device.send("PUT", "/Observation/a1c", observation("a1c"))
    blind = Device(api, "system/*.rs", sees=())
    assert [targets(one)[0] for one in blind.found("/Provenance?patient=ana")] == [
        "Observation/a1c/_history/1"
    ]
    assert len(device.found("/Provenance?patient=ana")) == 2


def test_an_application_of_a_clinician_writes_on_behalf_of_that_person(api):
    api.account("chen", "clinician", practitioner_id="doc")
    app = SmartApp(api, scopes=("user/*.cruds",))
    token = app.tokens_for("chen")["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    made = api.http().put("/fhir/Observation/a1c", json=observation("a1c"), headers=headers)
    assert made.status_code == 201, made.text
    told = app.get("/fhir/Provenance?target=Observation/a1c", token).json()["entry"][0]["resource"]
    author, device = told["agent"]
    assert author["who"]["reference"] == device["onBehalfOf"]["reference"] == "Practitioner/doc"
    assert device["type"]["coding"][0]["code"] == "assembler"


def test_a_person_of_the_staff_writes_without_one(api, device):
    token = api.signed_in("chen", "clinician").transport._token_source()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    api.http().put("/fhir/Observation/a1c", json=observation("a1c"), headers=headers)
    assert not device.found("/Provenance")


def test_an_import_proves_what_it_stored_and_nothing_twice(api, device, tmp_path):
    lines = [json.dumps(observation(f"o-{number}", ("ana", "ben")[number % 2])) for number in range(40)]
    lines.append(json.dumps(observation("hiv", code=HIV_TEST)))
    (tmp_path / "results.ndjson").write_text("\n".join(lines))

    def bring() -> int:
        done = import_path(
            api.parts.database, SEEDER, [tmp_path / "results.ndjson"], processes=1, origin=ORIGIN
        )
        return done.stored

    assert bring() == 41
    told = device.found("/Provenance")
    assert sorted(len(one["target"]) for one in told) == [1, 20, 20]
    assert {one["entity"][0]["what"]["identifier"]["value"] for one in told} == {"import-1"}
    assert {one["agent"][0]["type"]["coding"][0]["code"] for one in told} == {"transmitter"}
    found = device.found("/Observation?_id=o-7&_revinclude=Provenance:target")
    assert len(found) == 2
    assert bring() == 0
    assert len(device.found("/Provenance")) == 3
    lines[7] = json.dumps(observation("o-7", "ben", valueString="corrected"))
    (tmp_path / "results.ndjson").write_text("\n".join(lines))
    assert bring() == 1
    news = [one for one in device.found("/Provenance?target=Observation/o-7") if len(one["target"]) == 1]
    assert targets(news[0]) == ["Observation/o-7/_history/2"]


def test_a_population_that_is_seeded_is_no_import_from_anywhere(api, device):
    load_resources(
        api.parts.database, SEEDER, [("Observation", json.dumps(observation("o")).encode())], processes=1
    )
    assert not device.found("/Provenance")
