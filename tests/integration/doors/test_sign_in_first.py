"""At every address that takes a body: who is not let in hears so, whatever is wrong with what they sent."""

from __future__ import annotations

import re

import pytest

from tests.integration.fhir.conftest import clinic
from tests.lib.smart_app import SmartApp

BEHIND_A_SIGN_IN = ("/api/", "/fhir", "/cds-services/")
KEPT_ELSEWHERE = "/fhir/AuditEvent"
"""Is never written over the wire: its address refuses the method itself, to everybody."""
BROKEN = (
    (b"\xff\xfe{", "application/json"),
    (b"[" * 100_000, "application/json"),
    (b'{"unknown": 1}', "application/json"),
    (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
    (b"a=%ff", "application/x-www-form-urlencoded"),
)
DOORS = (
    "/cds-services/almoner-order-sign",
    "/cds-services/almoner-order-sign/feedback",
    "/cds-services/unknown",
    "/fhir",
    "/fhir/$import",
    "/fhir/$export",
    "/fhir/import-files",
    "/fhir/Subscription",
    "/fhir/Patient/ana/Observation/_search",
    "/api/accounts",
)


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory):
    state = tmp_path_factory.mktemp("clinic")
    with clinic(postgres_server, template_database, state, address_requests_per_second=0) as running:
        yield running


def taking_a_body(app) -> set[tuple[str, str]]:
    """(method, address) behind a sign-in, with a word for each parameter of the address."""
    return {
        (method, address)
        for pattern, methods in app.state.addresses
        for method in methods & {"POST", "PUT", "PATCH"}
        if (address := re.sub(r"\(\?P<\w+>[^)]*\)", "x", pattern.pattern).strip("^$").replace("\\", ""))
        and address.startswith(BEHIND_A_SIGN_IN)
        and not address.startswith(KEPT_ELSEWHERE)
    }


def test_nobody_is_told_what_is_wrong_with_a_body_before_they_are_let_in(api):
    http, addresses = api.http(headers={"Content-Type": "application/json"}), taking_a_body(api.app)
    assert len(addresses) > 100
    answers = {where: http.request(*where, content=b"{").status_code for where in addresses}
    assert {where: status for where, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize("path", DOORS)
def test_no_kind_of_broken_body_is_looked_at_before_the_sign_in(api, path):
    for authorization in ({}, {"Authorization": "Bearer made-up"}, {"Authorization": "Bearer a.b.c"}):
        for body, kind in BROKEN:
            answer = api.http().post(path, content=body, headers={"Content-Type": kind} | authorization)
            assert answer.status_code == 401, (kind, body[:20], answer.text)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_who_is_let_in_is_told_what_is_wrong(api):
    token = api.signed_in("chen", "clinician").transport._token_source()
    http = api.http(headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    for body in (b"{", b"[" * 100_000, b'{"unknown": 1}'):
        assert http.post("/cds-services/almoner-order-sign", content=body).status_code == 400


def test_a_signed_call_is_used_up_by_a_malformed_body_and_told_of_it(api):
    """Once: the second look at who sent it is the first one's."""
    ehr = SmartApp(api, kind="backend", scopes=("system/Patient.r",))
    address = "/cds-services/almoner-order-sign"
    for body in (b"{", b'{"unknown": 1}'):
        signed = ehr.assertion(aud=f"{api.base_url}{address}")
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {signed}"}
        answers = [api.http().post(address, content=body, headers=headers).status_code for _ in range(2)]
        assert answers == [400, 401]


@pytest.mark.parametrize("path", ["/auth/token", "/auth/introspect", "/auth/revoke", "/auth/session-token"])
def test_an_application_that_does_not_say_who_it_is_is_told_that_first(api, path):
    for body, kind in BROKEN:
        answer = api.http().post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 401, (path, kind, body[:20], answer.text)
