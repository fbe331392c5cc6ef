"""An id of one's own in the address and another's in the body, and the other way round; what is somebody else's."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import text, true
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboards.shared import print_route
from ehr_core.access import chart_policy
from ehr_core.api.bulk import jobs
from ehr_core.api.fhir import writing
from ehr_core.messaging import links
from ehr_core.store import repository
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import FhirHttp, client_of, observation
from tests.lib.smart_app import SmartApp
from tests.lib.weakened import assert_guarded, both_walls_gone, permissions_gone, second_wall_gone


def backend(api, *scopes: str, **more: object) -> FhirHttp:
    """A backend service with a token for these scopes."""
    app = SmartApp(api, kind="backend", scopes=scopes, more={"sees": ("*",)} | more)
    told = app.token(grant_type="client_credentials", scope=" ".join(scopes)).json()
    headers = {"Authorization": f"Bearer {told['access_token']}", "Content-Type": "application/fhir+json"}
    return FhirHttp(api.http(headers=headers))


@pytest.fixture
def app_for_ana(api, chen) -> FhirHttp:
    """An application that a clinician opened for Ana's chart alone, and that may write there."""
    if not chen.found("/Patient?identifier=urn:mrn|ANA-1"):
        mine = {"system": "http://hospital.example/mrn", "value": "ANA-1"}
        kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
        body = chen.get("/Patient/ana").json() | {"identifier": [mine | {"type": kind}]}
        chen.put(body)
    username = f"doctor-{len(chen.found('/Observation')):03d}-{id(chen) % 9973}"
    with api.work() as work:
        there = work.connection.execute(
            text("SELECT 1 FROM access.account WHERE username = :name"), {"name": username}
        ).first()
    if not there:
        api.account(username, "clinician")
    app = SmartApp(api, scopes=("launch/patient", "patient/*.cruds"))
    token = app.tokens_for(username, "ANA-1")["access_token"]
    return FhirHttp(api.http(headers={"Authorization": f"Bearer {token}"}))


def test_the_id_in_the_body_cannot_be_anothers(chen):
    def attack() -> bool:
        body = observation("of-ben", status="amended")
        return chen.send("PUT", "/Observation/mine", body).status_code == 200

    prepared = Store._prepared

    def any_id(self, type_name, body, resource_id, *, same_id=False, replaced=b""):
        return prepared(self, type_name, body, resource_id, replaced=replaced)

    def neither_looks(patch) -> None:
        patch.setattr(writing, "check_identity", lambda *given: None)
        patch.setattr(Store, "_prepared", any_id)

    assert_guarded(attack, neither_looks)


def moved(client: FhirHttp) -> bool:
    """Ana's result becomes Ben's."""
    return client.send("PUT", "/Observation/plain", observation("plain", "ben")).status_code == 200


def written_for_another(client: FhirHttp) -> bool:
    body = {name: value for name, value in observation("x", "ben").items() if name != "id"}
    return client.post(body).status_code == 201


def patched(client: FhirHttp) -> bool:
    """By an id of Ben's, with a guess at what stands there: neither a right nor a wrong one is told apart."""
    asks = [
        client.send(
            "PATCH",
            "/Observation/of-ben",
            [{"op": "test", "path": "/status", "value": guess}],
            Content_Type="application/json-patch+json",
        )
        for guess in ("final", "cancelled")
    ]
    return asks[0].status_code != asks[1].status_code


def deleted(client: FhirHttp) -> bool:
    return client.send("DELETE", "/Observation/of-ben", If_Match='W/"99"').status_code == 412


def told_by_a_condition(client: FhirHttp) -> bool:
    """If-None-Exist: 200 says that it is there."""
    body = {name: value for name, value in observation("x").items() if name != "id"}
    return client.post(body, If_None_Exist="code=718-7").status_code == 200


def told_by_a_conditional_update(client: FhirHttp) -> bool:
    body = observation("x", valueString="y")
    body.pop("id")
    answer = client.send("PUT", "/Observation?_id=of-ben&status=final", body)
    return answer.status_code in (200, 403) and "of-ben" in answer.text


@pytest.mark.parametrize(
    "attack",
    [moved, written_for_another, patched, deleted, told_by_a_condition],
    ids=lambda one: one.__name__,
)
def test_an_application_of_one_chart_writes_and_asks_in_no_other(chen, app_for_ana, attack):
    def scopes_and_walls_gone(patch) -> None:
        both_walls_gone(patch)
        patch.setattr(repository, "require_scope", lambda *given: None)

    assert_guarded(lambda: attack(app_for_ana), scopes_and_walls_gone)
    chen.put(observation("plain"))


