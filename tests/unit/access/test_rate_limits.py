"""Buckets of requests: what is taken, what is refused, and that a flood locks nobody out for longer than it lasts."""

from __future__ import annotations

import pytest

from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.api import rate_limits
from ehr_core.api.rate_limits import Buckets, RateLimits, TooFast
from ehr_core.kernel.settings import Settings


class Now:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def limits(now, tmp_path) -> RateLimits:
    settings = Settings(
        state=tmp_path,
        account_requests_per_second=1,
        application_requests_per_second=1,
        address_requests_per_second=1,
    )
    return RateLimits(settings, now)


def taken(act, most: int = 1000) -> int:
    for number in range(most):
        try:
            act()
        except TooFast:
            return number
    return most


def test_a_bucket_empties_and_fills_again(now):
    buckets = Buckets(2, 4, now)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0]
    assert buckets.take("a") == 0.5
    assert buckets.take("b") == 0, "another's is its own"
    now.seconds = 0.5
    assert (buckets.take("a"), buckets.take("a")) == (0, 0.5)
    now.seconds = 100
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_a_refused_request_does_not_prolong_the_wait(now):
    buckets = Buckets(1, 1, now)
    buckets.take("a")
    assert {buckets.take("a") for _ in range(1000)} == {1}
    now.seconds = 1
    assert buckets.take("a") == 0


def test_several_processes_together_give_what_one_gives(now):
    limit, processes = 12, 3
    several = [Buckets(6, limit, now) for _ in range(processes)]
    for one in several:
        one.share_among(processes)
    assert sum(one.take("a") == 0 for one in several for _ in range(100)) == limit
    assert several[0].take("a") == pytest.approx(0.5), "two a second for each of three"
    now.seconds = 1
    assert sum(one.take("a") == 0 for one in several for _ in range(100)) == 6
    several[0].share_among(1)
    now.seconds = 2
    assert sum(several[0].take("a") == 0 for _ in range(100)) == 6, "the others have gone"


def test_no_rate_is_no_limit_and_old_buckets_go(now, monkeypatch):
    assert not any(Buckets(0, 0, now).take("a") for _ in range(1000))
    monkeypatch.setattr(rate_limits, "MOST_BUCKETS", 3)
    buckets = Buckets(1, 1, now)
    for number in range(10):
        buckets.take(str(number))
    assert len(buckets._buckets) == 3


def test_accounts_and_applications_have_their_own_and_services_none(limits):
    person = Actor("a", "user", "A", (), frozenset())
    app = Actor("a", "user", "A", (), frozenset(), application=ApplicationGrant("app", ()))
    service = Actor("service:x", "service", "X", (), frozenset())
    assert taken(lambda: limits.of_actor(person)) == 200
    assert taken(lambda: limits.of_actor(app)) == 200
    assert taken(lambda: limits.of_actor(service)) == 1000


def test_a_stranger_is_counted_by_address_and_a_good_token_goes_past(limits, now):
    limits.was_answered("Bearer good", 200, known=True)
    limits.was_answered("Bearer forged", 404, known=False)
    limits.was_answered("Bearer good", 200, known=False)
    assert taken(lambda: limits.of_address("1.2.3.4", "/fhir/Patient", "Bearer forged")) == 60
    with pytest.raises(TooFast) as error:
        limits.of_address("1.2.3.4", "/auth/authorize", "")
    assert error.value.seconds == 1
    limits.of_address("1.2.3.4", "/fhir/Patient", "Bearer good")
    limits.of_address("5.6.7.8", "/auth/authorize", "")
    limits.of_address("1.2.3.4", "/health", "")
    limits.was_answered("Bearer good", 401, known=True)
    with pytest.raises(TooFast):
        limits.of_address("1.2.3.4", "/fhir/Patient", "Bearer good")
    now.seconds = 1
    limits.of_address("1.2.3.4", "/auth/authorize", "")
