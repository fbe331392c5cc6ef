"""Is this the key ring that the database was written with? With another one no encrypted identifier would be found."""

from __future__ import annotations

from sqlalchemy import text

from ehr_core.db.database import Database
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.vault import vault

WORD = "which ring is this?"


def require_its_key_ring(database: Database, clock: Clock) -> None:
    """Remembers the ring of a database that has none yet; raises StartupFailed for a stranger's."""
    fingerprint = vault().search_hash(WORD)
    with database.transaction(actor_id="service:startup", reach="none", patient_id=None) as connection:
        connection.execute(
            text(
                "INSERT INTO core.key_ring (fingerprint, known_since) VALUES (:it, :now) ON CONFLICT DO NOTHING"
            ),
            {"it": fingerprint, "now": clock.now()},
        )
        known = connection.execute(text("SELECT fingerprint FROM core.key_ring")).scalar_one()
    if known != fingerprint:
        raise StartupFailed(
            "This key ring is not the one that the database was written with: what is encrypted in it could not be "
            "read or found. Restore its encryption-keys.json, or set ALMONER_ENCRYPTION_KEY_FILE to it."
        )
