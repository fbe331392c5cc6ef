"""A thread of the API that looks through the audit log every few minutes and raises alerts; see access/watch.py."""

from __future__ import annotations

import threading

from ehr_core.access.unit_of_work import begin
from ehr_core.access.watch import WATCHER, look, thresholds
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.settings import Settings

log = get_logger("audit_watcher")


class AuditWatcher:
    """One a process; of several only one looks at a time."""

    def __init__(self, database: Database, clock: Clock, settings: Settings):
        self.database = database
        self.clock = clock
        self.zone = settings.site_time_zone
        self.every_seconds = settings.watch_minutes * 60
        self.limits = thresholds(settings.watch_rules)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="audit-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread:
            self._thread.join(timeout=10)

    def look(self) -> int:
        """How many alerts are new."""
        with begin(self.database, WATCHER, self.clock, self.zone) as work:
            return look(work, self.limits)

    def _follow(self) -> None:
        while not self._ending.wait(self.every_seconds):
            try:
                if raised := self.look():
                    log.warning("alerts_raised", number=raised)
            except AlmonerError as error:
                log.warning("audit_not_watched", error=type(error).__name__)
