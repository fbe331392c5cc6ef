"""What an answer's cost, and a message to another system, tell without meaning to."""

from __future__ import annotations

from argon2 import PasswordHasher

from ehr_core.access import passwords, sign_in
from ehr_core.api.subscriptions import courier
from tests.integration.fhir.conftest import observation
from tests.integration.outside.subscribing import Subscriber
from tests.lib.receiver import receiver
from tests.lib.served_api import wait_for
from tests.lib.sign_in import SignInFlow
from tests.lib.weakened import assert_guarded


class CountingHasher:
    """Counts the hashes of a sign-in: their work is what a watch would measure."""

    def __init__(self):
        self.checks = 0
        self._own = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)

    def verify(self, *given):
        self.checks += 1
        return self._own.verify(*given)

    def __getattr__(self, name):
        return getattr(self._own, name)


def test_an_unknown_name_costs_as_much_as_a_known_one(api, monkeypatch):
    api.account("known", "nurse")
    counting = CountingHasher()
    monkeypatch.setattr(passwords, "_HASHER", counting)

    def cost(name: str) -> int:
        before = counting.checks
        flow = SignInFlow(api)
        flow.submit(flow.open_page(), name, "not the right password")
        return counting.checks - before

    real = sign_in.password_matches

    def in_a_hurry(kept, password):
        return kept is not None and real(kept, password)

    assert_guarded(
        lambda: cost("known") != cost("nobody"),
        lambda patch: patch.setattr(sign_in, "password_matches", in_a_hurry),
    )


def test_a_notification_names_ids_and_nothing_of_a_patient(api, chen):
    """Asked for as ids alone: neither the body nor the address of the message says more."""
    written = "Secretson said so"
    with receiver() as elsewhere:
        subscriber = Subscriber(api)
        made = subscriber.subscribed(f"{elsewhere.url}/hook")
        wait_for(lambda: subscriber.status(made)["status"] == "active")

        def attack() -> bool:
            del elsewhere.taken[:]
            name = f"told-{len(chen.found('/Observation'))}"
            chen.put(observation(name, "ben", valueString=written))
            wait_for(lambda: any(name.encode() in one.body for one in list(elsewhere.taken)))
            return any(written in f"{one.path} {one.headers} {one.body.decode()}" for one in elsewhere.taken)

        told = courier.notification

        def with_everything(*given, **more):
            return told(*given, **(more | {"content": "full-resource"}))

        assert_guarded(attack, lambda patch: patch.setattr(courier, "notification", with_everything))
