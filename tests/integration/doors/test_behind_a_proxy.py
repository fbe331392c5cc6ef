"""Whose word about a caller's address is taken: in audit rows, in the throttle of sign-ins, in the limits of requests.

The proxy of these tests connects from 127.0.0.1, a stranger from 127.0.0.2; both send what they like.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import text

from ehr_core.access.throttle import PAIR_LIMIT
from tests.lib.api import RunningApi
from tests.lib.served_api import served_api
from tests.lib.sign_in import ticket_of

pytestmark = pytest.mark.long

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
CALLER, OTHER = "203.0.113.5", "198.51.100.9"
REFUSED = text(
    "SELECT detail ->> 'address' FROM audit.event WHERE act = 'sign_in' ORDER BY at DESC, id DESC LIMIT 1"
)


@contextmanager
def behind(api: RunningApi, peer: str, forwarded: str | None = None) -> Iterator[httpx.Client]:
    """Someone who connects from `peer` and says that the request came by these addresses."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    transport = httpx.HTTPTransport(local_address=peer)
    with httpx.Client(base_url=api.base_url, transport=transport, headers=headers) as client:
        yield client


@pytest.fixture
def api(database, tmp_path, monkeypatch) -> Iterator[RunningApi]:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", f"{PROXY},10.0.0.0/8")
    with served_api(database, tmp_path, address_requests_per_second=0) as running:
        running.account("chen", "clinician")
        yield running


def wrong_password(api: RunningApi, client: httpx.Client) -> int:
    identity = api.parts.identity.clients["staff"]
    asked = {
        "response_type": "code",
        "client_id": "staff",
        "redirect_uri": identity.redirect_uris[0],
        "scope": "openid profile",
        "state": "s",
        "nonce": "n",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    page = client.get("/auth/authorize", params=asked)
    form = {"ticket": ticket_of(page), "username": "chen", "password": "a wrong password"}
    return client.post("/auth/authorize", data=form).status_code


def written_address(api: RunningApi) -> str:
    with api.work() as work:
        return work.connection.execute(REFUSED).scalar_one()


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        (STRANGER, CALLER, STRANGER),
        (STRANGER, f"{CALLER}, 10.0.0.7", STRANGER),
        (PROXY, None, PROXY),
        (PROXY, CALLER, CALLER),
        (PROXY, f"{OTHER}, {CALLER}", CALLER),
        (PROXY, f"{OTHER}, {CALLER}, 10.0.0.7", CALLER),
        (PROXY, f"10.0.0.9, {CALLER}", CALLER),
    ],
)
def test_the_audit_log_holds_the_last_address_that_no_trusted_proxy_has(api, peer, forwarded, counted):
    with behind(api, peer, forwarded) as client:
        assert wrong_password(api, client) == 401
    assert written_address(api) == counted


def test_a_stranger_who_changes_the_header_is_slowed_down_all_the_same(api):
    answers = []
    for number in range(PAIR_LIMIT + 1):
        with behind(api, STRANGER, f"203.0.113.{number}") as client:
            answers.append(wrong_password(api, client))
    assert answers == [401] * PAIR_LIMIT + [429]


def test_who_guesses_behind_a_proxy_does_not_lock_others_behind_it_out(api):
    for _ in range(PAIR_LIMIT + 1):
        with behind(api, PROXY, f"{OTHER}, {CALLER}") as client:
            last = wrong_password(api, client)
    assert last == 429
    with behind(api, PROXY, f"{CALLER}, {OTHER}") as client:
        assert wrong_password(api, client) == 401


def test_the_limit_of_requests_counts_the_same_address(database, tmp_path, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", PROXY)
    with served_api(database, tmp_path, address_requests_per_second=0.05) as api:

        def answers(peer: str, *callers: str) -> set[int]:
            found = set()
            for caller in callers:
                with behind(api, peer, caller) as client:
                    found.add(client.get("/fhir/metadata").status_code)
            return found

        assert 429 in answers(STRANGER, *(f"203.0.113.{number}" for number in range(8)))
        assert answers(PROXY, *(f"203.0.113.{number}" for number in range(8))) == {200}
        assert 429 in answers(PROXY, *[CALLER] * 8)
        assert 429 in answers(PROXY, *(f"198.51.100.{number}, {CALLER}" for number in range(8)))
