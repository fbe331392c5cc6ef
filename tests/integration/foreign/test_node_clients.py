"""JavaScript clients against the running server: fhir-kit-client, and the SMART JS client with a sign-in."""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest

from ehr_core.access.applications import NewApplication, register
from tests.integration.foreign.conftest import output_of
from tests.lib.api import PASSWORD
from tests.lib.postgres import free_port
from tests.lib.served_api import wait_for
from tests.lib.sign_in import ticket_of
from tests.lib.smart_app import REGISTRAR

pytestmark = pytest.mark.long


def test_fhir_kit_client_reads_writes_pages_patches_and_deletes(served, foreign, token, tmp_path):
    command = foreign.node("kit_client.mjs", tmp_path)
    seen = json.loads(output_of([*command, f"{served.base_url}/fhir", token], tmp_path))
    assert seen == {
        "version": "4.0.1",
        "authorize": f"{served.base_url}/auth/authorize",
        "made": ["201"] * 5,
        "pages": [[61, 62], [63, 64], [65]],
        "posted": 1,
        "updated": "2",
        "patched": "1970-02-01",
        "first": "1970-01-31",
        "history": 3,
        "compartment": 5,
        "resolved": "Kit",
        "everything": 6,
        "gone": 410,
        "refused": 422,
    }


SCOPES = (
    "launch/patient",
    "openid",
    "fhirUser",
    "offline_access",
    "patient/Patient.rs",
    "patient/Observation.rs",
)


@pytest.fixture
def smart_app(served, foreign, tmp_path):
    """The application's address; it runs with an id and a redirect address of its own."""
    port = free_port()
    command = foreign.node("smart_app.cjs", tmp_path)
    with served.work(REGISTRAR) as work:
        client_id = register(
            work,
            NewApplication(
                name="Glucose Buddy",
                kind="public",
                redirect_uris=(f"http://127.0.0.1:{port}/callback",),
                scopes=SCOPES,
            ),
        )
    with subprocess.Popen([*command, client_id, " ".join(SCOPES), str(port)], cwd=tmp_path) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_the_smart_js_client_signs_a_patient_in_reads_refreshes_and_stays_in_one_chart(
    served, ana, smart_app
):
    served.account("ana", "patient", patient_id="ana")
    browser = served.http(follow_redirects=False, timeout=30)
    launch = f"{smart_app}/launch?iss={served.base_url}/fhir"
    sent = wait_for(lambda: answer_of_app(browser, launch))
    page = browser.get(sent.headers["location"])
    page = browser.post(
        "/auth/authorize", data={"ticket": ticket_of(page), "username": "ana", "password": PASSWORD}
    )
    allowed = browser.post("/auth/authorize/consent", data={"ticket": ticket_of(page), "decision": "allow"})
    answer = browser.get(allowed.headers["location"])
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "family": "Rivera",
        "observations": ["ana0", "ana1", "ana2", "ana3", "ana4"],
        "other": 404,
        "refreshed": True,
        "again": "ana",
        "user": "Patient/ana",
        "granted": " ".join(SCOPES),
        "pkce": True,
    }


def answer_of_app(browser, address: str):
    try:
        return browser.get(address)
    except httpx.ConnectError:
        return None
