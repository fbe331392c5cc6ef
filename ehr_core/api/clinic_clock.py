"""The clinic's clock: a thread of the API that routes new results and does what the passing of time asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.api.background import Background
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.settings import Settings
from ehr_core.workflows.pass_time import follow_the_clock, route_results

CLERK = Actor("service:clinic-clock", "service", "Results and orders desk", (), frozenset())
CLOCK_EVERY_SECONDS = 15.0
BATCHES_A_TURN = 20

Did = TypeVar("Did")

log = get_logger("clinic_clock")


class ClinicClock(Background):
    """Looks every second for new results, and every CLOCK_EVERY_SECONDS at what is due. Several processes may do so."""

    thread_name = "clinic-clock"
    rest_seconds = 1.0

    def __init__(self, database: Database, clock: Clock, settings: Settings):
        super().__init__()
        self.database = database
        self.clock = clock
        self.settings = settings
        self._looks_at = 0.0

    def run_once(self) -> None:
        """Everything that waits now."""
        self.route()
        self.look_at_the_clock()

    def turn(self) -> bool:
        self.route()
        if time.monotonic() >= self._looks_at:
            self.look_at_the_clock()
            self._looks_at = time.monotonic() + CLOCK_EVERY_SECONDS
        return False

    def route(self) -> None:
        for _ in range(BATCHES_A_TURN):
            if not self._as_clerk(route_results):
                return

    def look_at_the_clock(self) -> None:
        minutes = self.settings.critical_result_minutes
        passed_on, made = self._as_clerk(lambda work: follow_the_clock(work, critical_after_minutes=minutes))
        if passed_on or made:
            log.info("clock_followed", critical_results_passed_on=passed_on, orders_made=made)

    def _as_clerk(self, act: Callable[[UnitOfWork], Did]) -> Did:
        with begin(self.database, CLERK, self.clock, self.settings.site_time_zone) as work:
            return act(work)
