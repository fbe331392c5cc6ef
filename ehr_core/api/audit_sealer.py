"""A thread of the API that seals the audit log every minute: what was sealed cannot be written anew unnoticed."""

from __future__ import annotations

import threading

from ehr_core.access.audit_seals import SealBroken, Seals
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings

SEAL_EVERY_SECONDS = 60.0
SEALER_ID = "service:audit-sealer"

log = get_logger("audit_sealer")


class AuditSealer:
    """One a machine: the file of seals lies in the state folder."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, secrets: Secrets):
        self.database = database
        self.clock = clock
        self.seals = Seals(settings.state_folder, secrets.token_signing_key)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="audit-sealer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread:
            self._thread.join(timeout=10)

    def seal(self) -> int:
        """How many chains grew since the last seal."""
        with self.database.transaction(actor_id=SEALER_ID, reach="all", patient_id=None) as connection:
            return self.seals.add(connection, self.clock)

    def _follow(self) -> None:
        while not self._ending.wait(SEAL_EVERY_SECONDS):
            try:
                self.seal()
            except SealBroken as error:
                log.error("audit_seals_broken", reason=error.message)
            except (AlmonerError, OSError) as error:
                log.warning("audit_not_sealed", error=type(error).__name__)
