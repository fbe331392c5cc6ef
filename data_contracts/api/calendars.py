"""Calendars of people, rooms and devices: when they open, and the types of visit that are booked on them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

CalendarKind = Literal["provider", "room", "equipment"]

VisitMode = Literal["office", "video", "phone", "home"]


class Site(ApiModel):
    site_id: str
    name: str
    time_zone: str = Field(description="IANA name: decides what the site's wall clock shows.")


class Calendar(ApiModel):
    """A provider, room or device that can be booked. `actor` is its FHIR reference."""

    actor: str
    kind: CalendarKind
    site_id: str
    name: str
    resource_kind: str | None = Field(description="What appointment types ask for; null for a provider.")
    active: bool
    version: int


class AvailabilityRule(ApiModel):
    """Hours of one weekday, on the wall clock of the site."""

    rule_id: str | None = None
    actor: str
    site_id: str
    weekday: int = Field(ge=1, le=7, description="1 is Monday, 7 is Sunday.")
    opens: time
    closes: time
    valid_from: date | None = None
    valid_until: date | None = None
    type_codes: list[str] | None = Field(default=None, description="Null: any type of appointment.")


class CalendarException(ApiModel):
    """Days on which a calendar is closed, or open beyond its rules."""

    exception_id: str | None = None
    actor: str
    site_id: str
    kind: Literal["closed", "open"]
    first_day: date
    last_day: date
    opens: time | None = Field(default=None, description="Null: from the day's beginning.")
    closes: time | None = Field(default=None, description="Null: to the day's end.")
    reason: str | None = Field(default=None, max_length=200)


class Holiday(ApiModel):
    holiday_id: str | None = None
    site_id: str | None = Field(default=None, description="Null: every site.")
    on_day: date
    name: str = Field(min_length=1, max_length=80)


class HolidayList(ApiModel):
    holidays: list[Holiday]


class AppointmentType(ApiModel):
    code: str = Field(min_length=1, max_length=40, pattern="^[a-z0-9_]+$")
    name: str = Field(min_length=1, max_length=80)
    patient_names: dict[str, str] = Field(default={}, description="What the portal calls it, by language.")
    minutes: int = Field(ge=5, le=480)
    every_minutes: int = Field(ge=5, le=240, description="Grid of the starts that are offered.")
    mode: VisitMode = "office"
    resource_kinds: list[str] = Field(
        default=[], description="One room or device of each kind is booked with it."
    )
    needs_authorization: bool = False
    preparation: str | None = Field(default=None, max_length=500, description="What staff tell the patient.")
    patient_preparations: dict[str, str] = Field(default={}, description="What the portal says, by language.")
    patient_may_book: bool = False
    active: bool = True
    version: int = 0


class SchedulingSetup(ApiModel):
    """What every scheduling screen needs to know, in one answer."""

    sites: list[Site]
    calendars: list[Calendar]
    types: list[AppointmentType]
    time_zone: str = Field(description="The installation's own; a site may have another.")


class CalendarRules(ApiModel):
    """How one calendar opens."""

    calendar: Calendar
    rules: list[AvailabilityRule]
    exceptions: list[CalendarException]
    feed_since: datetime | None = Field(description="When its calendar feed was made; null: it has none.")


class NewCalendar(ApiModel):
    kind: CalendarKind
    site_id: str
    name: str = Field(min_length=1, max_length=80)
    resource_kind: str | None = Field(default=None, max_length=40)
    practitioner_id: str | None = Field(
        default=None, description="Of a provider; null for rooms and devices."
    )


class NewSite(ApiModel):
    site_id: str = Field(description="Id of a Location of the record.")
    time_zone: str


class Candidates(ApiModel):
    """What the record knows and the schedule does not yet: (id, name) in order of name."""

    places: list[tuple[str, str]]
    people: list[tuple[str, str]]


class NewFeed(ApiModel):
    """Shown once: only its hash is kept."""

    path: str = Field(description="Address of the feed below the API's, with its secret.")
