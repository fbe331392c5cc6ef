"""A bulk client against the running server: smart-fetch, as a backend service."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.integration.foreign.conftest import backend, output_of

pytestmark = pytest.mark.long

TYPES = ("Patient", "Observation", "Condition")


def read(folder: Path) -> dict[str, list[dict]]:
    """Type → resources, of every file that the client wrote."""
    found: dict[str, list[dict]] = {}
    for file in sorted(folder.glob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            resource = json.loads(line)
            if "resourceType" in resource:
                found.setdefault(resource["resourceType"], []).append(resource)
    return found


@pytest.mark.parametrize("command", [["bulk"], ["crawl", "--group", "panel"]], ids=["export", "crawl"])
def test_smart_fetch_gets_everything_it_may_as_we_hold_it(served, foreign, ana, tmp_path, command):
    program = foreign.python("smart-fetch")
    group = {
        "resourceType": "Group",
        "id": "panel",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": "Patient/ana"}}],
    }
    assert ana.put(group).status_code in (200, 201)
    app, _, jwks = backend(served, ("system/*.rs",), tmp_path)
    who = [
        "--fhir-url",
        f"{served.base_url}/fhir",
        "--smart-client-id",
        app.client_id,
        "--smart-key",
        str(jwks),
    ]
    folder = tmp_path / "out"
    output_of(
        [program, *command, *who, "--type", ",".join(TYPES), "--no-default-filters", str(folder)], tmp_path
    )

    found = read(folder)
    expected = {"ana"} if "crawl" in command else {"ana", "other"}
    assert {each["id"] for each in found["Patient"]} == expected
    assert {each["id"] for each in found["Observation"]} == {f"ana{number}" for number in range(5)}
    held = ana.get("/Observation/ana3").json()
    assert next(each for each in found["Observation"] if each["id"] == "ana3") == held
