"""Who waits for an earlier time, and what was offered."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.scheduling import PartOfDay, Slot


class WaitlistWish(ApiModel):
    patient_id: str
    type_code: str
    providers: list[str] | None = None
    site_ids: list[str] | None = None
    first_day: date
    last_day: date
    weekdays: list[int] | None = None
    part_of_day: PartOfDay = "any"
    urgency: int = Field(default=2, ge=1, le=3, description="1 first, 3 last.")
    moves_appointment_id: str | None = Field(
        default=None, description="A later booking that gives way when the offer is accepted."
    )


class WaitlistEntry(ApiModel):
    entry_id: str
    version: int
    wish: WaitlistWish
    state: str
    made_at: datetime
    offers: int
    offered: Slot | None
    offered_until: datetime | None
    patient_name: str | None
    birth_date: str | None
    mrn: str | None
    type_name: str | None


class Waitlist(ApiModel):
    entries: list[WaitlistEntry]
