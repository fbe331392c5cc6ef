"""A thread of the API that indexes what a package's new search parameters ask for, while everybody goes on working."""

from __future__ import annotations

import threading

from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.settings import Settings
from ehr_core.store.guides.indexing import Indexer

LOOK_EVERY_SECONDS = 3.0

log = get_logger("guide_indexer")


class GuideIndexer:
    """Looks every few seconds for parameters that wait. Several processes may: one of them does the work."""

    def __init__(self, database: Database, clock: Clock, settings: Settings):
        self.indexer = Indexer(database, clock, settings.site_time_zone)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="guide-indexer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread:
            self._thread.join(timeout=10)

    def turn(self) -> None:
        """Everything that waits now, once."""
        if self.indexer.is_wanted() and self.indexer.run(stop=self._ending.is_set):
            log.info("search_parameters_indexed")

    def _follow(self) -> None:
        while not self._ending.wait(LOOK_EVERY_SECONDS):
            try:
                self.turn()
            except Exception as error:  # whatever goes wrong now, the next turn is taken
                log.warning("guide_indexer_waits", kind=type(error).__name__)
