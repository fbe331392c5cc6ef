"""Counts the processes of the API that answer over one database, so that each keeps to its share of the rate limits."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import text

from ehr_core.db.database import Database
from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.logging import get_logger

EVERY_SECONDS = 5.0
GONE_AFTER_SECONDS = 15
"""A process that was killed counts this long."""

SEEN = text(
    "INSERT INTO access.api_process (process_id, seen_at) VALUES (:me, now()) "
    "ON CONFLICT (process_id) DO UPDATE SET seen_at = now()"
)
FORGET = text("DELETE FROM access.api_process WHERE seen_at < now() - make_interval(secs => :gone)")
COUNT = text("SELECT count(*) FROM access.api_process")
LEAVE = text("DELETE FROM access.api_process WHERE process_id = :me")

log = get_logger("process_census")


class ProcessCensus:
    """One a process. `tell` hears how many there are, this one among them; the last number counts while the database
    is away."""

    def __init__(self, database: Database, tell: Callable[[int], None]):
        self._database = database
        self._tell = tell
        self._me = new_id()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="process-census", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread:
            self._thread.join(timeout=10)
        self._tried(self._leave)

    def look(self) -> None:
        """Says that this process is there, and how many are."""
        with self._database.system() as connection:
            connection.execute(SEEN, {"me": self._me})
            connection.execute(FORGET, {"gone": GONE_AFTER_SECONDS})
            number = connection.execute(COUNT).scalar_one()
        self._tell(number)

    def _leave(self) -> None:
        with self._database.system() as connection:
            connection.execute(LEAVE, {"me": self._me})

    def _follow(self) -> None:
        while True:
            self._tried(self.look)
            if self._ending.wait(EVERY_SECONDS):
                return

    @staticmethod
    def _tried(act: Callable[[], None]) -> None:
        try:
            act()
        except Unavailable as error:
            log.warning("processes_not_counted", error=type(error).__name__)
