"""A call to another machine: no redirect, no endless answer, no drip, no look at the environment's proxies."""

from __future__ import annotations

import time

import pytest

from ehr_core.kernel.settings import Settings
from ehr_core.outside.addresses import AddressRefused, reach_of
from ehr_core.outside.calls import CallFailed, call
from tests.lib.receiver import DEVELOPMENT, receiver


@pytest.fixture
def reach(tmp_path):
    return reach_of(Settings(state=tmp_path, **DEVELOPMENT))


def ask(url: str, reach, **more):
    return call("POST", url, reach=reach, headers={}, body=b"{}", **{"seconds": 2, **more})


def test_an_answer_comes_back_whole(reach):
    with receiver(answer=lambda taken: (201, b"fine")) as there:
        answer = ask(f"{there.url}/a?b=c", reach)
    assert (answer.status, answer.body) == (201, b"fine")
    assert there.taken[0].path == "/a?b=c"


def test_a_redirect_is_not_followed(reach):
    with receiver(answer=lambda taken: (307, b""), headers={"Location": "http://169.254.169.254/"}) as there:
        with pytest.raises(CallFailed, match="redirect"):
            ask(there.url, reach)
        assert len(there.taken) == 1


def test_an_answer_that_is_too_large_is_left(reach):
    large = receiver(answer=lambda taken: (200, b"x" * 5000))
    with large as there, pytest.raises(CallFailed, match="larger than 1,000 bytes"):
        ask(there.url, reach, most_bytes=1000)


def test_an_answer_that_drips_is_left_when_the_time_is_up(reach):
    with receiver(answer=lambda taken: (200, b"x" * 100), drip_seconds=0.1) as there:
        started = time.monotonic()
        with pytest.raises(CallFailed, match="within 0"):
            ask(there.url, reach, seconds=0.5)
        assert time.monotonic() - started < 2


def test_a_machine_that_is_not_there_is_a_sentence(reach):
    with receiver() as there:
        pass
    with pytest.raises(CallFailed, match="failed or broke off"):
        ask(there.url, reach)


def test_a_name_that_is_rebound_meanwhile_is_called_where_it_was_judged(reach):
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with receiver() as there:
        port = there.port
        ask(f"http://localhost:{port}/", reach, look=lambda host, port: next(answers))
        assert there.taken[0].headers["Host"] == f"localhost:{port}"
        with pytest.raises(AddressRefused):
            ask(f"http://localhost:{port}/", reach, look=lambda host, port: next(answers))
        assert len(there.taken) == 1


def test_a_slow_look_up_counts_against_the_time(reach):
    def slow(host: str, port: int) -> list[str]:
        time.sleep(5)
        return ["127.0.0.1"]

    started = time.monotonic()
    with pytest.raises(CallFailed, match="name"):
        ask("http://slow.example/", reach, seconds=0.3, look=slow)
    assert time.monotonic() - started < 2


def test_no_proxy_of_the_environment_is_asked(reach, monkeypatch):
    with receiver() as proxy, receiver() as there:
        monkeypatch.setenv("http_proxy", proxy.url)
        ask(there.url, reach)
    assert not proxy.taken
    assert len(there.taken) == 1
