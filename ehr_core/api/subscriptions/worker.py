"""Threads of the API that follow the outbox for subscribers: one that matches, a few that carry."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import text

from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts
from ehr_core.api.subscriptions.courier import Courier
from ehr_core.api.subscriptions.matching import OVER, match_changes
from ehr_core.api.subscriptions.rows import DESK
from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.logging import get_logger
from ehr_core.outside.addresses import reach_of
from ehr_core.outside.signing import OutsideSigner

IDLE_SECONDS = 0.5
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

log = get_logger("subscriptions")


class SubscriptionWorker:
    """As many may run as there are processes: they lock and lease what they work on."""

    def __init__(self, parts: Parts, signer: OutsideSigner):
        self.parts = parts
        self.courier = Courier(parts, signer, reach_of(parts.settings))
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        acts = [("match", self._match)] + [
            (f"carry-{number}", self.courier.carry_one) for number in range(COURIERS)
        ]
        for name, act in acts:
            thread = threading.Thread(
                target=self._follow, args=(act,), name=f"subscriptions-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def run_once(self) -> None:
        """Everything that is due, in this thread."""
        while self._match():
            pass
        while self.courier.carry_one():
            pass

    def _match(self) -> bool:
        with begin(self.parts.database, DESK, self.parts.clock, self.parts.settings.site_time_zone) as desk:
            desk.connection.execute(END_OVER, {"why": OVER, "now": desk.now()})
            desk.connection.execute(FORGET, {"now": desk.now(), "days": KEPT_DAYS})
        return match_changes(self.parts)

    def _follow(self, act: Callable[[], bool]) -> None:
        while not self._ending.is_set():
            try:
                worked = act()
            except Unavailable:
                worked = False
            except Exception as error:  # whatever happens to one turn, the next one comes
                log.error("subscriptions_wait", kind=type(error).__name__)
                worked = False
            if not worked:
                self._ending.wait(IDLE_SECONDS)
