"""The API's skeleton: health, errors, headers, one transaction a request. Routes of its own stand in for rooms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import httpx
import pytest
import structlog
from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import StreamingResponse

from data_contracts.api.model import ApiModel
from ehr_core.api import app as api_app
from ehr_core.api.dependencies import RawBody, Work
from ehr_core.api.guard import MAX_BODY_BYTES
from ehr_core.client.transport import error_of
from ehr_core.db.database import connect
from ehr_core.kernel.errors import (
    AlmonerError,
    BadRequest,
    Forbidden,
    InvalidResource,
    Issue,
    NotFound,
    StaleVersion,
    StartupFailed,
    TooMuch,
    Unavailable,
)
from ehr_core.kernel.settings import Settings
from tests.lib.api import running_api

SECRET = "Ana Rivera 1961-04-02"


class Weight(ApiModel):
    weight_kg: float


def stand_in_routes() -> APIRouter:
    """One route a way to fail, and two that write."""
    router = APIRouter()

    @router.post("/test/note")
    @router.post("/fhir/of/the/tests")
    def write_then(work: Work, then: str = "succeed") -> dict[str, str]:
        work.audit("noted")
        if then == "stale":
            raise StaleVersion("Somebody saved a newer version. Look at it, then save again.")
        if then == "invalid":
            raise InvalidResource([Issue("Observation.status", "is required")])
        if then == "break":
            raise ValueError(SECRET)
        if then == "bad_sql":
            work.connection.execute(text("SELECT 1 / (SELECT length(:it) * 0)"), {"it": SECRET})
        if then == "fail_at_commit":
            work.connection.execute(
                text("CREATE TEMP TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            )
            work.connection.execute(text("INSERT INTO later VALUES (1), (1)"))
        return {"said": "saved"}

    @router.post("/test/wrong-answer")
    def answer_wrongly(work: Work) -> Weight:
        work.audit("noted")
        return {"weight_kg": SECRET}

    @router.post("/test/weight")
    def weigh(weight: Weight, work: Work) -> Weight:
        return weight

    @router.get("/test/count")
    def count(work: Work, most: Annotated[int, Query(le=10)]) -> int:
        return most

    @router.post("/test/size")
    def size(body: RawBody, work: Work) -> int:
        return len(body)

    @router.get("/test/stream")
    def stream() -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            yield b"first"
            raise ValueError(SECRET)

        return StreamingResponse(pieces())

    return router


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        running.app.include_router(stand_in_routes())
        yield running


@pytest.fixture
def http(api):
    """A plain HTTP client with a clinician's token."""
    token = api.signed_in("chen", "clinician").transport._token_source()
    return api.http(headers={"Authorization": f"Bearer {token}"})


def notes(api):
    with api.work() as work:
        return work.connection.execute(
            text("SELECT count(*) FROM audit.event WHERE act = 'noted'")
        ).scalar_one()


def test_health_says_that_the_database_is_reachable(api):
    answer = api.http().get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "reachable"}


def test_health_says_when_it_is_not(tmp_path):
    nowhere = connect("postgresql://almoner_app:x@127.0.0.1:9/none")
    with running_api(nowhere, tmp_path) as api:
        answer = api.http().get("/health")
        assert answer.status_code == 503
        assert answer.json()["error"] == "Unavailable"
        signed = api.http().get("/api/me", headers={"Authorization": "Bearer x"})
        assert signed.status_code == 503


def test_the_api_says_what_it_needs_when_it_was_not_told_its_database(tmp_path, monkeypatch):
    monkeypatch.delenv("ALMONER_APP_DATABASE_URL", raising=False)
    with pytest.raises(StartupFailed, match="almoner up"):
        api_app.create_app(Settings(state=tmp_path))


def test_what_a_request_wrote_is_there_when_it_succeeds(api, http):
    assert http.post("/test/note").json() == {"said": "saved"}
    assert notes(api) == 1


@pytest.mark.parametrize(
    ("then", "status"),
    [("stale", 412), ("invalid", 422), ("break", 500), ("bad_sql", 500), ("fail_at_commit", 500)],
)
def test_a_request_that_fails_leaves_nothing_and_never_answers_2xx(api, http, then, status):
    assert http.post("/test/note", params={"then": then}).status_code == status
    assert notes(api) == 0


def test_an_answer_that_breaks_its_own_contract_is_an_error_and_leaves_nothing(api, http):
    with structlog.testing.capture_logs() as logs:
        answer = http.post("/test/wrong-answer")
    assert answer.status_code == 500
    assert SECRET not in answer.text + str(logs)
    assert notes(api) == 0


