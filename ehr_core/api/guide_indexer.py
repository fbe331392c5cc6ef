"""A thread of the API that indexes what a package's new search parameters ask for, while everybody goes on working."""

from __future__ import annotations

from ehr_core.api.background import Background
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.settings import Settings
from ehr_core.store.guides.indexing import Indexer

log = get_logger("guide_indexer")


class GuideIndexer(Background):
    """Looks every few seconds for parameters that wait. Several processes may: one of them does the work."""

    thread_name = "guide-indexer"
    rest_seconds = 3.0
    rests_first = True

    def __init__(self, database: Database, clock: Clock, settings: Settings):
        super().__init__()
        self.indexer = Indexer(database, clock, settings.site_time_zone)

    def turn(self) -> bool:
        """Everything that waits now, once."""
        if self.indexer.is_wanted() and self.indexer.run(stop=self._ending.is_set):
            log.info("search_parameters_indexed")
        return False
