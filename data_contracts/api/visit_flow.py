"""The day of a visit on the flow board: from who is expected to who has left."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.calendars import Calendar
from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName
from data_contracts.api.scheduling import VisitCard

Stage = Literal["expected", "arrived", "roomed", "with_clinician", "checked_out"]

STAGE_WORDS: dict[Stage, str] = {
    "expected": "Expected",
    "arrived": "Arrived",
    "roomed": "In a room",
    "with_clinician": "With clinician",
    "checked_out": "Checked out",
}

STAGES: tuple[Stage, ...] = ("expected", "arrived", "roomed", "with_clinician", "checked_out")


class FlowVisit(ApiModel):
    """A visit on the flow board. `version` holds both the booking's and the board's: a click acts on what was drawn."""

    visit: VisitCard
    stage: Stage
    version: str
    walk_in: bool
    room: str | None
    room_name: str | None
    arrived_at: datetime | None = None
    roomed_at: datetime | None = None
    with_clinician_at: datetime | None = None
    checked_out_at: datetime | None = None
    checked_in: bool = Field(description="Identity and coverage were checked.")
    name: PatientName | None = None
    same_name_today: bool = False


class FlowBoard(ApiModel):
    on: date
    now: datetime
    time_zone: str
    visits: list[FlowVisit]
    rooms: list[Calendar]
    waiting: int = Field(description="People who have arrived and are not in a room yet.")


class MoveOnBoard(ApiModel):
    version: str
    to: Stage
    room: str | None = None


class WalkIn(ApiModel):
    patient_id: str
    type_code: str
    site_id: str
    provider: str | None = Field(default=None, description="Null: waits for whoever is free first.")
    reason: str | None = Field(default=None, max_length=200)
