"""A hospital that somebody else wrote, as the other side: sekmet-fhir's scenarios against the running server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.foreign.conftest import backend, output_of

pytestmark = pytest.mark.long

PEER = "almoner"
NOT_OURS = {
    "lab_order_peer_fills": "no laboratory is simulated here",
    "messaging_adt_orders": "FHIR messaging is not offered",
    "subscription_roundtrip": "R4's own subscriptions are not offered",
    "subscription_backport_roundtrip": "subscriptions are not offered",
}


def test_the_scenarios_of_an_outside_hospital_pass(served, foreign, tmp_path):
    program = foreign.python("sekmet")
    app, pem, _ = backend(served, ("system/*.cruds",), tmp_path)
    auth = {
        "type": "smart",
        "client_id": app.client_id,
        "private_key_path": str(pem),
        "kid": app.key.kid,
        "alg": "ES384",
        "scope": "system/*.cruds",
    }
    settings = {
        "data_dir": str(tmp_path / "data"),
        "peers": {PEER: {"base_url": f"{served.base_url}/fhir", "auth": auth}},
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    output_of([program, "scenario", "run", "all", "-p", PEER, "--no-serve"], tmp_path)

    outcomes = outcomes_of(tmp_path / "reports")
    assert len(outcomes) >= 14
    assert {name for name, status in outcomes.items() if status != "passed"} == NOT_OURS.keys()


def outcomes_of(folder: Path) -> dict[str, str]:
    """Scenario → how it ended."""
    runs = json.loads(next(folder.rglob("results.json")).read_text())
    return {Path(run["file"]).stem: run["status"] for run in runs}
