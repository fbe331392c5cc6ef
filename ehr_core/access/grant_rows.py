"""An application's grant as it is read from the database, alone or beside a token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row

GRANT_COLUMNS = """
  g.id AS grant_id, g.client_id AS grant_client_id, g.sid AS grant_sid, g.scopes AS grant_scopes,
  g.patient_id AS grant_patient_id, g.encounter_id AS grant_encounter_id, g.ends_at AS grant_ends_at,
  g.revoked_at AS grant_revoked_at
"""


@dataclass(frozen=True)
class AppGrant:
    """`sid` is none for a backend service. `patient_id` is the launch context."""

    grant_id: str
    client_id: str
    sid: str | None
    scopes: tuple[str, ...]
    patient_id: str | None
    encounter_id: str | None
    ends_at: datetime
    revoked: bool

    @property
    def lasts(self) -> bool:
        """Whether it goes on after the person's session would have been idle."""
        return "offline_access" in self.scopes


def grant_of(row: Row) -> AppGrant:
    return AppGrant(
        grant_id=row.grant_id,
        client_id=row.grant_client_id,
        sid=row.grant_sid,
        scopes=tuple(row.grant_scopes),
        patient_id=row.grant_patient_id,
        encounter_id=row.grant_encounter_id,
        ends_at=row.grant_ends_at,
        revoked=row.grant_revoked_at is not None,
    )
