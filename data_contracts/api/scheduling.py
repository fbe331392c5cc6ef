"""Calendars and bookings: what is offered, what is booked, and what the day of a visit looks like."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName

CalendarKind = Literal["provider", "room", "equipment"]
PartOfDay = Literal["any", "morning", "afternoon"]
VisitMode = Literal["office", "video", "phone", "home"]
Stage = Literal["expected", "arrived", "roomed", "with_clinician", "checked_out"]

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

STAGE_WORDS: dict[Stage, str] = {
    "expected": "Expected",
    "arrived": "Arrived",
    "roomed": "In a room",
    "with_clinician": "With clinician",
    "checked_out": "Checked out",
}

STAGES: tuple[Stage, ...] = ("expected", "arrived", "roomed", "with_clinician", "checked_out")


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


class CoverageShown(ApiModel):
    coverage_id: str
    payer: str | None
    member_id: str | None
    order: int | None
    status: str
    until: str | None
    copay: str | None = Field(
        description="What the coverage says a visit costs, with its currency; null: not said."
    )


class FormItem(ApiModel):
    link_id: str
    text: str
    kind: Literal["display", "boolean", "string", "choice"]
    required: bool
    options: list[str] = []


class DueForm(ApiModel):
    form_id: str
    title: str
    items: list[FormItem]


class NotedCopay(ApiModel):
    amount: str = Field(description="Decimal digits, such as '25.00'.")
    currency: str
    how: str
    noted_at: datetime


class CheckInSheet(ApiModel):
    """What is gone through with a person who has come."""

    visit: VisitCard
    version: str
    stage: Stage
    name: PatientName
    birth_date: str | None
    mrn: str | None
    sex: str | None
    phone: str | None
    email: str | None
    address: str | None
    coverages: list[CoverageShown]
    forms: list[DueForm]
    copay: NotedCopay | None
    identity_checked_at: datetime | None
    coverage_answer: str | None
    coverage_note: str | None
    reported: bool = Field(description="The person has told about allergies and medicines for this visit.")
    preparation: str | None


class FormAnswer(ApiModel):
    form_id: str
    answers: dict[str, bool | str]
    signed_by: str = Field(
        min_length=2, max_length=120, description="The name as it was written by who signs."
    )


class NoteCopay(ApiModel):
    amount: str | None = Field(
        default=None, description="Decimal digits, such as '25.00'; null with none_due."
    )
    how: Literal["cash", "card", "check", "pays_later", "none_due"]


class ReportedChanges(ApiModel):
    """In the person's own words; null: nothing has changed."""

    allergies: str | None = Field(default=None, max_length=1000)
    medications: str | None = Field(default=None, max_length=1000)


class CheckIn(ApiModel):
    version: str
    identity: Literal["two_identifiers"] | None = None
    coverage: Literal["as_shown", "changed", "no_coverage"] | None = None
    coverage_note: str | None = Field(default=None, max_length=300)
    forms: list[FormAnswer] = []
    copay: NoteCopay | None = None
    reported: ReportedChanges | None = None
    arrive: bool = Field(default=True, description="False keeps the answers and leaves the person expected.")


class ReportedChange(ApiModel):
    """What a person told about allergies and medicines, until a clinician has looked."""

    task_id: str
    version: int
    patient_id: str
    patient_name: str | None
    birth_date: str | None
    mrn: str | None
    reported_at: datetime
    reported_by: str
    allergies: str | None
    medications: str | None


class ReportedList(ApiModel):
    changes: list[ReportedChange]