def test_a_match_is_no_oracle_for_who_is_shut_out(chen, app_for_ana):
    ben = {
        "resourceType": "Patient",
        "name": [{"family": "Secretson", "given": ["Ana"]}],
        "birthDate": "1961-04-02",
    }
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": ben}]}

    def attack() -> bool:
        answer = app_for_ana.send("POST", "/Patient/$match", asked)
        return "ben" in [entry["resource"]["id"] for entry in answer.json().get("entry", [])]

    def walls_and_permissions_gone(patch) -> None:
        both_walls_gone(patch)
        permissions_gone(patch)

    assert_guarded(attack, walls_and_permissions_gone)


CONTENT = b"what was scanned of an HIV test"


def test_a_document_follows_what_it_belongs_to_by_every_way(api, chen):
    """By the scopes of today: its own row is as old as its writing. Labels: see test_shut_contexts."""
    held = chen.http.post(
        "/fhir/Binary",
        content=CONTENT,
        headers={"Content-Type": "application/pdf", "X-Security-Context": "Observation/plain"},
    ).json()
    without_scope = backend(api, "system/Binary.rs", "system/Provenance.c")
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": url}}
        for url in (f"Binary/{held['id']}", f"Binary?_id={held['id']}", f"Binary/{held['id']}/_history")
    ]}  # fmt: skip
    ways = {
        way: (lambda way=way: without_scope.get(way).text)
        for way in (
            f"/Binary/{held['id']}", f"/Binary?_id={held['id']}", f"/Binary/{held['id']}/_history",
            f"/Binary/{held['id']}/_history/1", "/Binary/_history", "?_type=Binary",
        )
    } | {"batch": lambda: without_scope.send("POST", "", batch).text}  # fmt: skip
    for way, ask in ways.items():

        def attack(ask=ask) -> bool:
            return held["data"] in ask()

        try:
            assert_guarded(
                attack, lambda patch: patch.setattr(chart_policy, "context_open_to", lambda *given: true())
            )
        except AssertionError as error:
            raise AssertionError(way) from error


def test_the_mailbox_is_not_for_patients(ana, api):
    """Messages to others: the permission, and behind it the database."""
    with api.work() as work:
        work.connection.exec_driver_sql(
            "INSERT INTO messaging.message (message_id, patient_id, kind, about, channel, language, places, state, "
            "sender, address, subject, body, made_at, not_before, sent_at) VALUES (gen_random_uuid(), 'ben', 'told', "
            "'visit', 'email', 'en', '{}', 'sent', 'mailbox', 'ben@example.org', 'Your visit', 'For Ben alone', "
            "now(), now(), now())"
        )

    def attack() -> bool:
        return "For Ben alone" in ana.http.get("/api/mailbox").text

    def open_to_all(patch) -> None:
        permissions_gone(patch)
        second_wall_gone(patch)

    assert_guarded(attack, open_to_all)
    with pytest.MonkeyPatch.context() as patch:
        permissions_gone(patch)
        assert not attack(), "the database alone keeps it shut"


def test_a_link_of_a_message_opens_nobody_elses(api):
    """The id of another link under a signature of one's own."""
    key = links.link_key("a key")
    mine, other = "0190d3a0-0000-7000-8000-000000000001", "0190d3a0-0000-7000-8000-000000000002"
    of_mine, of_other = (base64.urlsafe_b64decode(links.token_of(key, one) + "=") for one in (mine, other))
    forged = base64.urlsafe_b64encode(of_other[:16] + of_mine[16:]).decode().rstrip("=")

    def attack() -> bool:
        try:
            return links.link_id_of(key, forged) == other
        except links.NotFound:
            return False

    assert_guarded(attack, lambda patch: patch.setattr(links.hmac, "compare_digest", lambda *given: True))


def test_a_printed_page_is_given_out_once():
    """The address of a print, out of a browser's history."""
    app = TestClient(Starlette(routes=[print_route.PRINT_ROUTE]))

    def attack() -> bool:
        address = print_route.hold_for_print("<p>For Ben alone</p>")
        app.get(address)
        return "For Ben alone" in app.get(address).text

    class Kept(dict):
        def pop(self, key, otherwise=None):
            return self.get(key, otherwise)

    assert_guarded(attack, lambda patch: patch.setattr(print_route, "_held", Kept()))


def test_an_export_and_its_files_are_of_the_client_that_asked(api, chen):
    owner, other = (backend(api, "system/*.rs", bulk=True) for _ in range(2))
    started = owner.get("/Patient/$export?_type=Patient", Prefer="respond-async")
    status = started.headers["content-location"]

    def manifest(client) -> dict:
        while (answer := client.http.get(status)).status_code == 202:
            pass
        return answer.json()

    (file,) = manifest(owner)["output"]

    def attack() -> bool:
        return "Secretson" in other.http.get(file["url"]).text

    def anybodys(work, job_id):
        return work.connection.execute(
            text("SELECT * FROM bulk.job WHERE job_id = :id"), {"id": job_id}
        ).one()

    assert_guarded(attack, lambda patch: patch.setattr(jobs, "find", anybodys))
    assert client_of(api, "nurse").http.get(file["url"]).status_code == 403