@pytest.mark.parametrize("path", ["/test/note", "/fhir/of/the/tests"])
@pytest.mark.parametrize("then", ["break", "bad_sql"])
def test_an_unexpected_error_gives_an_incident_and_tells_nothing_in_answer_or_log(http, path, then):
    with structlog.testing.capture_logs() as logs:
        answer = http.post(path, params={"then": then})
    assert answer.status_code == 500
    incident = answer.headers["x-request-id"]
    assert incident in answer.text
    assert SECRET not in answer.text + str(logs)
    (told,) = [entry for entry in logs if entry["event"] == "unexpected_error"]
    assert told["incident_id"] == incident
    assert "write_then" in str(told["places"])


def test_a_stream_that_breaks_is_cut_short_without_telling_why(api):
    with structlog.testing.capture_logs() as logs:
        answer = api.http().get("/test/stream")
    assert SECRET not in answer.text + str(logs)
    assert "unexpected_error" in [entry["event"] for entry in logs]


def test_under_fhir_an_error_is_an_operation_outcome_that_names_the_element(http):
    answer = http.post("/fhir/of/the/tests", params={"then": "invalid"})
    assert answer.headers["content-type"] == "application/fhir+json"
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == ["Observation.status"]
    assert issue["severity"] == "error"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"weight_kg": "Ana Rivera 1961-04-02"}', "body.weight_kg"),
        (b'{"weight_kg": 70, "Ana": 1}', "body.Ana"),
        (b'{"weight_kg": 70', "body"),
        (b'["Ana Rivera 1961-04-02"]', "body"),
        (b"", "body"),
    ],
)
def test_a_misshapen_body_is_refused_by_place_without_its_values(http, body, place):
    answer = http.post("/test/weight", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert SECRET not in answer.text
    assert any(issue["expression"].startswith(place) for issue in answer.json()["issues"])


def test_a_parameter_out_of_range_is_refused_without_its_value(http):
    answer = http.get("/test/count", params={"most": SECRET})
    assert answer.status_code == 400
    assert SECRET not in answer.text
    assert answer.json()["issues"][0]["expression"] == "query.most"


@pytest.mark.parametrize(
    ("path", "kind"), [("/nowhere", "json"), ("/api/nowhere", "json"), ("/fhir/$nowhere/x/y", "fhir+json")]
)
def test_an_address_that_is_not_there_is_404_in_the_right_form(http, path, kind):
    answer = http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == f"application/{kind}"


def test_another_method_is_405(http):
    answer = http.delete("/api/me")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_too_large_a_body_is_refused_with_a_sentence(http):
    assert http.post("/test/size", content=b"x" * 1_000_000).json() == 1_000_000
    answer = http.post("/test/size", content=b"x" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert "smaller parts" in answer.json()["message"]
    undeclared = http.post("/test/weight", content=(b" " * 1_000_000 for _ in range(40)))
    assert undeclared.status_code == 413


def test_every_answer_carries_the_security_headers_and_an_id(api):
    for path in ("/health", "/nowhere", "/.well-known/openid-configuration"):
        headers = api.http().get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) == 36


@pytest.mark.parametrize(
    ("given", "kept"), [("abcd-1234", True), ("x", False), ("bad id\twith spaces", False)]
)
def test_a_callers_request_id_is_kept_when_it_is_a_plain_one(api, given, kept):
    answer = api.http().get("/health", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept


def test_the_access_log_names_the_route_and_never_a_search_value(http):
    with structlog.testing.capture_logs() as logs:
        http.get("/api/audit", params={"patient_id": "ana-rivera"})
    (told,) = [entry for entry in logs if entry["event"] == "request"]
    assert told["route"] == "/api/audit"
    assert told["status"] == 403
    assert "rivera" not in str(logs)


def test_many_requests_at_once_do_not_starve_each_other(http, api):
    """More than the thread pool and the connection pool hold together: nobody waits for a thread with a connection."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda _: http.post("/test/note").status_code, range(180)))
    assert set(answers) == {200}
    assert notes(api) == 180


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, {"error": "Forbidden", "message": "No."}, Forbidden),
        (409, {"error": "SystemExit", "message": "No."}, AlmonerError),
        (404, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "No."}]}, NotFound),
        (502, "<html>Bad gateway</html>", Unavailable),
        (413, None, TooMuch),
        (418, "teapot", BadRequest),
        (500, [1], AlmonerError),
    ],
)
def test_the_client_turns_an_answer_back_into_the_error_that_it_was(status, body, error):
    made = error_of(
        httpx.Response(status, json=body) if not isinstance(body, str) else httpx.Response(status, text=body)
    )
    assert isinstance(made, error)
    assert made.message


def test_the_client_gets_the_failing_elements_back():
    body = {
        "resourceType": "OperationOutcome",
        "issue": [
            {"code": "required", "expression": ["Patient.name"], "diagnostics": "Patient.name: is required"}
        ],
    }
    made = error_of(httpx.Response(422, json=body))
    assert isinstance(made, InvalidResource)
    assert made.issues == [Issue("Patient.name", "is required", "required")]
