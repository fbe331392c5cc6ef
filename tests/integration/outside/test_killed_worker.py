"""kill -9 of the worker while it tells: nothing is lost, and what is told twice has the same number."""

from __future__ import annotations

from collections import Counter

import pytest

from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import observation, patient
from tests.integration.outside.subscribing import BACKPORT, Subscriber, messages, parameters, turn
from tests.lib.api import running_api
from tests.lib.mortal_worker import start_worker
from tests.lib.receiver import DEVELOPMENT, receiver
from tests.lib.served_api import wait_for

pytestmark = pytest.mark.long
EVENTS, KILLED_AT = 12, (2, 5, 9)
"""Messages during whose sending the worker is killed."""


@pytest.mark.parametrize(("words", "loses"), [((), False), (("careless",), True)])
def test_a_killed_worker_loses_nothing_and_one_that_notes_too_early_does(
    database, database_url, tmp_path, words, loses
):
    running: list = []
    told = Counter()

    def answer(taken):
        if parameters(taken)["type"] == "event-notification":
            told["messages"] += 1
            if told["messages"] in KILLED_AT:
                running[-1].kill()
                running[-1].wait()
                return 500, b""
        return 200, b""

    with running_api(database, tmp_path, **DEVELOPMENT) as api, receiver(answer=answer) as here:
        one_at_a_time = [{"url": f"{BACKPORT}/backport-max-count", "valuePositiveInt": 1}]
        Subscriber(api).subscribed(f"{here.url}/hook", extension=one_at_a_time)
        turn(api)
        with api.work() as work:
            Store(work).create("Patient", patient("ana"), id="ana")
            for number in range(EVENTS):
                Store(work).create("Observation", observation(f"o-{number}"), id=f"o-{number}")
        for _ in range(len(KILLED_AT) + 1):
            running.append(start_worker(tmp_path, database_url[1], *words))
            wait_for(lambda: running[-1].poll() is not None or _all_delivered(api), 60)
            running[-1].kill()
            running[-1].wait()
            _a_minute_passes(api)
        numbers = [number for one in messages(here) for number, _ in one["events"]]
    accepted = set(numbers) - ({numbers[place - 1] for place in KILLED_AT} if loses else set())
    assert (accepted == set(range(1, EVENTS + 1))) is not loses
    if not loses:
        twice = {number for number, times in Counter(numbers).items() if times > 1}
        assert len(twice) == len(KILLED_AT)


def _all_delivered(api) -> bool:
    with api.work() as work:
        return work.connection.exec_driver_sql(
            f"SELECT delivered_through = {EVENTS} FROM outside.subscription"
        ).scalar_one()


def _a_minute_passes(api) -> None:
    """The dead courier's lease ends."""
    with api.work() as work:
        work.connection.exec_driver_sql("UPDATE outside.subscription SET lease_until = NULL")
