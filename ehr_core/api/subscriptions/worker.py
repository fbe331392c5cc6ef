"""Threads of the API that follow the outbox for subscribers: one that matches, a few that carry."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import text

from ehr_core.access.unit_of_work import begin
from ehr_core.api.background import Repeated
from ehr_core.api.dependencies import Parts
from ehr_core.api.subscriptions.courier import Courier
from ehr_core.api.subscriptions.matching import OVER, match_changes
from ehr_core.api.subscriptions.rows import DESK
from ehr_core.outside.addresses import reach_of
from ehr_core.outside.signing import OutsideSigner

MATCH_EVERY_SECONDS, CARRY_EVERY_SECONDS, OTHERS_EVERY_SECONDS = 0.5, 2.0, 5.0
SWEEP_EVERY_SECONDS = 60.0
COURIERS = 3
"""A slow endpoint holds up one of them."""
END_OVER = text(
    "UPDATE outside.subscription SET status = 'off', failure = :why, failed_at = :now "
    "WHERE status <> 'off' AND ends_at <= :now"
)
KEPT_DAYS = 30
FORGET = text(
    "DELETE FROM outside.subscription_event e USING outside.subscription s WHERE s.id = e.subscription_id "
    "AND e.number <= s.delivered_through AND e.at < :now - make_interval(days => :days)"
)
"""Events that were delivered are kept so long, for `$events`; what was not delivered is kept."""


class SubscriptionWorker:
    """As many may run as there are processes: they lock and lease what they work on."""

    def __init__(self, parts: Parts, signer: OutsideSigner):
        self.parts = parts
        self.courier = Courier(parts, signer, reach_of(parts.settings))
        self._swept_at = 0.0
        self._couriers = [
            Repeated(f"subscriptions-carry-{number}", self.courier.carry_one, CARRY_EVERY_SECONDS)
            for number in range(COURIERS)
        ]
        self._threads = [
            Repeated("subscriptions-match", self._match, MATCH_EVERY_SECONDS),
            *self._couriers,
        ]

    def also(self, name: str, act: Callable[[], bool]) -> None:
        """Something else that goes out in the background; False when nothing was due."""
        self._threads.append(Repeated(f"subscriptions-{name}", act, OTHERS_EVERY_SECONDS))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for thread in self._threads:
            thread.end()
        for thread in self._threads:
            thread.stop()

    def run_once(self) -> None:
        """Everything that is due, in this thread."""
        self.sweep()
        while self._match():
            pass
        while self.courier.carry_one():
            pass

    def sweep(self) -> None:
        """Ends what is over, and forgets what was told long ago."""
        with begin(self.parts.database, DESK, self.parts.clock, self.parts.settings.site_time_zone) as desk:
            desk.connection.execute(END_OVER, {"why": OVER, "now": desk.now()})
            desk.connection.execute(FORGET, {"now": desk.now(), "days": KEPT_DAYS})

    def _match(self) -> bool:
        if time.monotonic() - self._swept_at > SWEEP_EVERY_SECONDS:
            self._swept_at = time.monotonic()
            self.sweep()
        matched = match_changes(self.parts)
        if matched:
            for courier in self._couriers:
                courier.wake()
        return matched
