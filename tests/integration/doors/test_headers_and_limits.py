"""Security headers and content policy on every app of the house, and too many requests answered as such."""

from __future__ import annotations

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from ehr_core.api.rate_limits import RateLimits
from ehr_core.client.app_headers import GuardedApp, policy
from ehr_core.db.database import connect
from ehr_core.kernel.settings import Settings
from pipelines.services import dagster_webserver
from tests.lib.api import running_api
from tests.lib.served_api import served_api
from tests.lib.weakened import assert_guarded


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        yield running


@pytest.fixture
def apps(api, tmp_path, monkeypatch):
    """The staff workspace and the portal, as uvicorn serves them."""
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    import dashboards.asgi
    import portal.asgi

    made = {"staff": dashboards.asgi.create_app(), "portal": portal.asgi.create_app()}
    for app in made.values():
        assert isinstance(app, GuardedApp)
        app._app = PlainTextResponse("a page of Streamlit's: one process runs one app of it alone")
    return made


def directives(value: str) -> dict[str, str]:
    return {part.split()[0]: part for part in value.split("; ")}


def test_every_app_sends_security_headers_and_a_content_policy(api, apps):
    staff = api.signed_in("kim", "nurse").transport._token_source()
    answers = {
        path: api.http().get(path, headers={"Authorization": f"Bearer {staff}"} if "Patient" in path else {})
        for path in ("/health", "/fhir/metadata", "/fhir/Patient", "/nowhere", "/auth/authorize", "/api/me")
    }
    for name, app in apps.items():
        client = TestClient(app)
        answers |= {f"{name}{path}": client.get(path) for path in ("/", "/", "/print/nothing")}
    for where, answer in answers.items():
        assert answer.headers["x-content-type-options"] == "nosniff", where
        assert answer.headers["x-frame-options"] in ("DENY", "SAMEORIGIN"), where
        assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin"), where
        told = directives(answer.headers["content-security-policy"])
        assert told["default-src"] in ("default-src 'none'", "default-src 'self'"), where
        assert told["frame-ancestors"] in ("frame-ancestors 'none'", "frame-ancestors 'self'"), where
        assert "unsafe-inline" not in told.get("script-src", ""), where
        assert "http:" not in answer.headers["content-security-policy"].replace("http://127", ""), where


def test_the_apps_policy_knows_the_inline_script_of_streamlits_page_and_no_other():
    told = directives(policy())
    assert told["object-src"] == "object-src 'none'"
    assert told["form-action"] == "form-action 'self'"
    assert "*" not in policy()


def test_dagster_listens_on_this_machine_alone_unless_the_site_says_otherwise(tmp_path):
    command = dagster_webserver(Settings(state=tmp_path)).command
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_without_the_guard_no_header_would_be_there(apps):
    def bare() -> bool:
        return "content-security-policy" not in TestClient(apps["portal"]).get("/").headers

    async def through(self, scope, receive, send):
        await self._app(scope, receive, send)

    assert_guarded(bare, lambda patch: patch.setattr(GuardedApp, "__call__", through))


def test_too_many_requests_are_429_with_the_time_to_wait_and_lock_no_colleague_out(database, tmp_path):
    with running_api(
        database, tmp_path, account_requests_per_second=0.05, address_requests_per_second=0.1
    ) as api:
        kim, lee = (
            {"Authorization": f"Bearer {api.signed_in(name, 'nurse').transport._token_source()}"}
            for name in ("kim", "lee")
        )
        http = api.http()
        answers = [http.get("/fhir/Patient", headers=kim) for _ in range(12)]
        assert [answer.status_code for answer in answers].count(200) in (9, 10)
        refused = answers[-1]
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert refused.json()["issue"][0]["code"] == "throttled"
        assert http.get("/fhir/Patient", headers=lee).status_code == 200
        forged = {"Authorization": "Bearer forged"}
        strangers = [
            http.get(path, headers=forged).status_code
            for path in ("/fhir/metadata", "/nowhere")
            for _ in range(6)
        ]
        assert 429 in strangers
        assert http.get("/api/me", headers=forged).json()["error"] == "TooMuch"
        assert http.get("/fhir/Patient", headers=lee).status_code == 200, "a flood of strangers is not lee's"
        assert http.get("/health").status_code == 200


def test_two_processes_over_one_database_give_together_what_is_set(database, tmp_path):
    """On sockets, with their counting at work; who came last and who is gone counts within seconds."""
    limits = {"address_requests_per_second": 0.1}

    def counted(*apis) -> None:
        """Twice: the first of them to look may not see the last one yet."""
        for api in (*apis, *apis):
            api.app.state.process_census.look()

    def strangers(*apis) -> int:
        return sum(api.http().get("/auth/authorize").status_code != 429 for api in apis for _ in range(8))

    with served_api(database, tmp_path / "one", **limits) as one:
        with served_api(connect(database.url), tmp_path / "two", **limits) as two:
            counted(one, two)
            assert strangers(one, two) in (6, 7)
        counted(one)
        assert one.app.state.rate_limits._addresses._processes == 1

    def flood() -> bool:
        with (
            served_api(connect(database.url), tmp_path / "one", **limits) as one,
            served_api(connect(database.url), tmp_path / "two", **limits) as two,
        ):
            counted(one, two)
            return strangers(one, two) > 9

    assert_guarded(flood, lambda patch: patch.setattr(RateLimits, "share_among", lambda *given: None))


def test_without_the_limits_a_flood_goes_on(database, tmp_path):
    with running_api(database, tmp_path, address_requests_per_second=0.01) as api:

        def flood() -> bool:
            return all(api.http().get("/auth/authorize").status_code != 429 for _ in range(5))

        assert_guarded(flood, lambda patch: patch.setattr(RateLimits, "of_address", lambda *given: None))
