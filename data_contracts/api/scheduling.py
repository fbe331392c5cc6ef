"""Times that are free, and visits that are booked, moved and called off."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.calendars import Calendar, Holiday
from data_contracts.api.model import ApiModel

PartOfDay = Literal["any", "morning", "afternoon"]

CancelReason = Literal[
    "patient_request", "patient_unwell", "transport", "feels_better", "moved", "clinician_away", "clinic_closed",
    "equipment", "weather", "deceased", "booked_in_error", "other",
]  # fmt: skip

CANCEL_REASON_WORDS: dict[CancelReason, str] = {
    "patient_request": "The patient asked",
    "patient_unwell": "The patient is unwell",
    "transport": "No way to come",
    "feels_better": "The patient feels better",
    "moved": "The patient has moved away",
    "clinician_away": "The clinician is away",
    "clinic_closed": "The clinic is closed",
    "equipment": "A device or room is out of order",
    "weather": "Weather",
    "deceased": "The patient has died",
    "booked_in_error": "Booked in error",
    "other": "Another reason (say which)",
}


class FindSlots(ApiModel):
    """What is looked for. Null means no wish."""

    type_code: str
    patient_id: str | None = None
    providers: list[str] | None = None
    site_ids: list[str] | None = None
    first_day: date | None = Field(default=None, description="Null: today at the site.")
    days: int = Field(default=28, ge=1, le=120)
    weekdays: list[int] | None = None
    part_of_day: PartOfDay = "any"
    near: datetime | None = Field(default=None, description="Rank by nearness to this instant instead.")
    limit: int = Field(default=12, ge=1, le=100)


class BookedResource(ApiModel):
    actor: str
    name: str


class Slot(ApiModel):
    """A time at which everything that the type needs is free."""

    type_code: str
    provider: str
    provider_name: str
    site_id: str
    site_name: str
    time_zone: str = Field(description="Of the site: `starts_at` is shown in it.")
    starts_at: datetime
    ends_at: datetime
    resources: list[BookedResource]
    own_clinician: bool = Field(
        default=False, description="The patient's own clinician: ranked before others."
    )


class SlotsFound(ApiModel):
    slots: list[Slot]
    searched_from: date
    searched_until: date


class HoldSlot(ApiModel):
    type_code: str
    provider: str
    site_id: str
    starts_at: datetime
    patient_id: str | None = None


class Hold(ApiModel):
    hold_id: str
    until: datetime
    slot: Slot


class Repeat(ApiModel):
    every: Literal["week", "two_weeks", "four_weeks"]
    count: int = Field(ge=2, le=52, description="Visits in all, the first one included.")
    skip_taken: bool = Field(
        default=False, description="Leave out dates that are taken rather than book none."
    )


class Authorization(ApiModel):
    state: Literal["obtained", "requested", "not_needed"]
    number: str | None = Field(default=None, max_length=60)


class BookVisit(ApiModel):
    """`hold_id` books what was held, and asked again books nothing twice. Without one, the slot is named."""

    patient_id: str
    type_code: str
    hold_id: str | None = None
    provider: str | None = None
    site_id: str | None = None
    starts_at: datetime | None = None
    reason: str | None = Field(default=None, max_length=200)
    authorization: Authorization | None = None
    repeat: Repeat | None = None
    gap_ids: list[str] = Field(
        default=[], description="Care gaps that this visit is for: they become Scheduled."
    )
    outside_hours: bool = Field(
        default=False, description="Beyond the calendar's hours; needs schedule.manage."
    )


class VisitCard(ApiModel):
    """One booking as lists and calendars show it."""

    appointment_id: str
    version: int = Field(description="Of the Appointment: an act on an older one is refused.")
    status: str
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    type_code: str | None
    type_name: str | None
    reason: str | None
    patient_id: str | None
    patient_name: str | None = Field(description="FAMILY, Given.")
    birth_date: str | None
    mrn: str | None
    provider: str | None
    provider_name: str | None
    site_id: str | None
    resources: list[BookedResource]
    series_id: str | None = None
    confirmed: bool = Field(default=False, description="The patient has said that they come.")
    double_booked: bool = Field(default=False, description="An import brought it over another booking.")


class BookedVisits(ApiModel):
    visits: list[VisitCard] = Field(description="The first is the one asked for; of a series all, in order.")
    skipped: list[datetime] = Field(default=[], description="Dates of the series that were taken.")
    preparation: str | None = None
    told_by: list[str] = Field(default=[], description="Channels on which the patient will be told.")


class MoveVisit(ApiModel):
    """`version` is what was drawn. With `following` the later visits of the series move by the same days and clock."""

    version: int
    starts_at: datetime
    provider: str | None = Field(default=None, description="Null: with whom it was.")
    site_id: str | None = None
    hold_id: str | None = None
    following: bool = False
    outside_hours: bool = False


class CancelVisit(ApiModel):
    version: int
    reason: CancelReason
    note: str | None = Field(default=None, max_length=300)
    following: bool = False


class VisitAct(ApiModel):
    version: int


class CalendarBlock(ApiModel):
    block_id: str
    version: int
    actor: str
    starts_at: datetime
    ends_at: datetime
    words: str | None


class NewBlock(ApiModel):
    actor: str
    starts_at: datetime
    ends_at: datetime
    words: str | None = Field(default=None, max_length=100)


class OpenTime(ApiModel):
    actor: str
    starts_at: datetime
    ends_at: datetime


class CalendarView(ApiModel):
    """Some days of some calendars: who comes, what is blocked, when they are open."""

    first_day: date
    days: int
    time_zone: str
    actors: list[Calendar]
    visits: list[VisitCard]
    blocks: list[CalendarBlock]
    open: list[OpenTime]
    holidays: list[Holiday]
