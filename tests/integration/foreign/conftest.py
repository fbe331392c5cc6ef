"""FHIR clients of other people as programs of their own, and our API behind a socket for them to speak to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ehr_core.db.database import connect
from tests.integration.fhir.conftest import FhirHttp, observation, patient
from tests.lib import postgres
from tests.lib.api import RunningApi
from tests.lib.served_api import served_api
from tests.lib.smart_app import SmartApp

HERE = Path(__file__).parent
LABORATORY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]
}
"""Bulk clients ask for the categories of US Core."""
PATIENCE_SECONDS = 240
INSTALL = "run: sh deploy/foreign_clients.sh"


@dataclass(frozen=True)
class Foreign:
    """The folder that deploy/foreign_clients.sh fills."""

    folder: Path

    def python(self, program: str) -> str:
        """The path of a Python client's program; skips the test when it is not installed."""
        found = self.folder / "venv" / "bin" / program
        if not found.exists():
            pytest.skip(f"{program} is not installed; {INSTALL}")
        return str(found)

    def node(self, script: str, beside: Path) -> list[str]:
        """The command that runs one of our scripts where it finds the Node packages."""
        if shutil.which("node") is None:
            pytest.skip("Node.js is not here")
        if not (self.folder / "node_modules").exists():
            pytest.skip(f"the Node clients are not installed; {INSTALL}")
        (beside / "node_modules").symlink_to(self.folder / "node_modules")
        return ["node", shutil.copy(HERE / script, beside)]


@pytest.fixture(scope="session")
def foreign() -> Foreign:
    given = os.environ.get("ALMONER_FOREIGN_CLIENTS")
    return Foreign(Path(given) if given else Path(__file__).parents[3] / ".foreign")


@pytest.fixture(scope="module")
def served(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    """The API at the real time of day: other people's clients look at their own clocks."""
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        with served_api(database, tmp_path_factory.mktemp("served"), now=datetime.now(UTC)) as api:
            yield api
        database.dispose()


@pytest.fixture
def token(served: RunningApi, request: pytest.FixtureRequest) -> str:
    """A clinician's."""
    return served.signed_in(
        f"chen-{zlib.crc32(request.node.name.encode())}", "clinician"
    ).transport._token_source()


@pytest.fixture
def clinician(served: RunningApi, token: str) -> FhirHttp:
    return FhirHttp(served.http(headers={"Authorization": f"Bearer {token}"}))


@pytest.fixture
def ana(clinician: FhirHttp) -> FhirHttp:
    """The clinician, after writing two records: Ana's with five results, and another person's."""
    records = [patient("ana"), patient("other", "Nobody")] + [
        observation(f"ana{n}", category=[LABORATORY]) for n in range(5)
    ]
    for record in records:
        assert clinician.put(record).status_code in (200, 201)
    return clinician


def backend(served: RunningApi, scopes: tuple[str, ...], folder: Path) -> tuple[SmartApp, Path, Path]:
    """A registered backend service that may export; its private key as a PEM file and as a key set."""
    app = SmartApp(served, "backend", scopes, more={"bulk": True, "sees": ("*",)})
    pem, jwks = folder / "key.pem", folder / "key.jwks"
    pem.write_bytes(app.key.as_pem(private=True))
    signing = app.key.as_dict(private=True) | {"alg": "ES384", "key_ops": ["sign"]}
    jwks.write_text(json.dumps({"keys": [signing]}))
    return app, pem, jwks


def output_of(command: list[str], folder: Path, **more: str) -> str:
    """What the program printed; the test fails with all of it when the program did."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | more,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout
