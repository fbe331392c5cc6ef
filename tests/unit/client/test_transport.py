"""The client's transport and tokens, against a server that misbehaves on purpose."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from data_contracts.api.account import ChangeAccount, Me
from ehr_core.client import AlmonerClient
from ehr_core.client import tokens as tokens_module
from ehr_core.client.tokens import ServiceTokens, SessionToken, SessionTokens
from ehr_core.client.transport import GET_ATTEMPTS
from ehr_core.kernel.errors import Conflict, NotFound, SignInRequired, Unavailable

BASE = "http://api.test"
ME = Me(
    account_id="a", kind="user", name="Chen", roles=[], permissions=[], session_id="s", patient_id=None
).model_dump_json()


class Server(httpx.MockTransport):
    """Answers by a function of the request and remembers what it was asked."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]):
        self.asked: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return answer(request)

        super().__init__(handle)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("ehr_core.client.transport.time.sleep", lambda _: None)


def client_of(server: Server, token_source=lambda: "token") -> AlmonerClient:
    return AlmonerClient(BASE, token_source, server)


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def test_a_read_is_tried_again_while_the_server_is_away():
    answers = iter([httpx.Response(503), httpx.Response(502), httpx.Response(200, text=ME)])
    server = Server(lambda _: next(answers))
    assert client_of(server).account.me().name == "Chen"
    assert len(server.asked) == GET_ATTEMPTS


def test_a_server_that_stays_away_is_unavailable_in_a_sentence():
    server = Server(unreachable)
    with pytest.raises(Unavailable, match="cannot be reached"):
        client_of(server).account.me()
    assert len(server.asked) == GET_ATTEMPTS


@pytest.mark.parametrize("answer", [unreachable, lambda _: httpx.Response(503)])
def test_a_write_is_never_sent_twice(answer):
    server = Server(answer)
    with pytest.raises(Unavailable):
        client_of(server).account.change("a", ChangeAccount(disabled=True))
    assert len(server.asked) == 1


def test_a_write_without_an_answer_in_time_says_that_it_may_have_happened():
    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    with pytest.raises(Unavailable, match="whether it was done"):
        client_of(Server(late)).account.change("a", ChangeAccount(disabled=True))


def test_other_errors_are_not_tried_again():
    server = Server(lambda _: httpx.Response(409, json={"error": "Conflict", "message": "Taken."}))
    with pytest.raises(Conflict, match="Taken"):
        client_of(server).account.me()
    assert len(server.asked) == 1


@pytest.mark.parametrize("odd", ["../../api/accounts", "a/b", "a?b=c", "a#b", "%2e%2e"])
def test_an_odd_id_stays_one_segment_of_the_address(odd):
    server = Server(lambda _: httpx.Response(204))
    client_of(server).account.revoke_session(odd)
    path = server.asked[0].url.raw_path.decode()
    assert path.startswith("/api/sessions/")
    assert path.endswith("/revoke")
    assert path.count("/") == 4


@pytest.mark.parametrize("nothing", ["", ".", ".."])
def test_an_id_that_is_none_is_not_even_asked_for(nothing):
    server = Server(lambda _: httpx.Response(204))
    with pytest.raises(NotFound):
        client_of(server).account.revoke_session(nothing)
    assert server.asked == []


class Clock:
    """The monotonic clock of the token caches, moved by hand."""

    def __init__(self, monkeypatch):
        self.seconds = 1000.0
        monkeypatch.setattr(tokens_module.time, "monotonic", lambda: self.seconds)


def granting(life: float = 300) -> Server:
    issued = iter(range(1, 1000))
    return Server(
        lambda _: httpx.Response(200, json={"access_token": f"t{next(issued)}", "expires_in": life})
    )


def test_a_session_token_is_kept_until_shortly_before_it_expires(monkeypatch):
    clock, server = Clock(monkeypatch), granting(300)
    kept = SessionTokens(BASE, "staff", "secret", server)
    assert [kept.token_for("s1"), kept.token_for("s1"), kept.token_for("s2")] == ["t1", "t1", "t2"]
    clock.seconds += 279
    assert kept.token_for("s1") == "t1"
    clock.seconds += 2
    assert kept.token_for("s1") == "t3"


def test_even_a_very_short_token_is_used_for_a_while(monkeypatch):
    clock, server = Clock(monkeypatch), granting(10)
    kept = SessionTokens(BASE, "staff", "secret", server)
    assert kept.token_for("s") == kept.token_for("s")
    clock.seconds += 6
    assert kept.token_for("s") == "t2"


def test_a_revoked_session_is_a_sign_in_that_is_required():
    refused = {"error": "session_ended", "error_description": "Your session has ended. Sign in again."}
    kept = SessionTokens(BASE, "staff", "secret", Server(lambda _: httpx.Response(401, json=refused)))
    with pytest.raises(SignInRequired, match="session has ended"):
        kept.token_for("s")


@pytest.mark.parametrize("answer", [unreachable, lambda _: httpx.Response(500)])
def test_a_server_that_is_away_does_not_end_a_session(answer):
    with pytest.raises(Unavailable):
        SessionTokens(BASE, "staff", "secret", Server(answer)).token_for("s")


def test_after_a_401_the_client_asks_once_for_a_fresh_token_and_then_gives_up():
    tokens = SessionTokens(BASE, "staff", "secret", granting())
    refusal = httpx.Response(401, json={"error": "SignInRequired", "message": "Ended."})
    server = Server(lambda _: refusal)
    with pytest.raises(SignInRequired):
        client_of(server, SessionToken(tokens, "s")).account.me()
    assert [request.headers["authorization"] for request in server.asked] == ["Bearer t1", "Bearer t2"]


def test_a_service_signs_in_with_its_secret_in_the_header_and_keeps_the_token(monkeypatch):
    Clock(monkeypatch)
    server = granting()
    source = ServiceTokens(BASE, "pipeline", "secret", server)
    assert [source(), source()] == ["t1", "t1"]
    assert server.asked[0].headers["authorization"].startswith("Basic ")
    assert b"secret" not in server.asked[0].content
    assert "secret" not in str(server.asked[0].url)
    source.renew()
    assert source() == "t2"


def test_the_number_of_kept_sessions_is_bounded(monkeypatch):
    Clock(monkeypatch)
    monkeypatch.setattr(tokens_module, "MOST_KEPT", 10)
    kept = SessionTokens(BASE, "staff", "secret", granting())
    for number in range(50):
        kept.token_for(f"s{number}")
    assert len(kept._kept) <= 10
