"""Who sends a byte now and then is cut off over the socket, in head and body; who is large and moves is not."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dashboards.service import staff
from ehr_core.api import guard
from ehr_core.db.database import connect
from ehr_core.kernel import http_server, slow_senders
from ehr_core.kernel.settings import Settings
from portal.service import portal
from tests.integration.fhir.conftest import FhirHttp, client_of, observation, patient
from tests.lib import postgres
from tests.lib.served_api import served_api
from tests.lib.weakened import assert_guarded

SHORT, PATIENCE = 0.5, 5.0


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator:
    with postgres.fresh_database(postgres_server, template=template_database) as url:
        database = connect(postgres.app_url_of(url))
        with served_api(database, tmp_path_factory.mktemp("clinic")) as running:
            yield running
        database.dispose()


@pytest.fixture(scope="module")
def chen(api) -> FhirHttp:
    client = client_of(api, "clinician")
    assert client.put(patient("ana")).status_code == 201
    return client


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", SHORT)
    monkeypatch.setattr(slow_senders, "FIRST_SECONDS", SHORT)


@contextmanager
def line_to(api) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", api.parts.settings.api_port), PATIENCE) as line:
        yield line


def told(line: socket.socket) -> bytes:
    """What comes until the server ends the connection; fails after a while when it does not."""
    found = b""
    while part := line.recv(65536):
        found += part
    return found


def trickled(line: socket.socket, head: bytes, byte: bytes, seconds: float = PATIENCE) -> bytes:
    """Sends the head, then a byte at a time until an answer comes."""
    line.sendall(head)
    line.settimeout(0.1)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            line.sendall(byte)
            found = line.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return b""
        line.settimeout(PATIENCE)
        return found + told(line)
    return b""


def ended(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def posting(chen: FhirHttp, path: str, length: int) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Authorization: {chen.http.headers['authorization']}",
        "Content-Type: application/fhir+json",
        f"Content-Length: {length}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_a_body_that_comes_byte_by_byte_does_not_hold_its_connection(api, chen):
    head = posting(chen, "/fhir/Observation", 100_000)

    def attack() -> bool:
        """It goes on for longer than it may."""
        with line_to(api) as line:
            return trickled(line, head, b" ", 4 * SHORT) == b""

    assert_guarded(attack, lambda patch: patch.setattr(guard, "paced", lambda receive: receive))


@pytest.mark.parametrize("path", ["/fhir/Observation", "/api/outside/cards"])
def test_it_is_answered_with_408_and_a_sentence(api, chen, path):
    with line_to(api) as line:
        answer = trickled(line, posting(chen, path, 100_000), b" ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in head.lower()
    assert b"too slowly" in body
    if path.startswith("/fhir"):
        assert json.loads(body)["issue"][0]["code"] == "timeout"


def test_headers_that_come_byte_by_byte_are_answered_with_408(api):
    with line_to(api) as line:
        answer = trickled(line, b"GET /health HTTP/1.1\r\nX-Slow: ", b"a")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not come within" in answer


def test_headers_of_a_further_request_have_their_own_time_and_no_more(api):
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with line_to(api) as line:
        for _ in range(3):
            line.sendall(request)
            assert line.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.6 * SHORT)
        assert b" 200 " not in trickled(line, b"GET /health HTTP/1.1\r\nX-Slow: ", b"a", 2 * SHORT)
        assert ended(line)


def test_a_connection_that_says_nothing_ends_in_silence(api):
    with line_to(api) as line:
        assert told(line) == b""


def test_who_goes_on_sending_what_was_answered_already_is_cut_off(api):
    with line_to(api) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        assert trickled(line, b"", b" ", 4 * SHORT) == b""
        assert ended(line)


def test_what_is_large_and_moves_is_not_cut_off(api, chen):
    """Longer on the way than the first seconds, and at the least pace."""
    note = "x" * 60_000
    body = json.dumps(observation("large", valueString=note)).encode()
    with line_to(api) as line:
        line.sendall(posting(chen, "/fhir/Observation", len(body)))
        step = len(body) // 12 + 1
        for start in range(0, len(body), step):
            line.sendall(body[start : start + step])
            time.sleep(SHORT / 6)
        assert line.recv(65536).startswith(b"HTTP/1.1 201")


def test_an_answer_that_takes_long_is_nobodys_slowness(api, chen, monkeypatch):
    """Only what is waited for counts: the head had come."""
    monkeypatch.setattr(api.app.state.rate_limits, "of_actor", lambda actor: time.sleep(3 * SHORT))
    assert chen.get("/Patient?_count=1").status_code == 200


@pytest.mark.parametrize("service", [staff, portal])
def test_the_apps_are_put_on_their_sockets_in_the_same_way(tmp_path, service):
    assert service(Settings(state=tmp_path)).command[2] == http_server.__name__
