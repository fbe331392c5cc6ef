"""One booked visit as scheduling reads it from the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Visit:
    """An Appointment of one patient. None is not recorded."""

    appointment_id: str
    patient_id: str
    starts_at: datetime
    minutes: int | None
    status: str
    reason: str | None
    practitioner_id: str | None
    practitioner: str | None
