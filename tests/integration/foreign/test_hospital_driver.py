"""A hospital that somebody else wrote, as the other side: sekmet-fhir's scenarios against the running server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ehr_core.api.subscriptions.topics import topics
from tests.integration.foreign.conftest import backend, output_of
from tests.lib.api import RunningApi
from tests.lib.postgres import free_port
from tests.lib.served_api import served_api

pytestmark = pytest.mark.long

PEER = "almoner"
NOT_OURS = {
    "lab_order_peer_fills": "no laboratory is simulated here",
    "messaging_adt_orders": "FHIR messaging is not offered",
    "subscription_roundtrip": "R4's own subscriptions are not offered",
    "subscription_backport_roundtrip": "it names its topic and listens: told below",
}


def test_the_scenarios_of_an_outside_hospital_pass(served, foreign, tmp_path):
    program = foreign.python("sekmet")
    hospital(served, tmp_path)
    listed = {
        line.split()[0] for line in output_of([program, "scenario", "list"], tmp_path).splitlines() if line
    }
    assert listed >= NOT_OURS.keys()
    output_of([program, "scenario", "run", *(listed - NOT_OURS.keys()), "-p", PEER, "--no-serve"], tmp_path)

    outcomes = outcomes_of(tmp_path / "reports")
    assert outcomes.keys() == listed - NOT_OURS.keys()
    assert len(outcomes) >= 10
    assert set(outcomes.values()) == {"passed"}


def test_it_subscribes_to_visits_and_hears_of_the_one_that_ended(listened_to, foreign, tmp_path):
    program = foreign.python("sekmet")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    hospital(
        listened_to, tmp_path, host="127.0.0.1", port=port, base_url=f"{address}/fhir", public_url=address
    )
    topic = next(url for url in topics() if url.endswith("visits"))
    scenario = ["scenario", "run", "subscription_backport_roundtrip", "-p", PEER, "--serve"]
    output_of([program, *scenario, "--var", f"topic={topic}"], tmp_path)
    assert outcomes_of(tmp_path / "reports") == {"subscription_backport_roundtrip": "passed"}


@pytest.fixture
def listened_to(database, tmp_path):
    """An API that may call this machine."""
    with served_api(database, tmp_path, now=datetime.now(UTC), outside_networks="127.0.0.0/8") as api:
        yield api


def hospital(api: RunningApi, folder: Path, **more: object) -> None:
    """The settings of a hospital whose peer is our API."""
    app, pem, _ = backend(api, ("system/*.cruds",), folder)
    auth = {
        "type": "smart",
        "client_id": app.client_id,
        "private_key_path": str(pem),
        "kid": app.key.kid,
        "alg": "ES384",
        "scope": "system/*.cruds",
    }
    peers = {PEER: {"base_url": f"{api.base_url}/fhir", "auth": auth}}
    settings = {"data_dir": str(folder / "data"), "peers": peers} | more
    (folder / "settings.yaml").write_text(json.dumps(settings))


def outcomes_of(folder: Path) -> dict[str, str]:
    """Scenario → how it ended."""
    runs = json.loads(next(folder.rglob("results.json")).read_text())
    return {Path(run["file"]).stem: run["status"] for run in runs}
