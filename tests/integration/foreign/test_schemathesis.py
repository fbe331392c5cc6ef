"""Schemathesis on our OpenAPI description: thousands of odd requests, none of which breaks the server or its guard."""

from __future__ import annotations

import re

import pytest

from tests.integration.fhir.conftest import FhirHttp
from tests.integration.foreign.conftest import output_of

pytestmark = pytest.mark.long

ENDS_ITS_OWN_SESSION = r"/auth/|/sessions|end-session|password|logout|/api/accounts?/|/api/access"
"""Left out: after one good request here, everything else would be refused, and nothing tested."""

SECONDS = "90"
REQUESTS = 2_000
"""At least so many in this time, on a busy machine too; a quiet one sends some 9,000."""


@pytest.mark.parametrize("role", ["clinician", "admin", "front_desk", "patient"])
def test_no_odd_request_breaks_the_server_or_is_answered_without_a_sign_in(
    served, foreign, ana, tmp_path, role
):
    program = foreign.python("schemathesis")
    more = {"patient_id": "ana"} if role == "patient" else {}
    token = served.signed_in(f"odd-{role}", role, **more).transport._token_source()
    address = f"{served.base_url}/openapi.json"
    told = output_of(
        [
            *(
                program,
                "run",
                address,
                "--header",
                f"Authorization: Bearer {token}",
                "--no-color",
                "--warnings",
                "off",
            ),
            *("--checks", "not_a_server_error,ignored_auth", "--phases", "coverage,fuzzing"),
            *("--exclude-path-regex", ENDS_ITS_OWN_SESSION, "--continue-on-failure"),
            *("--suppress-health-check", "all", "--max-time", SECONDS, "--max-examples", "5", "--seed", "1"),
        ],
        tmp_path,
    )
    assert int(re.search(r"Tested: (\d+)", told)[1]) > 300
    assert int(re.search(r"(\d+) generated", told)[1]) > REQUESTS
    mine = FhirHttp(served.http(headers={"Authorization": f"Bearer {token}"}))
    assert mine.get("/Patient/ana").status_code in (200, 403), (
        "still signed in: it was not the sign-in that was tested"
    )
