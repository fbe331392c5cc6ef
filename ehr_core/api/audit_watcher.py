"""A thread of the API that looks through the audit log every few minutes and raises alerts; see access/watch.py."""

from __future__ import annotations

from ehr_core.access.unit_of_work import begin
from ehr_core.access.watch import WATCHER, look, thresholds
from ehr_core.api.background import Background
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.settings import Settings

log = get_logger("audit_watcher")


class AuditWatcher(Background):
    """One a process; of several only one looks at a time."""

    thread_name = "audit-watcher"
    rests_first = True

    def __init__(self, database: Database, clock: Clock, settings: Settings):
        super().__init__()
        self.database = database
        self.clock = clock
        self.zone = settings.site_time_zone
        self.rest_seconds = settings.watch_minutes * 60
        self.limits = thresholds(settings.watch_rules)

    def look(self) -> int:
        """How many alerts are new."""
        with begin(self.database, WATCHER, self.clock, self.zone) as work:
            return look(work, self.limits)

    def turn(self) -> bool:
        if raised := self.look():
            log.warning("alerts_raised", number=raised)
        return False
