"""A thread of the API that seals the audit log every minute: what was sealed cannot be written anew unnoticed."""

from __future__ import annotations

from ehr_core.access.audit_seals import SealBroken, Seals
from ehr_core.api.background import Background
from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.logging import get_logger
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings

SEALER_ID = "service:audit-sealer"

log = get_logger("audit_sealer")


class AuditSealer(Background):
    """One a machine: the file of seals lies in the state folder."""

    thread_name = "audit-sealer"
    rest_seconds = 60.0
    rests_first = True

    def __init__(self, database: Database, clock: Clock, settings: Settings, secrets: Secrets):
        super().__init__()
        self.database = database
        self.clock = clock
        self.seals = Seals(settings.state_folder, secrets.token_signing_key)

    def seal(self) -> int:
        """How many chains grew since the last seal."""
        with self.database.transaction(actor_id=SEALER_ID, reach="all", patient_id=None) as connection:
            return self.seals.add(connection, self.clock)

    def turn(self) -> bool:
        try:
            self.seal()
        except SealBroken as error:
            log.error("audit_seals_broken", reason=error.message)
        return False
